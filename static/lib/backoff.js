/**
 * When to try again: full jitter between nothing and a ceiling that grows from 0.5 s to 20 s. The factor is gentle, so
 * that somebody who was away for a few seconds is back within two; the jitter spreads a restaurant's phones.
 */

export const FIRST_MS = 500;
export const CEILING_MS = 20_000;
const FACTOR = 1.5;

/**
 * @param {number} attempt failed attempts so far, 0 for none
 * @param {number} [random] 0 to 1
 * @returns {number} ms
 */
export function delayMs(attempt, random = Math.random()) {
  return random * Math.min(CEILING_MS, FIRST_MS * FACTOR ** attempt);
}
