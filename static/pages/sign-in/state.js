/** What the sign-in page knows. Pure. */

/** @import { RestaurantBody } from "#api" */

/**
 * @typedef {object} State
 * @property {"form" | "in" | "out" | "choose"} screen `in`: signed in already; `out`: just signed out
 * @property {boolean} busy
 * @property {boolean} shown whether the password can be read
 * @property {string | null} error in words
 * @property {number | null} retryAt local time before which a try is refused, ms
 * @property {number} now local time, ms
 * @property {{ to: string, name: string } | null} place where somebody who is signed in goes on
 * @property {RestaurantBody[]} places to choose from
 */

/**
 * @typedef {{ type: "busy" }
 *   | { type: "show" }
 *   | { type: "failed", text: string, retryAfterMs: number | null, now: number }
 *   | { type: "in", to: string, name: string }
 *   | { type: "out" }
 *   | { type: "choose", places: RestaurantBody[] }
 *   | { type: "tick", now: number }} Action
 */

/**
 * @param {{ now: number }} options
 * @returns {State}
 */
export function initial({ now }) {
  return { screen: "form", busy: false, shown: false, error: null, retryAt: null, now, place: null, places: [] };
}

/**
 * @param {State} state
 * @param {Action} action
 * @returns {State}
 */
export function reduce(state, action) {
  switch (action.type) {
    case "busy":
      return { ...state, busy: true, error: null, retryAt: null };
    case "show":
      return { ...state, shown: !state.shown };
    case "failed":
      return { ...state, busy: false, error: action.text, now: action.now, retryAt: retryAt(action) };
    case "in":
      // Whoever is typing already is not interrupted by the news that there was no need.
      return state.busy ? state : { ...state, screen: "in", place: { to: action.to, name: action.name } };
    case "out":
      return { ...initial({ now: state.now }), screen: "out" };
    case "choose":
      return { ...state, busy: false, screen: "choose", places: action.places };
    case "tick":
      return { ...state, now: action.now };
  }
}

/** @param {{ retryAfterMs: number | null, now: number }} refusal */
function retryAt({ retryAfterMs, now }) {
  return retryAfterMs === null ? null : now + retryAfterMs;
}

/**
 * Seconds until a try makes sense, 0 for now.
 *
 * @param {State} state
 */
export function waitS({ retryAt, now }) {
  return retryAt === null ? 0 : Math.max(0, Math.ceil((retryAt - now) / 1_000));
}
