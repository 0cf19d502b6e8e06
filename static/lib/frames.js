/**
 * What a frame of `waitless.v1` does to what a page knows. Pure.
 *
 * Invariant: an older (epoch, rev) never overwrites a newer one; at the same pair the later `at` wins.
 *
 * @import { BoardFrame, DeltaFrame, QueueFrame, TicketFrame, TicketView } from "#api"
 */

/** @typedef {{ epoch: number, rev: number, at: number }} Stamped */

/**
 * Whether `next` may be shown instead of `shown`.
 *
 * @param {Stamped | null} shown
 * @param {Stamped} next
 */
export function supersedes(shown, next) {
  if (!shown) return true;
  if (next.epoch !== shown.epoch) return next.epoch > shown.epoch;
  if (next.rev !== shown.rev) return next.rev > shown.rev;
  return next.at >= shown.at;
}

/**
 * The newer of two whole frames.
 *
 * @template {BoardFrame | TicketFrame | QueueFrame} Frame
 * @param {Frame | null} shown
 * @param {Frame} next
 * @returns {Frame}
 */
export function newer(shown, next) {
  return shown && !supersedes(shown, next) ? shown : next;
}

/**
 * A queue with a delta put over it, or null when the delta does not follow: then a whole frame has to be asked for.
 * A delta from before is no news, and leaves the queue as it is.
 *
 * @param {QueueFrame} queue
 * @param {DeltaFrame} delta
 * @returns {QueueFrame | null}
 */
export function withDelta(queue, delta) {
  if (!supersedes(queue, delta)) return queue;
  if (delta.epoch !== queue.epoch || delta.prev !== queue.rev) return null;
  const gone = new Set(delta.gone);
  const put = new Map((delta.set.tickets ?? []).map((ticket) => [ticket.id, ticket]));
  const kept = queue.tickets.filter((ticket) => !gone.has(ticket.id) && !put.has(ticket.id));
  return {
    ...queue,
    rev: delta.rev,
    at: delta.at,
    live: delta.live,
    every_ms: delta.every_ms,
    restaurant: delta.set.restaurant ?? queue.restaurant,
    announcement: delta.set.announcement !== undefined ? delta.set.announcement : queue.announcement,
    lines: delta.set.lines ?? queue.lines,
    stock: { ...queue.stock, ...delta.set.stock },
    tickets: ranked([...kept, ...put.values()]),
  };
}

/**
 * Every waiting ticket's `ahead` is its rank by `order`, then `id`, in its line.
 *
 * @param {TicketView[]} tickets
 * @returns {TicketView[]}
 */
export function ranked(tickets) {
  const waiting = tickets.filter((ticket) => ticket.state === "waiting").sort(byOrder);
  /** @type {Map<string, number>} */
  const ahead = new Map();
  /** @type {Map<string, number>} */
  const counts = new Map();
  for (const ticket of waiting) {
    const count = counts.get(ticket.line) ?? 0;
    ahead.set(ticket.id, count);
    counts.set(ticket.line, count + 1);
  }
  return tickets.map((ticket) => {
    const rank = ahead.get(ticket.id) ?? null;
    return ticket.ahead === rank ? ticket : { ...ticket, ahead: rank };
  });
}

/**
 * Places in a line, compared as text.
 *
 * @param {{ order: string, id: string }} a
 * @param {{ order: string, id: string }} b
 */
export function byOrder(a, b) {
  if (a.order !== b.order) return a.order < b.order ? -1 : 1;
  return a.id < b.id ? -1 : a.id > b.id ? 1 : 0;
}
