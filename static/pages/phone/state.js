/**
 * What the phone page knows, and what each event makes of it. Pure: times are handed in, words and sounds are made elsewhere.
 *
 * Invariant: an older frame never replaces a newer one, whether it came by socket, as the answer of a command, or from memory.
 */
import { newer } from "../../lib/frames.js";
import { freshness, remainingMs, UNCONNECTED } from "../../lib/link.js";

/** @import { BoardFrame, MenuItemBody, TicketFrame } from "#api" */
/** @import { Link } from "../../lib/link.js" */

/** @typedef {"delay" | "cancel" | "door" | "alerts"} SheetName */
/** @typedef {"delay" | "check-in" | "cancel" | "undo" | "rejoin"} Verb */

/**
 * Why the ticket stands where it stands, read from two frames that follow each other.
 *
 * @typedef {object} Moved
 * @property {"delayed" | "put_back" | "grace_over" | "restored" | "undone" | "line" | "inserted"} kind
 * @property {number} at
 * @property {number} n parties, of `inserted`
 */

/**
 * The rest of the line, as far as it decides where a delay lands.
 *
 * @typedef {object} Crowd
 * @property {BoardFrame["lines"][number] | null} line
 * @property {number} placesMax
 */

/**
 * @typedef {object} State
 * @property {TicketFrame | null} frame
 * @property {number} heardAt local time at which the frame came, ms
 * @property {boolean} isRemembered the frame is of an earlier visit
 * @property {Link} link
 * @property {Moved | null} moved
 * @property {SheetName | null} sheet
 * @property {number} places chosen in the delay sheet
 * @property {Crowd | null} crowd
 * @property {Verb | null} busy
 * @property {{ verb: Verb | null, error: unknown } | null} failure
 * @property {string | null} acknowledged the call whose alarm was stopped here
 * @property {{ wanted: boolean, allowed: boolean }} sound
 * @property {"none" | "ringing" | "done"} rehearsal of the alarm
 * @property {boolean} isMenuOpen
 * @property {MenuItemBody[] | null} menu
 * @property {string | null} currency
 */

/**
 * @typedef {{ type: "frame", frame: TicketFrame, now: number }
 *   | { type: "link", link: Link }
 *   | { type: "sheet", sheet: SheetName | null }
 *   | { type: "places", places: number }
 *   | { type: "crowd", crowd: Crowd }
 *   | { type: "sent", verb: Verb }
 *   | { type: "answered" }
 *   | { type: "failed", verb: Verb, error: unknown, code: string | null }
 *   | { type: "unopened", error: unknown }
 *   | { type: "acknowledged" }
 *   | { type: "sound", sound: State["sound"] }
 *   | { type: "rehearsal", rehearsal: State["rehearsal"] }
 *   | { type: "menu", isOpen: boolean }
 *   | { type: "menu_came", items: MenuItemBody[] }
 *   | { type: "currency", currency: string }} Action
 */

/** @type {State} */
export const INITIAL = {
  frame: null,
  heardAt: 0,
  isRemembered: false,
  link: UNCONNECTED,
  moved: null,
  sheet: null,
  places: 1,
  crowd: null,
  busy: null,
  failure: null,
  acknowledged: null,
  sound: { wanted: true, allowed: false },
  rehearsal: "none",
  isMenuOpen: false,
  menu: null,
  currency: null,
};

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
      return { ...state, link: { ...action.link, freshAt: action.link.freshAt ?? state.link.freshAt } };
    case "sheet":
      return opened(state, action.sheet);
    case "places":
      return { ...state, places: action.places };
    case "crowd":
      return { ...state, crowd: action.crowd };
    case "sent":
      return { ...state, busy: action.verb, failure: null };
    case "answered":
      return { ...state, busy: null, sheet: null };
    case "failed":
      return failed(state, action);
    case "unopened":
      return state.sheet ? { ...state, sheet: null, failure: { verb: null, error: action.error } } : state;
    case "acknowledged":
      return { ...state, acknowledged: state.frame && callOf(state.frame) };
    case "sound":
      return { ...state, sound: action.sound };
    case "rehearsal":
      return { ...state, rehearsal: action.rehearsal };
    case "menu":
      return { ...state, isMenuOpen: action.isOpen };
    case "menu_came":
      return { ...state, menu: action.items };
    case "currency":
      return { ...state, currency: action.currency };
  }
}

/**
 * @param {State} state
 * @param {TicketFrame} frame
 * @param {number} now
 * @returns {State}
 */
