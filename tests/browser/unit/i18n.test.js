/** The words of the pages. */
import "./document.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { preferred, speak, spoken, t, tOr, wordsIn } from "../../../static/lib/i18n.js";

test("values are put in, numbers as the language writes them", async () => {
  await speak("ko");
  assert.equal(t("ahead.n", { n: 12 }), "앞에 12팀");
  assert.equal(t("ahead.n", { n: 1_234 }), "앞에 1,234팀");
  assert.equal(t("live.as_of", { ago: "40초 전" }), "40초 전 기준");
  assert.equal(t("live.as_of", { ago: "{ago}" }), "{ago} 기준", "a value is not filled in again");
  assert.equal(t("live.as_of", { ago: "$&" }), "$& 기준", "nor read as a pattern");
});

test("plurals where the language has them", async () => {
  await speak("en");
  assert.equal(t("ahead.n", { n: 1 }), "1 party ahead");
  assert.equal(t("ahead.n", { n: 0 }), "0 parties ahead");
  assert.equal(t("ahead.n", { n: 2 }), "2 parties ahead");
});

test("a text made from data falls back, also for the names every object has", async () => {
  await speak("en");
  assert.equal(tOr("refusal.paused", "refusal.internal"), t("refusal.paused"));
  assert.equal(tOr("refusal.of_tomorrow", "refusal.internal"), t("refusal.internal"));
  assert.equal(tOr("constructor", "refusal.internal"), t("refusal.internal"));
});

test("what only a newer server knows is told as other", async () => {
  await speak("en");
  const key = (/** @type {string} */ text) => /** @type {any} */ (text);
  assert.equal(t(key("state.parked")), t("state.other"));
  assert.equal(t(key("open.half_open")), t("open.other"));
  assert.equal(t(key("moved.hologram")), "", "and where there is no such word, nothing is said");
});

test("the page says which language it speaks; another one can be had beside it", async () => {
  await speak("ko");
  assert.equal(document.documentElement.lang, "ko");
  const english = await wordsIn("en");
  assert.equal(english("board.say_come", { letter: "A", digits: "17" }), "Number A 17, please come in now.");
  assert.equal(spoken(), "ko");
});

test("the language to begin with: the address, then the device, then Korean", () => {
  const from = (/** @type {string} */ search, /** @type {string[]} */ ...languages) => preferred({ search, languages });
  assert.equal(from("?lang=en", "ko-KR"), "en");
  assert.equal(from("?lang=EN-us", "ko-KR"), "en");
  assert.equal(from("?lang=xx", "en-GB"), "en");
  assert.equal(from("?lang=constructor"), "ko");
  assert.equal(from("", "fr-FR", "en-GB", "ko"), "en");
  assert.equal(from("", "fr-FR"), "ko");
});

test("what was chosen on this device comes before what it speaks, after the address", async () => {
  const kept = new Map();
  Object.assign(globalThis, {
    localStorage: {
      getItem: (/** @type {string} */ key) => kept.get(key) ?? null,
      setItem: (/** @type {string} */ key, /** @type {string} */ value) => kept.set(key, value),
    },
  });
  await speak("en", { keep: true });
  assert.equal(preferred({ search: "", languages: ["ko-KR"] }), "en");
  assert.equal(preferred({ search: "?lang=ko", languages: [] }), "ko");
});
