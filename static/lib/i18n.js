/**
 * The words of the pages in the language spoken. One file per language in ../words; a third language is a line here and
 * a file there. Numbers, plurals, dates and money by `Intl`.
 *
 * @import { Words } from "../words/ko.js"
 */
import { remembered, remember } from "./memory.js";

/** @typedef {keyof Words} Key */
/** @typedef {"ko" | "en"} Language */
/** @typedef {Record<string, string | number>} Values */

/** @type {Record<Language, { name: string, load: () => Promise<{ default: Words }> }>} */
export const LANGUAGES = {
  ko: { name: "한국어", load: () => import("../words/ko.js") },
  en: { name: "English", load: () => import("../words/en.js") },
};

/** @type {Words} */
let words;
/** @type {Language} */
let language = "ko";
let plurals = new Intl.PluralRules("ko");
let numbers = new Intl.NumberFormat("ko");

/** The language spoken now. */
export function spoken() {
  return language;
}

/**
 * Speaks a language from now on; the page is to be drawn again.
 *
 * @param {Language} next
 * @param {{ keep?: boolean }} [options] `keep`: also the next time on this device
 */
export async function speak(next, { keep = false } = {}) {
  const loaded = await LANGUAGES[next].load();
  words = loaded.default;
  language = next;
  plurals = new Intl.PluralRules(next);
  numbers = new Intl.NumberFormat(next);
  document.documentElement.lang = next;
  if (keep) remember("language", next);
}

/**
 * The language to begin with: the address (`?lang=`), what was chosen here before, what was said when joining, what the
 * device speaks, Korean.
 *
 * @param {{ search: string, languages: readonly string[] }} [from]
 * @param {string | null} [said]
 * @returns {Language}
 */
export function preferred({ search, languages } = { search: location.search, languages: navigator.languages }, said = null) {
  const candidates = [new URLSearchParams(search).get("lang"), remembered("language"), said, ...languages];
  for (const candidate of candidates) {
    const primary = candidate?.toLowerCase().split("-")[0];
    if (primary && Object.hasOwn(LANGUAGES, primary)) return /** @type {Language} */ (primary);
  }
  return "ko";
}

/**
 * The text of a key. `{name}` stands for a value; numbers are written as the language does. A text in several numbers is
 * chosen by the value `n`. A key of data that only a newer server knows, as in `state.parked`, is that of `state.other`.
 *
 * @param {Key} key
 * @param {Values} [values]
 * @returns {string}
 */
export function t(key, values = {}) {
  return filled(words[key] ?? words[/** @type {Key} */ (key.replace(/[^.]*$/, "other"))] ?? "", values);
}

/**
 * The text of a key that is made from data, as in `refusal.paused`, or of `fallback` when there is none.
 *
 * @param {string} key
 * @param {Key} fallback
 * @param {Values} [values]
 */
export function tOr(key, fallback, values = {}) {
  const known = Object.hasOwn(words, key) ? /** @type {Key} */ (key) : fallback;
  return t(known, values);
}

/**
 * `t` in a language that may not be the one spoken, for what is said aloud in two. For texts without plurals and numbers.
 *
 * @param {Language} other
 * @returns {Promise<typeof t>}
 */
export async function wordsIn(other) {
  const loaded = await LANGUAGES[other].load();
  return (key, values = {}) => filled(loaded.default[key], values);
}

/**
 * @param {string | { one?: string, other: string }} text
 * @param {Values} values
 */
function filled(text, values) {
  const chosen = typeof text === "string" ? text : (pluralOf(text, Number(values.n)) ?? text.other);
  return chosen.replace(/\{(\w+)\}/g, (_, name) => {
    const value = values[name];
    return typeof value === "number" ? numbers.format(value) : String(value);
  });
}

/**
 * @param {Record<string, string>} text
 * @param {number} n
 * @returns {string | undefined}
 */
function pluralOf(text, n) {
  return text[plurals.select(n)];
}
