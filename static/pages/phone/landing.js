/**
 * Where a delay lands, before it is asked for. Pure. The server alone decides; this is what its rules give for what is
 * known now: `places` back from one's own place, no further than behind the last.
 *
 * @import { Eta, TicketFrame } from "#api"
 * @import { Crowd } from "./state.js"
 */

/**
 * @typedef {object} Landing
 * @property {number} ahead parties ahead then
 * @property {{ low_s: number, high_s: number } | null} eta then, roughly
 */

/**
 * Parties that can go first; null when that is not known.
 *
 * @param {TicketFrame} ticket
 * @param {Crowd | null} crowd
 * @returns {number | null}
 */
export function behind(ticket, crowd) {
  if (!crowd?.line) return null;
  // A called ticket is not counted among the waiting, and has left the head of the line.
  return ticket.state === "called" ? crowd.line.waiting : Math.max(0, crowd.line.waiting - (ticket.ahead ?? 0) - 1);
}

/**
 * The most places that make a difference.
 *
 * @param {TicketFrame} ticket
 * @param {Crowd | null} crowd
 */
export function placesMax(ticket, crowd) {
  const allowed = crowd?.placesMax ?? 20;
  return Math.max(1, Math.min(allowed, behind(ticket, crowd) ?? allowed));
}

/**
 * @param {TicketFrame} ticket
 * @param {number} places
 * @param {Crowd | null} crowd
 * @returns {Landing | null}
 */
export function landing(ticket, places, crowd) {
  const others = behind(ticket, crowd);
  if (others === null || others === 0) return null;
  const ahead = (ticket.ahead ?? 0) + Math.min(places, others);
  return { ahead, eta: etaAt(ticket, ahead, crowd) };
}

/**
 * Between one's own range and the range of somebody who joins behind everybody, in proportion.
 *
 * @param {TicketFrame} ticket
 * @param {number} ahead
 * @param {Crowd | null} crowd
 */
function etaAt(ticket, ahead, crowd) {
  const line = crowd?.line;
  const last = line?.eta_by_party.find(({ party }) => party === ticket.adults + ticket.children)?.eta ?? line?.eta;
  if (!line || !last) return null;
  const isCalled = ticket.state === "called";
  /** @type {Pick<Eta, "low_s" | "high_s"> | null | undefined} */
  const own = isCalled ? { low_s: 0, high_s: 0 } : ticket.eta;
  if (!own) return null;
  const from = isCalled ? -1 : (ticket.ahead ?? 0);
  const share = Math.min(1, (ahead - from) / Math.max(1, line.waiting - from));
  /** @param {number} a @param {number} b */
  const between = (a, b) => a + share * Math.max(0, b - a);
  return { low_s: between(own.low_s, last.low_s), high_s: between(own.high_s, last.high_s) };
}
