/**
 * What the console shows, read from its state. Pure: the time is handed in, and is the server's.
 *
 * @import { QueueFrame, TicketView } from "#api"
 * @import { Done, State } from "./state.js"
 */
import { byOrder } from "../../lib/frames.js";
import { freshness } from "../../lib/link.js";

/** From this share of the promised wait on, a party is nearly late. */
const NEAR_SHARE = 0.8;

/** Late is who is late by a whole minute: a smaller unit is not shown, ms. */
const LATE_MS = 60_000;

/** States that have lists of their own. @type {Set<TicketView["state"]>} */
const LISTED = new Set(["waiting", "called", "seated", "no_show"]);

/** The names of the tables, in the order of the buttons. */
export const BAND_NAMES = /** @type {const} */ (["all", "two", "four", "six", "more"]);

/** Tables, by the parties that fit. */
export const BANDS = /** @type {Record<string, { party_min?: number, party_max?: number }>} */ ({
  all: {},
  two: { party_min: 1, party_max: 2 },
  four: { party_min: 3, party_max: 4 },
  six: { party_min: 5, party_max: 6 },
  more: { party_min: 7 },
});

/**
 * The server's now, as far as this device can tell.
 *
 * @param {State} state
 * @param {number} now local
 */
export function serverNow({ queue, heardAt }, now) {
  return queue ? queue.at + Math.max(0, now - heardAt) : now;
}

/**
 * Whether what is shown is known to be current, so that commands make sense.
 *
 * @param {State} state
 * @param {number} now local
 */
export function isCurrent(state, now) {
  return state.queue !== null && !state.gap && state.denied === null && freshness(state.link, now).state === "live";
}

/** @param {{ adults: number, children: number }} ticket */
export function people({ adults, children }) {
  return adults + children;
}

/**
 * Waiting, in the order in which they are called: line by line, or all by when they joined.
 *
 * @param {QueueFrame} queue
 * @param {string} tab
 */
export function waiting(queue, tab) {
  const all = queue.tickets.filter(({ state, line }) => state === "waiting" && (tab === "all" || line === tab));
  return all.sort(byOrder);
}

/**
 * Called, who has least time left first.
 *
 * @param {QueueFrame} queue
 */
export function called(queue) {
  return inState(queue, "called").sort((a, b) => (a.grace_until ?? 0) - (b.grace_until ?? 0) || byOrder(a, b));
}

/**
 * Seated, who has sat longest first.
 *
 * @param {QueueFrame} queue
 */
export function seated(queue) {
  return inState(queue, "seated").sort((a, b) => (a.seated_at ?? 0) - (b.seated_at ?? 0) || byOrder(a, b));
}

/**
 * Missed today, the last one first.
 *
 * @param {QueueFrame} queue
 * @param {string} tab
 */
export function missed(queue, tab) {
  const all = inState(queue, "no_show").filter(({ line }) => tab === "all" || line === tab);
  return all.sort((a, b) => (b.missed_at ?? 0) - (a.missed_at ?? 0) || byOrder(a, b));
}

/**
 * Completed and cancelled that can still be undone, the longest undoable first, and whatever only a newer server knows.
 *
 * @param {QueueFrame} queue
 * @param {string} tab
 */
export function ended(queue, tab) {
  const all = queue.tickets.filter(
    ({ state, line }) => !LISTED.has(state) && (tab === "all" || line === tab),
  );
  return all.sort((a, b) => (b.undo_until ?? 0) - (a.undo_until ?? 0) || byOrder(a, b));
}

/**
 * The left column.
 *
 * @param {State} state
 * @returns {TicketView[]}
 */
export function rows({ queue, search, list, tab }) {
  if (!queue) return [];
  if (search.trim()) return found(queue, search);
  if (list === "no_show") return missed(queue, tab);
  return list === "ended" ? ended(queue, tab) : waiting(queue, tab);
}

/**
 * Who is looked for: a number (`A012`, `a12`, `12`), a part of a name, the last digits of a phone. An exact number stands
 * first, then who waits or is called.
 *
 * @param {QueueFrame} queue
 * @param {string} text
 */
