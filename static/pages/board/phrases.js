/** What is said when a number is called: "A 17번 손님, 홀 입구로 와 주세요". */
import { toPlace } from "../../lib/korean.js";
import { LANGUAGES } from "../../lib/i18n.js";

/**
 * @import { Language, t } from "../../lib/i18n.js"
 * @import { Call } from "./numbers.js"
 */

/** What an English voice can read. */
const LATIN = /^[\u0020-\u024f]+$/;

/**
 * The languages to speak: those of `?voice=ko,en`, or the board's own.
 *
 * @param {string} search
 * @param {Language} own
 * @returns {Language[]}
 */
export function voicesOf(search, own) {
  const asked = (new URLSearchParams(search).get("voice") ?? "").split(",").map((each) => each.trim().toLowerCase());
  const known = asked.filter((each) => Object.hasOwn(LANGUAGES, each));
  return known.length > 0 ? /** @type {Language[]} */ ([...new Set(known)]) : [own];
}

/**
 * The sentence for a call. A place that the voice could not read is left out.
 *
 * @param {Call} call
 * @param {Language} language
 * @param {typeof t} words of that language
 */
export function phrase(call, language, words) {
  const values = { letter: call.number[0], digits: String(Number(call.number.slice(1))) };
  const place = call.to ?? words("board.entrance", { name: call.name });
  if (language === "en" && !LATIN.test(place)) return words("board.say_come", values);
  return words("board.say_to", { ...values, place: language === "ko" ? toPlace(place) : place });
}
