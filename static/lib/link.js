/**
 * How current what is shown is. Pure: the time is handed in.
 *
 * A link knows when the server last said that its state is current. Without such a word for `every_ms` + 1 s, with
 * `live: false`, or without a connection, what is shown is old, and its age is the time since that word.
 */

/** How long after the promised time of the next frame a link counts as silent, ms. */
export const SILENCE_GRACE_MS = 1_000;

/**
 * @typedef {object} Link
 * @property {"connecting" | "open" | "ended"} phase `ended`: there will be no more, by the server's word
 * @property {boolean} live what the server said last
 * @property {number} everyMs when the next frame comes at the latest
 * @property {number | null} heardAt local time of the last frame, ms
 * @property {number | null} freshAt local time of the last word that the state is current, ms
 * @property {number | null} code why it ended: a close code, or an HTTP status
 */

/** @type {Link} */
export const UNCONNECTED = { phase: "connecting", live: false, everyMs: 4_000, heardAt: null, freshAt: null, code: null };

/**
 * A frame came.
 *
 * @param {Link} link
 * @param {{ live?: boolean, every_ms?: number }} frame
 * @param {number} now
 * @returns {Link}
 */
export function heard(link, frame, now) {
  const live = frame.live ?? link.live;
  return {
    ...link,
    phase: "open",
    live,
    everyMs: frame.every_ms ?? link.everyMs,
    heardAt: now,
    freshAt: live ? now : link.freshAt,
  };
}

/**
 * Whether nothing came for longer than was promised.
 *
 * @param {Link} link
 * @param {number} now
 */
export function isSilent(link, now) {
  return link.heardAt !== null && now - link.heardAt > link.everyMs + SILENCE_GRACE_MS;
}

/**
 * What a person is told.
 *
 * @param {Link} link
 * @param {number} now
 * @returns {{ state: "live" | "old" | "ended", ageMs: number | null }}
 */
export function freshness(link, now) {
  if (link.phase === "ended") return { state: "ended", ageMs: null };
  if (link.phase === "open" && link.live && !isSilent(link, now)) return { state: "live", ageMs: 0 };
  return { state: "old", ageMs: link.freshAt === null ? null : Math.max(0, now - link.freshAt) };
}

/**
 * Milliseconds from the server's now to a time of the server, as far as this device can tell: both times in the frame are
 * the server's, and only the time since it came is this device's.
 *
 * @param {number} until
 * @param {{ at: number }} frame
 * @param {number} sinceHeardMs
 */
export function remainingMs(until, frame, sinceHeardMs) {
  return Math.max(0, until - frame.at - Math.max(0, sinceHeardMs));
}