function withFrame(state, frame, now) {
  if (newer(state.frame, frame) !== frame) return state;
  const isSameState = state.frame?.state === frame.state;
  return {
    ...state,
    frame,
    heardAt: now,
    isRemembered: false,
    moved: movement(state.frame, frame) ?? (isSameState ? state.moved : null),
    // A question about a state that is over would be answered for another one.
    sheet: isSameState || state.sheet === "alerts" && frame.state !== "called" ? state.sheet : null,
    failure: isSameState ? state.failure : null,
  };
}

/**
 * What changed the ticket's place other than parties ahead that left.
 *
 * @param {TicketFrame | null} before
 * @param {TicketFrame} after
 * @returns {Moved | null}
 */
export function movement(before, after) {
  if (!before || after.state !== "waiting") return null;
  /** @param {Moved["kind"]} kind */
  const moved = (kind, n = 0) => ({ kind, at: after.at, n });
  if (after.delays > before.delays) return moved("delayed");
  switch (before.state) {
    case "waiting": {
      if (after.line !== before.line) return moved("line");
      const more = (after.ahead ?? 0) - (before.ahead ?? 0);
      return more > 0 ? moved("inserted", more) : null;
    }
    case "called":
      return moved(before.grace_until && after.at >= before.grace_until ? "grace_over" : "put_back");
    case "no_show":
      return moved("restored");
    default:
      return moved("undone");
  }
}

/**
 * @param {State} state
 * @param {SheetName | null} sheet
 * @returns {State}
 */
function opened(state, sheet) {
  if (sheet === state.sheet) return state;
  const crowd = sheet === "delay" ? null : state.crowd;
  return { ...state, sheet, crowd, places: 1, failure: null, rehearsal: "none" };
}

/**
 * A check-in that needs the code at the door asks for it; what was refused there is told there.
 *
 * @param {State} state
 * @param {{ verb: Verb, error: unknown, code: string | null }} action
 * @returns {State}
 */
function failed(state, { verb, error, code }) {
  const asks = verb === "check-in" && code === "door_code" && state.sheet !== "door";
  return { ...state, busy: null, sheet: asks ? "door" : state.sheet, failure: asks ? null : { verb, error } };
}

/**
 * A call and its number: a recall is another one.
 *
 * @param {TicketFrame} frame
 */
export function callOf(frame) {
  return `${frame.called_at}:${frame.calls}`;
}

/**
 * Whether the restaurant was rebuilt without this ticket.
 *
 * @param {State} state
 */
export function isLost({ link }) {
  return link.phase === "ended" && link.code === 410;
}

/**
 * Milliseconds to a time of the server.
 *
 * @param {State} state
 * @param {number | null | undefined} until
 * @param {number} now
 */
export function remaining(state, until, now) {
  return state.frame && until ? remainingMs(until, state.frame, now - state.heardAt) : 0;
}

/**
 * Milliseconds since a time of the server.
 *
 * @param {State} state
 * @param {number} at
 * @param {number} now
 */
export function since(state, at, now) {
  return state.frame ? Math.max(0, state.frame.at - at + Math.max(0, now - state.heardAt)) : 0;
}

/**
 * Whether what is shown may no longer be true.
 *
 * @param {State} state
 * @param {number} now
 */
export function isOld(state, now) {
  return state.isRemembered || freshness(state.link, now).state === "old";
}

/**
 * Whether this phone should be heard now: called, not acknowledged here, and the grace runs.
 *
 * @param {State} state
 * @param {number} now
 */
export function isRinging(state, now) {
  const { frame } = state;
  if (!frame || state.isRemembered || isLost(state) || frame.state !== "called") return false;
  return state.acknowledged !== callOf(frame) && remaining(state, frame.grace_until, now) > 0;
}

/**
 * Whether it is time to be near: close, next or called.
 *
 * @param {State} state
 */
export function isNear(state) {
  const { frame } = state;
  if (!frame || isLost(state)) return false;
  return frame.state === "called" || frame.notices.some(({ kind }) => kind === "close" || kind === "next");
}

/**
 * Whether the guest's own cancelling can still be taken back.
 *
 * @param {State} state
 * @param {number} now
 */
export function mayUndo(state, now) {
  const { frame } = state;
  if (frame?.state !== "cancelled" || !["guest", "device"].includes(frame.ended?.by ?? "")) return false;
  return remaining(state, frame.undo_until, now) > 0;
}
