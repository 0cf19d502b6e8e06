/** How current what is shown is. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { freshness, heard, isSilent, remainingMs, UNCONNECTED } from "../../../static/lib/link.js";

const NOW = 1_000_000;
const LIVE = heard(UNCONNECTED, { live: true, every_ms: 4_000 }, NOW);

test("before anything came it is old, of unknown age", () => {
  assert.deepEqual(freshness(UNCONNECTED, NOW), { state: "old", ageMs: null });
  assert.equal(isSilent(UNCONNECTED, NOW), false);
});

test("a frame makes it live until every_ms and one second have passed in silence", () => {
  for (const [after, state] of /** @type {const} */ ([[0, "live"], [5_000, "live"], [5_001, "old"], [40_000, "old"]])) {
    assert.equal(freshness(LIVE, NOW + after).state, state, `${after} ms`);
  }
  assert.equal(freshness(LIVE, NOW + 40_000).ageMs, 40_000);
  const patient = heard(LIVE, { every_ms: 20_000 }, NOW);
  assert.equal(freshness(patient, NOW + 21_000).state, "live", "the server may promise less");
});

test("live: false is old at once, and its age counts from the last word that it was live", () => {
  const dead = heard(LIVE, { live: false, every_ms: 4_000 }, NOW + 3_000);
  assert.deepEqual(freshness(dead, NOW + 3_000), { state: "old", ageMs: 3_000 });
  const still = heard(dead, { live: false }, NOW + 7_000);
  assert.deepEqual(freshness(still, NOW + 8_000), { state: "old", ageMs: 8_000 });
  assert.deepEqual(freshness(heard(still, { live: true }, NOW + 9_000), NOW + 9_000), { state: "live", ageMs: 0 });
});

test("a lost connection is old, an ended one has ended", () => {
  assert.deepEqual(freshness({ ...LIVE, phase: "connecting" }, NOW + 2_000), { state: "old", ageMs: 2_000 });
  assert.deepEqual(freshness({ ...LIVE, phase: "ended", code: 1000 }, NOW), { state: "ended", ageMs: null });
});

test("a clock that is set back makes nothing older than it is", () => {
  assert.equal(freshness({ ...LIVE, phase: "connecting" }, NOW - 60_000).ageMs, 0);
});

test("countdowns use the server's two times and only the time that passed here", () => {
  assert.equal(remainingMs(300_000, { at: 100_000 }, 0), 200_000);
  assert.equal(remainingMs(300_000, { at: 100_000 }, 50_000), 150_000);
  assert.equal(remainingMs(300_000, { at: 100_000 }, 999_999), 0, "never below nothing");
  assert.equal(remainingMs(300_000, { at: 100_000 }, -5_000), 200_000, "a clock set back gives no time");
});
