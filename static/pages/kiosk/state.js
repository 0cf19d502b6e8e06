/**
 * What a kiosk shows, and how it changes. Pure: times are handed in.
 *
 * Invariant: `left` and every return by itself replace the guest as a whole, so nothing of one is there for the next.
 *
 * @import { BoardFrame, Join, Joined, MenuItemBody, Policy, RestaurantBody, TicketFrame } from "#api"
 * @import { Language } from "../../lib/i18n.js"
 * @import { Link } from "../../lib/link.js"
 * @import { Pending } from "../../parts/pending.js"
 * @import { Guest, Refusal } from "./guest.js"
 */
import { newer } from "../../lib/frames.js";
import { UNCONNECTED } from "../../lib/link.js";
import { changed, itemsOf } from "../../parts/cart.js";
import { barrier, lineMeant } from "../../parts/openness.js";
import { fitted, stepped } from "../../parts/party.js";
import { DIGITS_MAX } from "../../parts/phone-number.js";
import { firstDigits, nobody, patienceMs } from "./guest.js";

/**
 * @typedef {object} State
 * @property {string} slug
 * @property {Language} language the kiosk's own
 * @property {Link} link
 * @property {BoardFrame | null} frame
 * @property {Policy | null} policy
 * @property {RestaurantBody | null} restaurant
 * @property {MenuItemBody[]} menu
 * @property {Guest} guest
 * @property {number} now local time of the last second, ms
 */

/**
 * @typedef {{ type: "frame", frame: BoardFrame }
 *   | { type: "link", link: Link }
 *   | { type: "policy", policy: Policy }
 *   | { type: "restaurant", restaurant: RestaurantBody }
 *   | { type: "menu", items: MenuItemBody[] }
 *   | { type: "second", now: number }
 *   | { type: "touched", now: number }
 *   | { type: "left" }
 *   | { type: "go", screen: "start" | "options" | "find", now: number }
 *   | { type: "language", language: Language }
 *   | { type: "toggle", what: "large" | "low" }
 *   | { type: "line", line: string }
 *   | { type: "party", who: "adults" | "children", by: number }
 *   | { type: "panel", panel: "phone" | "order" }
 *   | { type: "key", key: string }
 *   | { type: "field", field: "number" | "code" }
 *   | { type: "letter", letter: string }
 *   | { type: "order", item: MenuItemBody, by: number }
 *   | { type: "joining", pending: Pending, resumed: boolean, now: number }
 *   | { type: "waiting", now: number }
 *   | { type: "joined", ticket: Joined, now: number }
 *   | { type: "refused", refusal: Refusal, now: number }
 *   | { type: "busy", what: string | null }
 *   | { type: "found", frame: TicketFrame, url: string, code: string, now: number }
 *   | { type: "ticket", frame: TicketFrame }
 *   | { type: "sheet", sheet: Guest["sheet"] }
 *   | { type: "places", by: number }} Action
 */

/**
 * @param {string} slug
 * @param {Language} language
 * @param {number} now
 * @returns {State}
 */
export function initial(slug, language, now) {
  const guest = nobody(language);
  return { slug, language, link: UNCONNECTED, frame: null, policy: null, restaurant: null, menu: [], guest, now };
}

/**
 * @param {State} state
 * @param {Action} action
 * @returns {State}
 */
export function reduce(state, action) {
  switch (action.type) {
    case "frame":
      return { ...state, frame: newer(state.frame, action.frame) };
    case "link":
      return { ...state, link: action.link };
    case "restaurant":
      return { ...state, restaurant: action.restaurant };
    case "menu":
      return { ...state, menu: action.items };
    case "policy":
      return withGuest({ ...state, policy: action.policy }, fitted(state.guest, action.policy));
    case "second":
      return second({ ...state, now: action.now });
    case "left":
      return { ...state, guest: nobody(state.language) };
    default:
      return { ...state, guest: guestAfter(state, action) };
  }
}

/**
 * @param {State} state
 * @param {Partial<Guest>} change
 * @returns {State}
 */
function withGuest(state, change) {
  return { ...state, guest: { ...state.guest, ...change } };
}

/** @param {State} state */
function second(state) {
  const { leaveAt } = state.guest;
  return leaveAt !== null && state.now >= leaveAt ? { ...state, guest: nobody(state.language) } : state;
}

/**
 * @param {State} state
 * @param {Exclude<Action, { type: "frame" | "link" | "policy" | "restaurant" | "menu" | "second" | "left" }>} action
 * @returns {Guest}
 */
