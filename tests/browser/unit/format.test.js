/** Waits, ages, times and money in words, in both languages. */
import "./document.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { ago, countdown, duration, money, range, rounded, timeOfDay } from "../../../static/lib/format.js";
import { speak } from "../../../static/lib/i18n.js";

/**
 * @param {"ko" | "en"} language
 * @param {[() => string, string][]} texts
 */
async function says(language, texts) {
  await speak(language);
  for (const [actual, expected] of texts) assert.equal(actual(), expected, language);
}

test("a range is rounded outward to five minutes, so that rounding never promises more", () => {
  for (const [low_s, high_s, low, high] of [
    [1_500, 2_400, 25, 40],
    [1_501, 2_401, 25, 45],
    [1_799, 2_399, 25, 40],
    [0, 1, 0, 5],
    [0, 0, 0, 5],
    [299, 300, 0, 5],
    [300, 301, 5, 10],
  ]) {
    assert.deepEqual(rounded({ low_s, high_s }), { low, high }, `${low_s}–${high_s}`);
  }
  for (let s = 0; s < 9_000; s += 37) {
    const { low, high } = rounded({ low_s: s, high_s: s + 61 });
    assert.ok(low * 60 <= s && high * 60 >= s + 61 && low % 5 === 0 && high % 5 === 0 && low < high, `${s}`);
  }
});

test("ranges in words", async () => {
  const eta = (/** @type {number} */ low_s, /** @type {number} */ high_s) => () => range({ low_s, high_s });
  await says("ko", [
    [eta(1_510, 2_399), "약 25–40분"],
    [eta(10, 250), "약 5분 이내"],
    [() => range(null), "아직 예상할 수 없어요"],
    [() => range(undefined), "아직 예상할 수 없어요"],
  ]);
  await says("en", [
    [eta(1_510, 2_399), "about 25–40 min"],
    [eta(10, 250), "under 5 min"],
    [() => range(null), "Can't say yet"],
  ]);
});

test("ages and durations", async () => {
  await says("ko", [
    [() => ago(-3), "0초 전"],
    [() => ago(12_400), "12초 전"],
    [() => ago(59_600), "1분 전"],
    [() => ago(3_599_000), "59분 전"],
    [() => ago(7_300_000), "2시간 전"],
    [() => duration(40_000), "40초"],
    [() => duration(180_000), "3분"],
    [() => duration(3_900_000), "1시간 5분"],
  ]);
  await says("en", [
    [() => ago(12_400), "12 s ago"],
    [() => ago(180_000), "3 min ago"],
    [() => duration(3_900_000), "1 h 5 min"],
  ]);
});

test("a countdown never shows nothing while there is time", () => {
  assert.equal(countdown(245_000), "4:05");
  assert.equal(countdown(1), "0:01");
  assert.equal(countdown(0), "0:00");
  assert.equal(countdown(-5), "0:00");
  assert.equal(countdown(3_600_000), "60:00");
});

test("money in the currency's own minor unit, times in the restaurant's own zone", async () => {
  const noon = Date.UTC(2026, 0, 5, 3, 5);
  await says("ko", [
    [() => money(24_000, "KRW"), "₩24,000"],
    [() => money(1_250, "USD"), "US$12.50"],
  ]);
  await speak("en");
  assert.equal(money(24_000, "KRW"), "₩24,000");
  assert.match(timeOfDay(noon, "Asia/Seoul"), /^12:05\sPM$/);
  assert.match(timeOfDay(noon, "Europe/Berlin"), /^4:05\sAM$/);
});
