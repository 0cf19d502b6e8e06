/** Announcements come one after the other, each once, and never for nothing. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { createAnnouncer, GIVEN_UP_MS, QUEUE_LEN_MAX } from "../../../static/lib/announcer.js";
import { fakeClock, settled } from "./clock.js";

/** @typedef {import("../../../static/lib/announcer.js").Called} Called */

/** An announcer whose sounds end when told to. */
function listening() {
  /** @type {string[]} */
  const heard = [];
  /** @type {(() => void)[]} */
  const ends = [];
  let hushed = 0;
  const sound = (/** @type {string} */ what) => () => {
    heard.push(what);
    return /** @type {Promise<void>} */ (new Promise((resolve) => ends.push(resolve)));
  };
  const announcer = createAnnouncer({
    chime: sound("chime"),
    words: ({ number }) => [sound(`ko ${number}`), sound(`en ${number}`)],
    hush: () => {
      hushed += 1;
    },
  });
  announcer.turn(true);
  return {
    heard,
    announcer,
    hushed: () => hushed,
    /** The sound that is heard ends, n times. */
    async end(n = 1) {
      for (let each = 0; each < n; each += 1) {
        assert.ok(ends.length <= 1, "two sounds at once");
        ends.shift()?.();
        await settled();
      }
    },
  };
}

/** @param {string} number @param {number} [since] @param {number} [calls] @returns {Called} */
function call(number, since = 1, calls = 1) {
  return { number, since, calls };
}

test("what was called before it was first told is not announced", async () => {
  const { heard, announcer } = listening();
  announcer.tell([call("A001"), call("A002")]);
  announcer.tell([call("A001"), call("A002")]);
  await settled();
  assert.deepEqual(heard, []);
});

test("a chime, then the words; two calls at once in the order of their times", async () => {
  const { heard, announcer, end } = listening();
  announcer.tell([]);
  announcer.tell([call("A002", 20), call("A001", 10)]);
  await settled();
  assert.deepEqual(heard, ["chime"]);
  await end(6);
  assert.deepEqual(heard, ["chime", "ko A001", "en A001", "chime", "ko A002", "en A002"]);
});

test("a recall announces again, also as a new time alone", async () => {
  const { heard, announcer, end } = listening();
  announcer.tell([]);
  announcer.tell([call("A001", 10, 1)]);
  await end(3);
  announcer.tell([call("A001", 10, 2)]);
  await end(3);
  announcer.tell([call("A001", 30, 1)]);
  await end(3);
  assert.equal(heard.filter((what) => what === "ko A001").length, 3);
});

test("a call that is over before its turn is dropped; one that has begun is not cut", async () => {
  const { heard, announcer, end, hushed } = listening();
  announcer.tell([]);
  announcer.tell([call("A001", 1), call("A002", 2), call("A003", 3)]);
  await settled();
  announcer.tell([call("A003", 3)]);
  await end(6);
  assert.deepEqual(heard, ["chime", "ko A001", "en A001", "chime", "ko A003", "en A003"]);
  assert.equal(hushed(), 0);
});

test("a number that is put back and called anew is announced anew, and once when recalled in the queue", async () => {
  const { heard, announcer, end } = listening();
  announcer.tell([]);
  announcer.tell([call("A001", 1), call("A002", 2)]);
  announcer.tell([call("A001", 1), call("A002", 5, 2)]);
  await settled();
  await end(6);
  announcer.tell([call("A002", 5, 2)]);
  announcer.tell([call("A001", 9), call("A002", 5, 2)]);
  await end(3);
  assert.deepEqual(
    heard.filter((what) => what.startsWith("ko")),
    ["ko A001", "ko A002", "ko A001"],
  );
});

test("after an absence, what is still called and was not announced comes once", async () => {
  const { heard, announcer, end } = listening();
  announcer.tell([call("A001", 1)]);
  announcer.tell([call("A001", 1), call("A002", 2), call("A003", 3)]);
  announcer.tell([call("A001", 1), call("A002", 2), call("A003", 3)]);
  await end(9);
  assert.deepEqual(
    heard.filter((what) => what.startsWith("ko")),
    ["ko A002", "ko A003"],
  );
});

test("the queue is bounded: the oldest give way", async () => {
  const { heard, announcer, end } = listening();
  announcer.tell([]);
  const many = Array.from({ length: QUEUE_LEN_MAX + 5 }, (_, n) => call(`A${100 + n}`, n));
  announcer.tell(many);
  await end(3 * many.length);
  const said = heard.filter((what) => what.startsWith("ko"));
  assert.equal(said.length, QUEUE_LEN_MAX);
  assert.equal(said.at(-1), `ko ${many.at(-1)?.number}`);
});

test("turned off: silence at once, and nothing later of what was called meanwhile", async () => {
  const { heard, announcer, end, hushed } = listening();
  announcer.tell([]);
  announcer.tell([call("A001", 1), call("A002", 2)]);
  await settled();
  announcer.turn(false);
  assert.equal(hushed(), 1);
  await end(3);
  announcer.tell([call("A001", 1), call("A002", 2), call("A003", 3)]);
  announcer.turn(true);
  announcer.tell([call("A001", 1), call("A002", 2), call("A003", 3)]);
  await settled();
  assert.deepEqual(heard, ["chime"]);
});

test("an engine that never ends is given up, one that fails is passed over", async (context) => {
  const clock = fakeClock(context);
  /** @type {string[]} */
  const heard = [];
  let hushed = 0;
  const announcer = createAnnouncer({
    chime: async () => heard.push("chime"),
    words: ({ number }) => [
      () => new Promise(() => heard.push(`stuck ${number}`)),
      () => Promise.reject(new Error("no voice")),
    ],
    hush: () => {
      hushed += 1;
    },
  });
  announcer.turn(true);
  announcer.tell([]);
  announcer.tell([call("A001", 1), call("A002", 2)]);
  await clock.pass(GIVEN_UP_MS - 1);
  assert.deepEqual(heard, ["chime", "stuck A001"]);
  await clock.pass(1);
  assert.deepEqual(heard, ["chime", "stuck A001", "chime", "stuck A002"]);
  assert.equal(hushed, 1, "what is stuck must not sound into what follows");
});
