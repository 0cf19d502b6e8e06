/** What a guest's touches ask of the server. Everything that comes of it is an action of the store. */
import { ask, newKey, Refused } from "../../lib/api.js";
import { joinsOf } from "../../parts/joining.js";
import { joinOf, refusedBy } from "./state.js";

/** @import { Pending } from "../../parts/pending.js" */
/** @import { Refusal } from "./guest.js" */
/** @import { Action, State } from "./state.js" */

/** @typedef {ReturnType<typeof commandsOf>} Commands */

/** How often a found ticket is read again, ms. */
const FOUND_EVERY_MS = 3_000;

/** @param {{ readonly state: State, dispatch: (action: Action) => void }} store */
export function commandsOf(store) {
  const joins = joinsOf("joins-kiosk");
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let rereading;

  /**
   * @param {Pending} pending
   * @param {boolean} resumed
   */
  async function finish(pending, resumed) {
    store.dispatch({ type: "joining", pending, resumed, now: Date.now() });
    const isShown = () => store.state.guest.joining?.pending.key === pending.key;
    try {
      const ticket = await joins.finish(pending, () => {
        if (isShown()) store.dispatch({ type: "waiting", now: Date.now() });
      });
      if (ticket && isShown()) store.dispatch({ type: "joined", ticket, now: Date.now() });
      else if (isShown()) leaveUnanswered();
    } catch (error) {
      if (isShown()) refuse(error, "phone" in pending.body);
    }
  }

  function leaveUnanswered() {
    store.dispatch({ type: "left" });
    void joins.settle();
  }

  /**
   * @param {unknown} error
   * @param {boolean} [withPhone]
   */
  function refuse(error, withPhone = false) {
    store.dispatch({ type: "refused", refusal: refusalOf(error, withPhone), now: Date.now() });
  }

  /**
   * One command about the found ticket at a time; then the ticket as it is now.
   *
   * @param {string} what
   * @param {(id: string) => Promise<unknown>} command
   */
  async function onFound(what, command) {
    const id = store.state.guest.found?.frame.id;
    if (!id || store.state.guest.busy) return;
    store.dispatch({ type: "busy", what });
    const isShown = () => store.state.guest.found?.frame.id === id;
    try {
      const frame = await command(id);
      if (!isShown()) return;
      store.dispatch({ type: "ticket", frame: /** @type {any} */ (frame) });
      store.dispatch({ type: "sheet", sheet: null });
    } catch (error) {
      if (isShown()) refuse(error);
    } finally {
      if (isShown()) store.dispatch({ type: "busy", what: null });
    }
  }

  /** The ticket on the screen moves on while it is looked at. */
  function reread() {
    clearTimeout(rereading);
    rereading = setTimeout(async () => {
      const id = store.state.guest.found?.frame.id;
      if (!id) return;
      await ask(`/tickets/${id}`).then(
        (frame) => store.dispatch({ type: "ticket", frame }),
        () => undefined,
      );
      reread();
    }, FOUND_EVERY_MS);
  }

  /** @param {string} verb @param {unknown} [body] */
  const post = (verb, body = {}) => {
    const key = newKey();
    return onFound(verb, (id) => ask(`/tickets/${id}/${verb}`, { method: "POST", body, key }));
  };

  return {
    /** @param {{ withPhone: boolean, drop?: boolean }} choice */
    join(choice) {
      const { state } = store;
      if (state.guest.joining) return;
      const code = refusedBy(state);
      if (code) store.dispatch({ type: "refused", refusal: { code, items: [], withPhone: false }, now: Date.now() });
      else void finish(joins.begin(state.slug, joinOf(state, choice)), false);
    },

    /** A join that a reload or a power cut interrupted goes on; given-up ones are settled. */
    resume() {
      const pending = joins.unfinished(store.state.slug);
      if (pending) void finish(pending, true);
      void joins.settle();
    },

    giveUp() {
      const { joining } = store.state.guest;
      if (!joining) return;
      store.dispatch({ type: "left" });
      joins.abandon(joining.pending.key);
    },

    async find() {
      const { finding, busy } = store.state.guest;
      if (busy) return;
      store.dispatch({ type: "busy", what: "find" });
      const isShown = () => store.state.guest.finding === finding;
      const body = { number: `${finding.letter}${finding.number}`, code: finding.code };
      const path = `/restaurants/${encodeURIComponent(store.state.slug)}/tickets/find`;
      try {
        const { id, url } = await ask(path, { method: "POST", body });
        const frame = await ask(`/tickets/${id}`);
        if (!isShown()) return;
        store.dispatch({ type: "found", frame, url, code: body.code, now: Date.now() });
        reread();
      } catch (error) {
        if (isShown()) refuse(error);
      } finally {
        if (isShown()) store.dispatch({ type: "busy", what: null });
      }
    },

    checkIn() {
      const door = store.state.frame?.door;
      return post("check-in", door ? { door } : {});
    },
    delay: () => post("delay", { places: store.state.guest.places }),
    rejoin: () => post("rejoin"),
    undo: () => post("undo"),
    cancel() {
      const key = newKey();
      return onFound("cancel", (id) => ask(`/tickets/${id}`, { method: "DELETE", key }));
    },
  };
}

/**
 * @param {unknown} error
 * @param {boolean} withPhone
 * @returns {Refusal}
 */
function refusalOf(error, withPhone) {
  if (error instanceof Refused) return { code: error.code, items: error.problem.items ?? [], withPhone };
  return { code: "unreachable", items: [], withPhone };
}
