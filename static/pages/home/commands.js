/** What the guest asks of the server from home. */
import { ask, Refused } from "../../lib/api.js";
import { spoken } from "../../lib/i18n.js";
import { joinsOf } from "../../parts/joining.js";
import { joinOf } from "./state.js";
import { rememberTicket } from "./tickets.js";

/** @import { Pending } from "../../parts/pending.js" */
/** @import { Action, State } from "./state.js" */

/** @typedef {ReturnType<typeof commandsOf>} Commands */

/** @param {{ readonly state: State, dispatch: (action: Action) => void }} store */
export function commandsOf(store) {
  const joins = joinsOf("joins-home");

  /**
   * @param {Pending} pending
   * @param {boolean} resumed
   */
  async function finish(pending, resumed) {
    store.dispatch({ type: "joining", pending, resumed });
    const isShown = () => store.state.shop?.joining?.pending.key === pending.key;
    try {
      const ticket = await joins.finish(pending, () => isShown() && store.dispatch({ type: "waiting" }));
      if (!ticket) {
        if (isShown()) store.dispatch({ type: "answered" });
        return void joins.settle();
      }
      const name = store.state.shop?.frame?.restaurant.name ?? pending.slug;
      rememberTicket({ id: ticket.id, number: ticket.number, name, slug: pending.slug, at: ticket.joined_at });
      if (isShown()) follow(ticket);
    } catch (error) {
      if (isShown()) refuse(error, "join");
    }
  }

  /** The ticket's page is on this origin, whatever the public address is. @param {{ url: string }} ticket */
  function follow({ url }) {
    location.assign(new URL(url).pathname);
  }

  /**
   * @param {unknown} error
   * @param {"join" | "find"} of
   */
  function refuse(error, of) {
    const code = error instanceof Refused ? error.code : "unreachable";
    const items = error instanceof Refused ? (error.problem.items ?? []) : [];
    store.dispatch({ type: "refused", code, items, of });
  }

  return {
    /** @param {boolean} [drop] without what is sold out */
    join(drop = false) {
      const { shop } = store.state;
      const body = shop && !shop.joining ? joinOf(shop, spoken(), drop) : null;
      if (shop && body) void finish(joins.begin(shop.slug, body), false);
    },

    /** The restaurant whose join was interrupted by a reload; it goes on. */
    resume() {
      const pending = joins.unfinished(null);
      if (pending) {
        store.dispatch({ type: "open", slug: pending.slug });
        void finish(pending, true);
      }
      void joins.settle();
    },

    giveUp() {
      const key = store.state.shop?.joining?.pending.key;
      if (!key) return;
      store.dispatch({ type: "answered" });
      joins.abandon(key);
    },

    async find() {
      const { shop } = store.state;
      if (!shop || shop.finding) return;
      store.dispatch({ type: "finding", busy: true });
      const body = { number: shop.form.number.trim().toUpperCase(), code: shop.form.code.trim() };
      try {
        const found = await ask(`/restaurants/${encodeURIComponent(shop.slug)}/tickets/find`, { method: "POST", body });
        const name = store.state.shop?.frame?.restaurant.name ?? shop.slug;
        rememberTicket({ id: found.id, number: body.number, name, slug: shop.slug, at: store.state.shop?.frame?.at ?? 0 });
        follow(found);
      } catch (error) {
        refuse(error, "find");
      } finally {
        store.dispatch({ type: "finding", busy: false });
      }
    },
  };
}
