/**
 * What the console knows, and what each action makes of it. Pure.
 *
 * Invariant: everything about the line comes from frames. A command's answer only adds to the undo stack, points at the
 * ticket and says a word; the rows move when the frame says so, on every device alike.
 *
 * @import { DeltaFrame, MenuItemBody, Policy, QueueFrame, TicketState } from "#api"
 * @import { Link } from "../../lib/link.js"
 */
import { newer, supersedes, withDelta } from "../../lib/frames.js";
import { UNCONNECTED } from "../../lib/link.js";

/** How many of its own acts a device can step back through. */
export const UNDO_MAX = 20;

/** @typedef {"waiting" | "no_show" | "ended"} List what the left column lists */
/** @typedef {"call" | "seat" | "complete" | "no_show" | "put_back" | "restore" | "cancel"} Undoable */

/**
 * Something this device did that can be undone. The record on the server is the same one only as long as the ticket's
 * state and `undo_until` are those of the answer.
 *
 * @typedef {object} Done
 * @property {string} id the ticket
 * @property {string} number
 * @property {Undoable} did
 * @property {TicketState} state
 * @property {number} undo_until
 * @property {number} epoch
 * @property {number} rev
 */

/** @typedef {{ kind: string, ticket?: string, draft: Record<string, any>, error?: string }} Sheet */
/** @typedef {{ text: string, kind: "done" | "refused" | "unsure", serial: number }} Toast */
/** @typedef {{ number: string, people: number, to: string | null, serial: number }} Hero */

/**
 * What the device remembers for this restaurant.
 *
 * @typedef {object} Kept
 * @property {Done[]} undo
 * @property {string | null} line whom `call next` calls from
 * @property {string} band
 * @property {string} to
 * @property {string[]} places destinations used before
 * @property {number | null} rebuiltSeen the rebuild of the line that was read and put away here
 */

/**
 * @typedef {object} State
 * @property {string} slug
 * @property {QueueFrame | null} queue
 * @property {number} heardAt local time at which the queue's `at` was true, ms
 * @property {boolean} gap a delta did not follow: a whole frame has to be asked for
 * @property {Link} link
 * @property {number | null} denied the HTTP status with which a command was turned away for good
 * @property {{ menu: MenuItemBody[], currency: string, timeZone: string | undefined }} shop
 * @property {Policy | null} policy
 * @property {string} tab `all`, or the letter of a line
 * @property {List} list
 * @property {string | null} selected a ticket's id
 * @property {string} search
 * @property {string | null} line
 * @property {string} band
 * @property {string} to
 * @property {string[]} places
 * @property {number | null} rebuiltSeen
 * @property {Sheet | null} sheet
 * @property {Record<string, string>} pending what is being done, by ticket or command
 * @property {Toast | null} toast
 * @property {Hero | null} hero
 * @property {string} said for a screen reader
 * @property {number} serial counts words said, so that the same words twice are news
 * @property {Done[]} undo
 * @property {boolean} sound
 * @property {boolean} keys whether single letters are shortcuts
 */

/**
 * @typedef {{ type: "frame", frame: QueueFrame | DeltaFrame, now: number }
 *   | { type: "link", link: Link }
 *   | { type: "shop", shop: State["shop"], policy: Policy }
 *   | { type: "denied", status: number | null }
 *   | { type: "change", change: Partial<Pick<State, "tab" | "list" | "selected" | "search" | "line" | "band" | "to" | "sound" | "keys" | "rebuiltSeen">> }
 *   | { type: "sheet", sheet: Sheet | null }
 *   | { type: "draft", draft: Record<string, any> }
 *   | { type: "sheet_error", error: string }
 *   | { type: "began", id: string, verb: string }
 *   | { type: "ended", id: string }
 *   | { type: "did", done: Done }
 *   | { type: "forget", id: string }
 *   | { type: "went", to: string }
 *   | { type: "toast", text: string, kind: Toast["kind"] }
 *   | { type: "hero", number: string, people: number, to: string | null }
 *   | { type: "hush", what: "toast" | "hero", serial: number }
 *   | { type: "say", text: string }} Action
 */

/**
 * @param {string} slug
 * @param {Partial<Kept> & { sound?: boolean, keys?: boolean }} kept
 * @returns {State}
 */
export function initial(slug, kept = {}) {
  return {
    slug,
    queue: null,
    heardAt: 0,
    gap: false,
    link: UNCONNECTED,
    denied: null,
    shop: { menu: [], currency: "KRW", timeZone: undefined },
    policy: null,
    tab: "all",
    list: "waiting",
    selected: null,
    search: "",
    line: kept.line ?? null,
    band: kept.band ?? "all",
    to: kept.to ?? "",
    places: kept.places ?? [],
    rebuiltSeen: kept.rebuiltSeen ?? null,
    sheet: null,
    pending: {},
    toast: null,
    hero: null,
    said: "",
    serial: 0,
    undo: kept.undo ?? [],
    sound: kept.sound ?? true,
    keys: kept.keys ?? true,
  };
}

