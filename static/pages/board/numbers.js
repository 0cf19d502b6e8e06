/**
 * Which numbers stand where. Pure.
 *
 * Invariant: a number stands in one place only: it is called, or missed, or was called before.
 *
 * @import { BoardFrame, CalledNumber, LineView, NumberAt } from "#api"
 */

/** Numbers that are shown large; the others stand in a row below. */
export const LARGE_LEN_MAX = 3;

/** Recent and missed numbers that are shown. */
const LISTED_LEN_MAX = 10;

/** @typedef {CalledNumber & { line: string, name: string }} Call */

/**
 * The lines of this board, by letter.
 *
 * @param {BoardFrame} frame
 * @param {string[] | null} letters null for all; letters that no line has are no reason for an empty board
 * @returns {LineView[]}
 */
export function shownLines(frame, letters) {
  const wanted = frame.lines.filter(({ line }) => letters === null || letters.includes(line));
  return wanted.length > 0 ? wanted : frame.lines;
}

/**
 * The letters of `?lines=A,B`, null when there are none.
 *
 * @param {string} search
 * @returns {string[] | null}
 */
export function lettersOf(search) {
  const letters = (new URLSearchParams(search).get("lines") ?? "").toUpperCase().match(/[A-Z]/g);
  return letters ? [...new Set(letters)] : null;
}

/**
 * Everybody who is called, the newest first.
 *
 * @param {LineView[]} lines
 * @returns {Call[]}
 */
export function calling(lines) {
  const calls = lines.flatMap(({ line, name, called }) => called.map((call) => ({ ...call, line, name })));
  return calls.sort((a, b) => b.since - a.since || (a.number < b.number ? 1 : -1));
}

/**
 * Tells one call of a number from the next.
 *
 * @param {CalledNumber} call
 */
export function callKey({ number, since }) {
  return `${number}@${since}`;
}

/**
 * Those who did not come, the newest first.
 *
 * @param {LineView[]} lines
 */
export function missed(lines) {
  return newest(lines.flatMap((line) => line.missed), new Set());
}

/**
 * Those who were called before and are neither called now nor missed, the newest first.
 *
 * @param {LineView[]} lines
 */
export function recent(lines) {
  const elsewhere = lines.flatMap((line) => [...line.called, ...line.missed]).map(({ number }) => number);
  return newest(lines.flatMap((line) => line.recent), new Set(elsewhere));
}

/**
 * @param {NumberAt[]} numbers
 * @param {Set<string>} without
 */
function newest(numbers, without) {
  const seen = new Set(without);
  const once = [];
  for (const each of [...numbers].sort((a, b) => b.at - a.at)) {
    if (seen.has(each.number)) continue;
    seen.add(each.number);
    once.push(each);
  }
  return once.slice(0, LISTED_LEN_MAX);
}
