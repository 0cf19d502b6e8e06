/**
 * What just moved, from a ticket's frame: calls, who went first and why, and what happened to this ticket. Pure.
 *
 * @import { TicketFrame } from "#api"
 * @import { Moved } from "./state.js"
 */

/** Who went first is told this long, ms: a guest who looks again after a while still finds it. */
const OVERTAKEN_FOR_MS = 30 * 60_000;
/** Why one stands where one stands, ms. */
const MOVED_FOR_MS = 10 * 60_000;

/** Lines of news at a time. */
const NEWS_LEN_MAX = 2;

/**
 * @typedef {{ key: "called", at: number, number: string }
 *   | { key: "overtaken", at: number, reason: string, n: number }
 *   | { key: "moved", at: number, kind: Moved["kind"], n: number }} News
 */

/** @typedef {{ kind: string, at: number, args: Record<string, any> }} Notice */

/**
 * A frame's notices; their arguments differ by kind.
 *
 * @param {TicketFrame} frame
 * @returns {Notice[]}
 */
export function noticesOf(frame) {
  return frame.notices.map(({ kind, at, args }) => ({ kind, at, args: args ?? {} }));
}

/**
 * The newest notice of a kind.
 *
 * @param {TicketFrame} frame
 * @param {string} kind
 */
export function noticeOf(frame, kind) {
  return noticesOf(frame).findLast((notice) => notice.kind === kind) ?? null;
}

/**
 * Newest first. A call that overtook is told once, with its reason.
 *
 * @param {TicketFrame} frame
 * @param {Moved | null} moved
 * @returns {News[]}
 */
export function news(frame, moved) {
  /** @type {News[]} */
  const all = [];
  if (moved && frame.at - moved.at < MOVED_FOR_MS) all.push({ key: "moved", ...moved });
  const overtaken = overtakings(frame);
  all.push(...overtaken.filter(({ at }) => frame.at - at < OVERTAKEN_FOR_MS));
  const called = frame.last_called;
  if (called && !overtaken.some(({ at }) => at === called.at)) all.push({ key: "called", ...called });
  return all.sort((a, b) => b.at - a.at).slice(0, NEWS_LEN_MAX);
}

/**
 * Those who went first, counted by reason: three calls for small tables are one thing to tell.
 *
 * @param {TicketFrame} frame
 * @returns {Extract<News, { key: "overtaken" }>[]}
 */
function overtakings(frame) {
  /** @type {Map<string, Extract<News, { key: "overtaken" }>>} */
  const byReason = new Map();
  for (const { kind, at, args } of noticesOf(frame)) {
    if (kind !== "overtaken") continue;
    const reason = String(args.reason ?? "other");
    const n = (byReason.get(reason)?.n ?? 0) + 1;
    byReason.set(reason, { key: "overtaken", at, reason, n });
  }
  return [...byReason.values()];
}
