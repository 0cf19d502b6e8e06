/** What a board knows, and how frames, the clock and touches change it. Pure. */
import { newer } from "../../lib/frames.js";
import { freshness, UNCONNECTED } from "../../lib/link.js";
import { callKey, calling, shownLines } from "./numbers.js";

/**
 * @import { BoardFrame } from "#api"
 * @import { Link } from "../../lib/link.js"
 */

/**
 * `off`: the browser waits for a touch. `muted`: somebody wants silence.
 *
 * @typedef {"off" | "on" | "muted"} SoundState
 */

/**
 * @typedef {object} State
 * @property {string[] | null} letters the lines to show, null for all
 * @property {BoardFrame | null} frame
 * @property {number} frameAt local time at which it came, ms
 * @property {number} now local time, ms
 * @property {Link} link
 * @property {Set<string> | null} old calls that were there when the board opened: they do not flash
 * @property {string | undefined} timeZone the restaurant's, once it is known
 * @property {SoundState} sound
 * @property {string[]} voiceless names of the languages that this device should speak but cannot
 */

/**
 * @typedef {{ type: "frame", frame: BoardFrame, now: number }
 *   | { type: "link", link: Link, now: number }
 *   | { type: "tick", now: number }
 *   | { type: "zone", timeZone: string }
 *   | { type: "sound", sound: SoundState }
 *   | { type: "voiceless", languages: string[] }} Action
 */

/**
 * @param {{ letters: string[] | null, now: number }} options
 * @returns {State}
 */
export function initial({ letters, now }) {
  return {
    letters,
    frame: null,
    frameAt: now,
    now,
    link: UNCONNECTED,
    old: null,
    timeZone: undefined,
    sound: "off",
    voiceless: [],
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
      return { ...state, link: action.link, now: action.now };
    case "tick":
      return { ...state, now: action.now };
    case "zone":
      return { ...state, timeZone: action.timeZone };
    case "sound":
      return { ...state, sound: action.sound };
    case "voiceless":
      return { ...state, voiceless: action.languages };
  }
}

/**
 * @param {State} state
 * @param {BoardFrame} next
 * @param {number} now
 * @returns {State}
 */
function withFrame(state, next, now) {
  const frame = newer(state.frame, next);
  if (frame === state.frame) return state;
  const old = state.old ?? new Set(calling(shownLines(frame, state.letters)).map(callKey));
  return { ...state, frame, frameAt: now, now, old };
}

/**
 * The server's clock now, as far as this device can tell.
 *
 * @param {State} state
 */
export function serverNow({ frame, frameAt, now }) {
  return frame ? frame.at + Math.max(0, now - frameAt) : now;
}

/**
 * Whether what is shown may be out of date.
 *
 * @param {State} state
 */
export function isOld({ frame, link, now }) {
  return frame !== null && freshness(link, now).state !== "live";
}
