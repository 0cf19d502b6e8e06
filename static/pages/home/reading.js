/** What the home page reads again and again: the list while it is looked at, one restaurant live, the own tickets. */
import { ask, Refused, statusOf } from "../../lib/api.js";
import { connect } from "../../lib/socket.js";
import { checked } from "./tickets.js";

/** @import { RestaurantPage } from "#api" */
/** @import { Connection } from "../../lib/socket.js" */
/** @import { Action, State } from "./state.js" */

/** @typedef {{ readonly state: State, dispatch: (action: Action) => void, watch: (watcher: (state: State, before: State) => void) => void }} Store */

/** How often the list and the own tickets are read again, ms. */
const LIST_EVERY_MS = 15_000;

/** How often what is left of the menu, ms. */
const MENU_EVERY_MS = 5_000;

/** With a query, so many pages are read to look through. */
const SEARCHED_PAGES_MAX = 10;

/** @param {Store} store */
export function keepReading(store) {
  /** @type {Connection | null} */
  let live = null;
  let searched = 0;
  let reading = false;

  /** @param {boolean} first */
  async function page(first) {
    if (reading) return;
    reading = true;
    const after = first ? "" : `&after=${encodeURIComponent(store.state.next ?? "")}`;
    try {
      /** @type {RestaurantPage} */
      const read = await ask(`/restaurants?limit=50${after}`);
      const anew = first && store.state.restaurants === null;
      if (anew || !first) store.dispatch({ type: "page", page: read, first });
      else store.dispatch({ type: "refreshed", items: read.items });
    } catch (error) {
      store.dispatch({ type: "failed", code: error instanceof Refused ? error.code : "unreachable" });
    } finally {
      reading = false;
    }
  }

  async function mine() {
    store.dispatch({ type: "mine", mine: await checked(store.state.mine) });
  }

  /** @param {string} at */
  async function menu(at) {
    const read = await ask(`${at}/menu`).catch(() => null);
    if (read) store.dispatch({ type: "menu", items: read.items });
  }

  /** @param {string} slug */
  function follow(slug) {
    const at = `/restaurants/${encodeURIComponent(slug)}`;
    const isShown = () => store.state.shop?.slug === slug;
    live = connect(`/v1${at}/board/live`, {
      onFrame: (frame) => isShown() && store.dispatch({ type: "frame", frame }),
      onLink: (link) => isShown() && store.dispatch({ type: "link", link }),
      probe: () => statusOf(`${at}/board`),
    });
    const facts = async () => {
      if (!isShown() || store.state.shop?.link.phase === "ended") return;
      try {
        const [policy, restaurant] = await Promise.all([ask(`${at}/policy`), ask(at)]);
        if (isShown()) store.dispatch({ type: "facts", policy, restaurant });
      } catch {
        // The live state says that there is no connection; asked again until there is.
        setTimeout(facts, MENU_EVERY_MS);
      }
    };
    const menuAgain = async () => {
      if (!isShown() || store.state.shop?.link.phase === "ended") return;
      if (!document.hidden) await menu(at);
      setTimeout(menuAgain, MENU_EVERY_MS);
    };
    void facts();
    void menuAgain();
  }

  store.watch((state, before) => {
    if (state.shop?.slug !== before.shop?.slug) {
      live?.close();
      live = null;
      if (state.shop) follow(state.shop.slug);
    }
    const slug = state.shop?.slug;
    const soldOut = String(state.shop?.frame?.sold_out) !== String(before.shop?.frame?.sold_out);
    const refused = state.shop?.refusal !== before.shop?.refusal && state.shop?.refusal?.code === "sold_out";
    if (slug && (soldOut || refused)) void menu(`/restaurants/${encodeURIComponent(slug)}`);
    const grew = state.restaurants !== before.restaurants || state.query !== before.query;
    if (grew && state.query && state.next && searched < SEARCHED_PAGES_MAX) {
      searched += 1;
      setTimeout(() => page(false));
    }
  });

  async function again() {
    if (!document.hidden) await Promise.all([store.state.shop ? null : page(true), mine()]);
    setTimeout(again, LIST_EVERY_MS);
  }
  void again();
  addEventListener("pageshow", (event) => event.persisted && void mine());

  return {
    more: () => page(false),
    retry: () => page(true),
    list: () => store.state.restaurants ?? page(true),
  };
}