function guestAfter({ guest, policy, frame }, action) {
  switch (action.type) {
    case "touched":
      return lasting(guest, action.now);
    case "go": {
      // From here on it is this line, and no other in its place.
      const line = action.screen === "options" ? (lineMeant(frame, guest.line)?.line ?? null) : guest.line;
      return lasting({ ...guest, line, screen: action.screen, refusal: null, sheet: null, found: null }, action.now);
    }
    case "language":
      return { ...guest, language: action.language, phone: phoneIn(action.language, guest) };
    case "toggle":
      return { ...guest, [action.what]: !guest[action.what] };
    case "line":
      return { ...guest, line: action.line, refusal: null };
    case "party":
      return { ...guest, ...stepped(guest, action.who, action.by, policy), refusal: null };
    case "panel":
      return { ...guest, panel: action.panel };
    case "order":
      return { ...guest, cart: changed(guest.cart, action.item, action.by, policy?.per_ticket_max ?? 1), refusal: null };
    case "key":
      return { ...typed(guest, action.key, frame), refusal: null };
    case "field":
      return { ...guest, finding: { ...guest.finding, field: action.field } };
    case "letter":
      return { ...guest, finding: { ...guest.finding, letter: action.letter, field: "number" }, refusal: null };
    case "joining": {
      const joining = { pending: action.pending, sinceMs: action.now, waits: action.resumed ? 1 : 0 };
      const asked = action.resumed ? { ...askedIn(action.pending.body), screen: /** @type {const} */ ("joining") } : {};
      return { ...guest, ...asked, joining, refusal: null, leaveAt: null };
    }
    case "waiting":
      if (!guest.joining) return guest;
      return { ...guest, screen: "joining", joining: { ...guest.joining, waits: guest.joining.waits + 1 }, leaveAt: null };
    case "joined":
      return lasting({ ...guest, screen: "ticket", joining: null, ticket: action.ticket, phone: "", sheet: null }, action.now);
    case "refused":
      return lasting(mended(guest, action.refusal), action.now);
    case "busy":
      return { ...guest, busy: action.what };
    case "found": {
      const { frame: ticket, url, code } = action;
      const found = { frame: ticket, url, code };
      return lasting({ ...guest, screen: "found", found, busy: null, refusal: null, finding: nobody(guest.language).finding }, action.now);
    }
    case "ticket":
      return guest.found ? { ...guest, found: { ...guest.found, frame: newer(guest.found.frame, action.frame) } } : guest;
    case "sheet":
      return { ...guest, sheet: action.sheet, places: 1, refusal: null };
    case "places":
      return { ...guest, places: Math.min(Math.max(1, guest.places + action.by), policy?.delay_places_max ?? 1) };
  }
}

/**
 * Somebody is there: the return to the start is put off.
 *
 * @param {Guest} guest
 * @param {number} now
 * @returns {Guest}
 */
function lasting(guest, now) {
  const ms = patienceMs(guest.screen);
  return { ...guest, leaveAt: ms === null || guest.joining ? null : now + ms };
}

/**
 * The digits typed already change with the language as long as nobody has typed any.
 *
 * @param {Language} language
 * @param {Guest} guest
 */
function phoneIn(language, guest) {
  return guest.phone === firstDigits(guest.language) ? firstDigits(language) : guest.phone;
}

/**
 * A key of the keypad, on the screen where it counts.
 *
 * @param {Guest} guest
 * @param {string} key a digit, `back` or `clear`
 * @param {BoardFrame | null} frame
 * @returns {Guest}
 */
function typed(guest, key, frame) {
  if (guest.screen === "options") return { ...guest, phone: edited(guest.phone, key, DIGITS_MAX) };
  const { finding } = guest;
  if (finding.field === "code") return { ...guest, finding: { ...finding, code: edited(finding.code, key, 4) } };
  const number = edited(finding.number, key, 5);
  const letter = finding.letter ?? frame?.lines[0]?.line ?? null;
  const given = frame?.lines.find((line) => line.line === letter)?.today ?? 0;
  const isWhole = key.length === 1 && number.length >= Math.max(3, String(given).length);
  return { ...guest, finding: { ...finding, letter, number, field: isWhole ? "code" : "number" } };
}

/**
 * @param {string} text
 * @param {string} key
 * @param {number} max
 */
function edited(text, key, max) {
  if (key === "back") return text.slice(0, -1);
  if (key === "clear") return "";
  return text.length < max ? text + key : text;
}

/**
 * The guest is shown the refusal where it can be mended.
 *
 * @param {Guest} guest
 * @param {Refusal} refusal
 * @returns {Guest}
 */
function mended(guest, refusal) {
  const base = { ...guest, refusal, joining: null, busy: null };
  if (guest.joining === null && guest.screen !== "options") return base;
  if (refusal.code === "phone") return { ...base, panel: "phone" };
  if (refusal.code === "sold_out") return { ...base, screen: "options", panel: "order" };
  if (refusal.code === "already_waiting" || refusal.code === "invalid") return { ...base, screen: "options", panel: "phone" };
  return { ...base, screen: "start", sheet: null };
}

/**
 * What a guest had chosen, read back from what was sent: the page may have been loaded anew since.
 *
 * @param {Join} body
 * @returns {Partial<Guest>}
 */
function askedIn({ line, adults, children, phone, items }) {
  const cart = Object.fromEntries((items ?? []).map(({ item, quantity }) => [item, quantity]));
  return { line, adults, children: children ?? 0, phone: phone ?? "", cart };
}

/**
 * The line that a join would be for.
 *
 * @param {State} state
 */
export function chosenLine({ frame, guest }) {
  return lineMeant(frame, guest.line);
}

/**
 * Why the line that was chosen takes nobody any more, as the server would say it to a guest; null: it does. A kiosk that staff
 * have signed in is refused less than a guest is, so it asks itself.
 *
 * @param {State} state
 */
export function refusedBy({ frame, guest }) {
  const line = frame?.lines.find((each) => each.line === guest.line);
  if (!frame || !line) return "line_closed";
  const closed = barrier(frame.restaurant, line);
  if (!closed) return null;
  if (closed.state !== "closed") return closed.state;
  return frame.restaurant.state === "closed" ? "restaurant_closed" : "line_closed";
}

/**
 * The body of a join.
 *
 * @param {State} state
 * @param {{ withPhone: boolean, drop?: boolean }} choice
 * @returns {Join}
 */
export function joinOf(state, { withPhone, drop = false }) {
  const { line, adults, children, phone, cart, language } = state.guest;
  const items = itemsOf(cart);
  return {
    line: line ?? "",
    adults,
    children,
    channel: "onsite",
    lang: language,
    ...(withPhone ? { phone } : {}),
    ...(items.length > 0 ? { items, if_sold_out: drop ? "drop" : "refuse" } : {}),
  };
}