/**
 * @param {State} state
 * @param {Action} action
 * @returns {State}
 */
export function reduce(state, action) {
  switch (action.type) {
    case "frame":
      return withFrame(state, action.frame, action.now);
    case "link":
      return { ...state, link: action.link, denied: action.link.phase === "open" ? null : state.denied };
    case "shop":
      return { ...state, shop: action.shop, policy: action.policy };
    case "denied":
      return { ...state, denied: action.status };
    case "change":
      return changed(state, action.change);
    case "sheet":
      return { ...state, sheet: action.sheet };
    case "draft":
      return state.sheet ? { ...state, sheet: { ...state.sheet, draft: { ...state.sheet.draft, ...action.draft } } } : state;
    case "sheet_error":
      return state.sheet ? { ...state, sheet: { ...state.sheet, error: action.error } } : state;
    case "began":
      return { ...state, pending: { ...state.pending, [action.id]: action.verb } };
    case "ended": {
      const { [action.id]: _, ...pending } = state.pending;
      return { ...state, pending };
    }
    case "did":
      return { ...state, undo: [...without(state.undo, action.done.id), action.done].slice(-UNDO_MAX) };
    case "forget":
      return { ...state, undo: without(state.undo, action.id) };
    case "went":
      return { ...state, places: [action.to, ...state.places.filter((place) => place !== action.to)].slice(0, 8) };
    case "toast":
      return spoke(state, { toast: { text: action.text, kind: action.kind, serial: state.serial + 1 } });
    case "hero":
      return spoke(state, {
        hero: { number: action.number, people: action.people, to: action.to, serial: state.serial + 1 },
        toast: null,
      });
    case "hush":
      return state[action.what]?.serial === action.serial ? { ...state, [action.what]: null } : state;
    case "say":
      return spoke(state, { said: action.text });
  }
}

/**
 * What is worth keeping on this device.
 *
 * @param {State} state
 * @returns {Kept}
 */
export function kept({ undo, line, band, to, places, rebuiltSeen }) {
  return { undo, line, band, to, places, rebuiltSeen };
}

/**
 * @param {State} state
 * @param {Partial<State>} words
 */
function spoke(state, words) {
  return { ...state, ...words, serial: state.serial + 1 };
}

/**
 * @param {State} state
 * @param {QueueFrame | DeltaFrame} frame
 * @param {number} now
 * @returns {State}
 */
function withFrame(state, frame, now) {
  const isDelta = frame.type === "delta";
  if (isDelta && !state.queue) return { ...state, gap: true };
  if (state.queue && !supersedes(state.queue, frame)) return state;
  const queue = isDelta
    ? withDelta(/** @type {QueueFrame} */ (state.queue), /** @type {DeltaFrame} */ (frame))
    : newer(state.queue, /** @type {QueueFrame} */ (frame));
  if (!queue) return { ...state, gap: true };
  const letters = queue.lines.map(({ line }) => line);
  return {
    ...state,
    queue,
    heardAt: now,
    gap: false,
    tab: letters.includes(state.tab) ? state.tab : "all",
    line: state.line && letters.includes(state.line) ? state.line : (letters[0] ?? null),
    selected: queue.tickets.some(({ id }) => id === state.selected) ? state.selected : null,
    undo: state.undo.filter((done) => isStill(done, queue)),
  };
}

/**
 * Whether the server's undo record still is the one of this act. An answer may be ahead of the frames: then wait.
 *
 * @param {Done} done
 * @param {QueueFrame} queue
 */
function isStill(done, queue) {
  if (done.epoch === queue.epoch && done.rev > queue.rev) return true;
  if (done.undo_until <= queue.at) return false;
  const ticket = queue.tickets.find(({ id }) => id === done.id);
  return ticket !== undefined && ticket.state === done.state && ticket.undo_until === done.undo_until;
}

/**
 * @param {State} state
 * @param {Partial<State>} change
 * @returns {State}
 */
function changed(state, change) {
  const next = { ...state, ...change };
  // Whoever looks at one line calls from it; a hidden line must not be called by surprise.
  if (change.tab && change.tab !== "all") next.line = change.tab;
  return next;
}

/**
 * @param {Done[]} undo
 * @param {string} id
 */
function without(undo, id) {
  return undo.filter((done) => done.id !== id);
}
