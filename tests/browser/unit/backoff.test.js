/** When to try again. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { CEILING_MS, delayMs, FIRST_MS } from "../../../static/lib/backoff.js";

test("the ceiling grows from 0.5 s to 20 s, and no further", () => {
  assert.equal(delayMs(0, 1), FIRST_MS);
  const ceilings = Array.from({ length: 40 }, (_, attempt) => delayMs(attempt, 1));
  for (const [attempt, ceiling] of ceilings.entries()) {
    assert.ok(ceiling <= CEILING_MS, `attempt ${attempt}`);
    if (attempt > 0) assert.ok(ceiling >= ceilings[attempt - 1], `attempt ${attempt} is not later`);
  }
  assert.equal(ceilings.at(-1), 20_000);
  assert.equal(delayMs(1_000_000, 1), CEILING_MS);
});

test("the jitter is full: anything between nothing and the ceiling", () => {
  assert.equal(delayMs(5, 0), 0);
  assert.equal(delayMs(5, 0.5), delayMs(5, 1) / 2);
  const drawn = Array.from({ length: 400 }, () => delayMs(0));
  assert.ok(Math.min(...drawn) < FIRST_MS * 0.2 && Math.max(...drawn) > FIRST_MS * 0.8);
  assert.ok(drawn.every((ms) => ms >= 0 && ms < FIRST_MS));
});

test("whoever was away for three seconds is back within two of the server's return", () => {
  let at = 0;
  let attempt = 0;
  while (at < 3_000) at += delayMs(attempt++, 1);
  assert.ok(at - 3_000 <= 2_000, `${at}`);
});
