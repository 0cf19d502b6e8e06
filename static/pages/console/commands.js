/**
 * What staff tell the server. Each press is one intent with one idempotency key: without an answer it is asked again with
 * that key for a while, the page says so, and nothing happens twice. Offline, nothing is sent and nothing is kept for later.
 *
 * @import { CallReason, TicketBody, TicketView } from "#api"
 * @import { Action, State, Undoable } from "./state.js"
 */
import { askUntilAnswered, newKey, Refused, Unreachable } from "../../lib/api.js";
import { t, tOr } from "../../lib/i18n.js";
import { reason } from "../../lib/refusal.js";
import { BANDS, isCurrent, people } from "./selectors.js";

/** After this long without an answer a command is given up, ms; the list tells what became of it. */
const GIVE_UP_MS = 15_000;

/** A second press on `call next` within this time is the same press, ms. */
export const SAME_PRESS_MS = 1_500;

/** @typedef {{ state: State, dispatch: (action: Action) => void }} Store */

/**
 * @typedef {object} Order one command
 * @property {string} id whose button waits
 * @property {string} verb as in `console.did.…`
 * @property {string} path below the restaurant
 * @property {"POST" | "PUT" | "PATCH"} [method]
 * @property {unknown} [body]
 * @property {string} [key]
 * @property {string} [about] whose number stands before a refusal
 */