export function found(queue, text) {
  const wanted = text.trim().toLocaleLowerCase();
  if (!wanted) return [];
  const digits = wanted.replace(/\D/g, "");
  const number = /^([a-z]?)0*(\d+)$/.exec(wanted);
  /** @param {TicketView} ticket */
  const isNumber = (ticket) =>
    number !== null &&
    Number(ticket.number.slice(1)) === Number(number[2]) &&
    (number[1] === "" || ticket.line.toLowerCase() === number[1] || ticket.number[0].toLowerCase() === number[1]);
  /** @param {TicketView} ticket */
  const fits = (ticket) =>
    isNumber(ticket) ||
    ticket.number.toLowerCase().startsWith(wanted) ||
    (ticket.name ?? "").toLocaleLowerCase().includes(wanted) ||
    (digits.length >= 2 && digits === wanted && (ticket.phone_last4 ?? "").includes(digits.slice(-4)));
  const ranks = ["called", "waiting", "no_show", "seated", "completed", "cancelled"];
  /** @param {TicketView} ticket */
  const rank = (ticket) => (isNumber(ticket) ? 0 : 10) + ranks.indexOf(ticket.state);
  return queue.tickets.filter(fits).sort((a, b) => rank(a) - rank(b) || byOrder(a, b));
}

/**
 * How long a party has waited against what it was told when it joined.
 *
 * @param {TicketView} ticket
 * @param {number} at
 * @returns {{ level: "unknown" | "fine" | "near" | "over", waitedMs: number, promisedMs: number, leftMs: number }}
 */
export function patience(ticket, at) {
  const waitedMs = Math.max(0, at - ticket.joined_at);
  const promisedMs = (ticket.eta_at_join?.high_s ?? 0) * 1_000;
  const leftMs = promisedMs - waitedMs;
  if (!ticket.eta_at_join) return { level: "unknown", waitedMs, promisedMs, leftMs };
  const level = leftMs <= -LATE_MS ? "over" : waitedMs >= promisedMs * NEAR_SHARE ? "near" : "fine";
  return { level, waitedMs, promisedMs, leftMs };
}

/**
 * Whether a party fits the table.
 *
 * @param {{ adults: number, children: number }} ticket
 * @param {string} band
 */
export function fits(ticket, band) {
  const { party_min = 0, party_max = Infinity } = BANDS[band] ?? {};
  return people(ticket) >= party_min && people(ticket) <= party_max;
}

/**
 * Whom `call next` would call, as far as the frames say; the server decides.
 *
 * @param {State} state
 * @returns {TicketView | null}
 */
export function upNext({ queue, line, band, policy }) {
  if (!queue || !line) return null;
  const there = waiting(queue, line).filter((ticket) => !policy?.check_in_before_call || ticket.checked_in);
  return there.find((ticket) => fits(ticket, band)) ?? null;
}

/**
 * What this device did last and can still undo.
 *
 * @param {State} state
 * @param {number} at
 * @returns {Done | null}
 */
export function lastDone({ undo }, at) {
  return undo.findLast((done) => done.undo_until > at) ?? null;
}

/**
 * @param {State} state
 * @param {string | null | undefined} id
 * @returns {TicketView | null}
 */
export function ticketOf({ queue }, id) {
  return queue?.tickets.find((ticket) => ticket.id === id) ?? null;
}

/**
 * What the arrow keys walk through, column by column.
 *
 * @param {State} state
 * @returns {string[][]}
 */
export function columns(state) {
  if (!state.queue) return [];
  const right = [...called(state.queue), ...seated(state.queue)];
  return [rows(state), right].map((tickets) => tickets.map(({ id }) => id));
}

/**
 * Where an arrow leads from what is selected.
 *
 * @param {State} state
 * @param {"up" | "down" | "left" | "right"} direction
 * @returns {string | null}
 */
export function neighbour(state, direction) {
  const [left = [], right = []] = columns(state);
  const selected = state.selected ?? "";
  if (direction === "left") return left.includes(selected) ? selected : (left[0] ?? null);
  if (direction === "right") return right.includes(selected) ? selected : (right[0] ?? null);
  const column = right.includes(selected) && !left.includes(selected) ? right : left;
  const index = column.indexOf(selected);
  if (index === -1) return column[0] ?? right[0] ?? null;
  const next = index + (direction === "down" ? 1 : -1);
  return column[Math.min(Math.max(next, 0), column.length - 1)] ?? null;
}

/**
 * @param {QueueFrame} queue
 * @param {TicketView["state"]} state
 */
function inState(queue, state) {
  return queue.tickets.filter((ticket) => ticket.state === state);
}
