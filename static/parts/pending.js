/**
 * Joins whose answer has not come yet, as they are kept on the device. Pure.
 *
 * Invariant: a join is kept, with its key and body, from before it is first sent until the server's yes or no is known;
 * so a reload or a power cut finishes it, and one intent never becomes two numbers.
 */

/** @import { Join } from "#api" */

/**
 * @typedef {object} Pending
 * @property {string} slug the restaurant's
 * @property {string} key idempotency key
 * @property {Join} body
 * @property {number} at local time of the intent, ms
 * @property {number} triedAt local time of the last try, ms
 * @property {boolean} abandoned the guest has given it up: if a number was given, it is to be cancelled
 */

/** The server remembers the answer for two hours. Past that, a retry could be a second number. */
export const KEY_LIFE_MS = 110 * 60_000;

/** After this nobody stands in front of the screen any more. */
export const PATIENCE_MS = 10 * 60_000;

/** A request that was sent before this has been carried out by now, or never will be. */
export const SURE_MS = 30_000;

/**
 * What is left of the list at a moment: too old ones are forgotten, those nobody waits for are given up.
 *
 * @param {Pending[]} list
 * @param {number} now
 * @returns {Pending[]}
 */
export function aged(list, now) {
  return list
    .filter((pending) => now - pending.at < KEY_LIFE_MS)
    .map((pending) => {
      const gone = !pending.abandoned && now - pending.at >= PATIENCE_MS;
      return gone ? { ...pending, abandoned: true, triedAt: now } : pending;
    });
}

/**
 * The join that a guest in front of this restaurant's screen waits for.
 *
 * @param {Pending[]} list
 * @param {string | null} slug null: of any restaurant
 * @returns {Pending | null}
 */
export function waitedFor(list, slug) {
  return list.find((pending) => !pending.abandoned && (slug === null || pending.slug === slug)) ?? null;
}

/**
 * @param {Pending[]} list
 * @param {string} key
 * @param {Partial<Pending>} change
 * @returns {Pending[]}
 */
export function marked(list, key, change) {
  return list.map((pending) => (pending.key === key ? { ...pending, ...change } : pending));
}

/**
 * What the answer to an empty body with a used or unused key says: the server looks the key up before it looks at the body.
 *
 * @param {string | null} code of the refusal; null when it was no clear answer
 * @param {number} sinceTriedMs
 * @returns {"given" | "not_given" | "ask_again"}
 */
export function verdict(code, sinceTriedMs) {
  if (code === "idempotency_mismatch") return "given";
  return code === "invalid" && sinceTriedMs >= SURE_MS ? "not_given" : "ask_again";
}