/** @param {Store} store */
export function createCommands(store) {
  const base = `/restaurants/${encodeURIComponent(store.state.slug)}`;
  let calledNextAt = -Infinity;

  /**
   * @param {Order} order
   * @returns {Promise<{ answer: any } | { error: unknown, words: string } | null>} null: nothing was sent
   */
  async function send({ id, verb, path, method = "POST", body = {}, key = newKey(), about }) {
    if (!isCurrent(store.state, Date.now())) {
      store.dispatch({ type: "toast", kind: "refused", text: t("console.offline_press") });
      return null;
    }
    if (store.state.pending[id]) return null;
    store.dispatch({ type: "began", id, verb });
    try {
      const signal = AbortSignal.timeout(GIVE_UP_MS);
      const onWait = () => store.dispatch({ type: "toast", kind: "unsure", text: t("console.asking_again") });
      return { answer: await askUntilAnswered(base + path, { method, body, key }, { onWait, signal }) };
    } catch (error) {
      if (error instanceof Refused && error.status === 401) store.dispatch({ type: "denied", status: 401 });
      const words = why(error, store.state);
      store.dispatch({ type: "toast", kind: "refused", text: about ? t("console.about", { number: about, words }) : words });
      return { error, words };
    } finally {
      store.dispatch({ type: "ended", id });
    }
  }

  /**
   * A command on one ticket.
   *
   * @param {TicketView} ticket
   * @param {string} verb
   * @param {object} [body]
   */
  async function act(ticket, verb, body = {}) {
    const path = `/tickets/${ticket.id}/${verb.replace("_", "-")}`;
    const outcome = await send({ id: ticket.id, verb, path, body, about: ticket.number });
    if (outcome && "answer" in outcome) {
      remember(verb, outcome.answer);
      told(verb, outcome.answer.ticket);
    }
    return outcome;
  }

  /**
   * @param {string} verb
   * @param {TicketView} ticket
   */
  function told(verb, ticket) {
    const text = tOr(`console.did.${verb}`, "console.did.edit", { number: ticket.number });
    store.dispatch({ type: "toast", kind: "done", text });
  }

  /**
   * @param {string} verb
   * @param {TicketBody} answer
   */
  function remember(verb, { ticket, epoch, rev }) {
    const undoables = ["call", "seat", "complete", "no_show", "put_back", "restore", "cancel"];
    if (!undoables.includes(verb) || !ticket.undo_until) return;
    const { id, number, state, undo_until } = ticket;
    store.dispatch({ type: "did", done: { id, number, state, undo_until, epoch, rev, did: /** @type {Undoable} */ (verb) } });
  }

  /** @param {string} to */
  function destination(to) {
    const trimmed = to.trim();
    if (trimmed) store.dispatch({ type: "went", to: trimmed });
    return trimmed ? { to: trimmed } : {};
  }

  /** @param {TicketView} ticket */
  function shout(ticket) {
    store.dispatch({ type: "hero", number: ticket.number, people: people(ticket), to: ticket.to ?? null });
    store.dispatch({ type: "change", change: { selected: ticket.id } });
  }

  return {
    /** Calls whoever is next in the chosen line and fits the chosen table. */
    async callNext() {
      const { line, band, to } = store.state;
      if (!line || performance.now() - calledNextAt < SAME_PRESS_MS) return;
      calledNextAt = performance.now();
      const body = { ...BANDS[band], ...destination(to) };
      const outcome = await send({ id: "call-next", verb: "call", path: `/lines/${line}/call-next`, body });
      if (!outcome || !("answer" in outcome)) return;
      remember("call", outcome.answer);
      shout(outcome.answer.ticket);
    },

    /**
     * Calls a chosen party; who is not first needs a reason. Answers whether the server wants one.
     *
     * @param {TicketView} ticket
     * @param {CallReason} [why]
     */
    async call(ticket, why) {
      const body = { ...(why ? { reason: why } : {}), ...destination(store.state.to) };
      const outcome = await send({ id: ticket.id, verb: "call", path: `/tickets/${ticket.id}/call`, body, about: ticket.number });
      if (outcome && "answer" in outcome) {
        remember("call", outcome.answer);
        shout(outcome.answer.ticket);
      }
      return Boolean(outcome && "error" in outcome && wantsReason(outcome.error));
    },

    /** @param {TicketView} ticket */
    recall: (ticket) => act(ticket, "recall"),
    /** @param {TicketView} ticket */
    seat: (ticket) => act(ticket, "seat"),
    /** @param {TicketView} ticket */
    complete: (ticket) => act(ticket, "complete"),
    /** @param {TicketView} ticket */
    noShow: (ticket) => act(ticket, "no_show"),
    /** @param {TicketView} ticket @param {number} places */
    putBack: (ticket, places) => act(ticket, "put_back", { places }),
    /** @param {TicketView} ticket @param {number} places from the head */
    restore: (ticket, places) => act(ticket, "restore", { places }),
    /** @param {TicketView} ticket @param {string} why */
    cancel: (ticket, why) => act(ticket, "cancel", why ? { reason: why } : {}),

    /** @param {TicketView} ticket @param {Record<string, unknown>} changes */
    async edit(ticket, changes) {
      const path = `/tickets/${ticket.id}`;
      const outcome = await send({ id: ticket.id, verb: "edit", method: "PATCH", path, body: changes, about: ticket.number });
      if (outcome && "answer" in outcome) told("edit", outcome.answer.ticket);
      return outcome;
    },

    /**
     * Takes an act back. Whatever the server says, the act leaves the stack; without an answer it stays.
     *
     * @param {{ id: string, number: string }} what
     */
    async undo({ id, number }) {
      const outcome = await send({ id, verb: "undo", path: `/tickets/${id}/undo`, about: number });
      if (!outcome) return;
      if ("answer" in outcome) {
        told("undo", outcome.answer.ticket);
        store.dispatch({ type: "change", change: { selected: id } });
      }
      const isAnswered = "answer" in outcome || (outcome.error instanceof Refused && !outcome.error.isTransient);
      if (isAnswered) store.dispatch({ type: "forget", id });
    },

    /**
     * A party that staff add. The key is the caller's, so that a second try of the same form is the same intent.
     *
     * @param {object} body
     * @param {string} key
     */
    add: (body, key) => send({ id: "add", verb: "add", path: "/tickets", body, key }),

    /**
     * Opens, pauses or closes the restaurant, or one line of it.
     *
     * @param {string | null} line
     * @param {{ state: string, until?: number, reason?: string }} body
     */
    async setState(line, body) {
      const path = line ? `/lines/${line}/state` : "/state";
      const outcome = await send({ id: "opening", verb: "opening", method: "PUT", path, body });
      if (outcome && "answer" in outcome) {
        const state = tOr(`open.${body.state}`, "open.open");
        store.dispatch({ type: "toast", kind: "done", text: t("console.did.opening", { state }) });
      }
      return outcome;
    },

    /** @param {string} text empty takes it away @param {number} [until] */
    async announce(text, until) {
      const body = until ? { text, until } : { text };
      const outcome = await send({ id: "announce", verb: "announce", method: "PUT", path: "/announcement", body });
      if (outcome && "answer" in outcome) {
        store.dispatch({ type: "toast", kind: "done", text: text ? t("console.did.announce") : t("console.did.hush") });
      }
      return outcome;
    },

    /**
     * More or less of an item. Quick presses add up: each is an intent of its own.
     *
     * @param {string} item @param {number} by
     */
    stockBy: (item, by) =>
      send({ id: `stock:${item}:${newKey()}`, verb: "stock", path: `/stock/${encodeURIComponent(item)}/adjust`, body: { by } }),

    /** @param {string} item @param {number | null} left null: not counted */
    stockTo: (item, left) =>
      send({ id: `stock:${item}`, verb: "stock", method: "PUT", path: `/stock/${encodeURIComponent(item)}`, body: { left } }),
  };
}

/**
 * @param {unknown} error
 * @returns {boolean}
 */
function wantsReason(error) {
  return error instanceof Refused && error.errors.some(({ field, code }) => field === "reason" && code === "required");
}

/**
 * Why not, with the field or the dish it is about.
 *
 * @param {unknown} error
 * @param {State} state
 */
function why(error, { shop }) {
  if (error instanceof Unreachable) return t("console.no_answer");
  const words = reason(error);
  if (!(error instanceof Refused)) return words;
  const dishes = (error.problem.items ?? []).map((id) => shop.menu.find((item) => item.id === id)?.name ?? id);
  const fields = error.errors.map(({ field }) => tOr(`console.field.${field}`, "console.field.other"));
  const what = [...dishes, ...new Set(fields)].join(", ");
  return what ? t("console.with_detail", { words, what }) : words;
}
