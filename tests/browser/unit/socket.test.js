/** The connection: it stays, it notices silence, it comes back, and it knows when not to. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { fakeClock, settled } from "./clock.js";

/**
 * @import { Link } from "../../../static/lib/link.js"
 * @import { TestContext } from "node:test"
 */

/** A page that everything is told to. */
class FakeTarget extends EventTarget {
  hidden = false;
  documentElement = { lang: "" };

  /** @param {string} name */
  tell(name) {
    this.dispatchEvent(new Event(name));
  }
}

class FakeSocket {
  static OPEN = 1;
  /** @type {FakeSocket[]} */
  static all = [];
  readyState = 0;
  /** @type {string[]} */
  sent = [];
  /** @type {((event: { data: string }) => void) | null} */
  onmessage = null;
  /** @type {((event: { code: number }) => void) | null} */
  onclose = null;

  /** @param {URL} url @param {string} protocol */
  constructor(url, protocol) {
    this.url = String(url);
    this.protocol = protocol;
    FakeSocket.all.push(this);
  }

  /** @param {string} text */
  send(text) {
    this.sent.push(text);
  }

  close() {
    this.readyState = 3;
  }

  /** The server says something. @param {Record<string, unknown>} frame */
  say(frame) {
    this.readyState = 1;
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  /** The server ends it, or the network does. @param {number} code */
  break(code) {
    this.readyState = 3;
    this.onclose?.({ code });
  }
}

const [page, shown] = [new FakeTarget(), new FakeTarget()];
Object.assign(globalThis, { window: page, document: shown, WebSocket: FakeSocket, location: { href: "https://wait.example/board/demo" } });
const { connect } = await import("../../../static/lib/socket.js");
const { CEILING_MS, FIRST_MS } = await import("../../../static/lib/backoff.js");

const BOARD = { type: "board", live: true, every_ms: 4_000 };
const TICK = { type: "tick", live: true, every_ms: 4_000 };

/** @param {TestContext} context @param {{ random?: number, probe?: () => Promise<number> }} [options] */
function opened(context, { random = 1, probe } = {}) {
  const clock = fakeClock(context);
  const drawn = Math.random;
  Math.random = () => random;
  FakeSocket.all = [];
  shown.hidden = false;
  /** @type {any[]} */
  const frames = [];
  /** @type {Link[]} */
  const links = [];
  const connection = connect("/v1/restaurants/demo/board/live", {
    onFrame: (frame) => frames.push(frame),
    onLink: (link) => links.push(link),
    probe,
  });
  context.after(() => {
    connection.close();
    Math.random = drawn;
  });
  return {
    clock,
    frames,
    connection,
    link: () => /** @type {Link} */ (links.at(-1)),
    socket: () => /** @type {FakeSocket} */ (FakeSocket.all.at(-1)),
    opened: () => FakeSocket.all.length,
  };
}

test("frames of state are handed on, ticks and farewells are not", (context) => {
  const { socket, frames, link } = opened(context);
  assert.equal(socket().url, "wss://wait.example/v1/restaurants/demo/board/live");
  assert.equal(socket().protocol, "waitless.v1");
  socket().say(BOARD);
  socket().say({ ...TICK, live: false });
  socket().say({ type: "bye", reason: "drain", retry_ms: 10 });
  assert.deepEqual(frames, [BOARD]);
  assert.deepEqual([link().phase, link().live], ["open", false]);
});

test("a place that was lost is told from an address of no ticket, and neither is tried again", async (context) => {
  const { socket, link, opened: count, clock, connection } = opened(context);
  socket().say(BOARD);
  socket().say({ type: "bye", reason: "place_lost", retry_ms: 0 });
  socket().break(4404);
  assert.deepEqual([link().phase, link().code], ["ended", 410]);
  await clock.pass(CEILING_MS);
  assert.equal(count(), 1);
  // A farewell is that of its connection.
  connection.retry();
  socket().say(BOARD);
  socket().break(4404);
  assert.deepEqual([link().phase, link().code], ["ended", 404 + 4_000]);
});

test("a broken connection is tried again, ever later, up to the ceiling; a frame starts anew", async (context) => {
  const { socket, opened: count, clock } = opened(context);
  socket().say(BOARD);
  let expected = FIRST_MS;
  for (let n = 2; n < 16; n += 1) {
    socket().break(1006);
    await clock.pass(Math.min(expected, CEILING_MS) - 1);
    assert.equal(count(), n - 1, `try ${n} came early`);
    await clock.pass(1);
    assert.equal(count(), n, `try ${n} did not come`);
    expected *= 1.5;
  }
  socket().say(BOARD);
  socket().break(1006);
  await clock.pass(FIRST_MS);
  assert.equal(count(), 16);
});

test("a draining server says when to come back, and is not asked before", async (context) => {
  const { socket, opened: count, clock } = opened(context, { random: 0 });
  socket().say(BOARD);
  socket().say({ type: "bye", reason: "drain", retry_ms: 3_000 });
  socket().break(1012);
  await clock.pass(2_999);
  assert.equal(count(), 1);
  await clock.pass(1);
  assert.equal(count(), 2);
  socket().break(1006);
  await clock.pass(0);
  assert.equal(count(), 3, "it was said once, not for ever");
});

test("silence: first said, then asked about, then the connection is given up", async (context) => {
  const { socket, opened: count, clock, link } = opened(context);
  const first = socket();
  first.say(BOARD);
  await clock.pass(5_000);
  assert.deepEqual(first.sent, ['{"type":"resync"}']);
  assert.equal(link().phase, "open");
  await clock.pass(1_500);
  assert.equal(link().phase, "connecting");
  await clock.pass(FIRST_MS);
  assert.equal(count(), 2);
  first.say(BOARD);
  assert.equal(link().phase, "connecting", "the old connection has no say");
});

test("silence that is broken by an answer was none", async (context) => {
  const { socket, opened: count, clock, link } = opened(context);
  socket().say(BOARD);
  await clock.pass(5_500);
  socket().say(BOARD);
  await clock.pass(4_000);
  socket().say(TICK);
  await clock.pass(4_000);
  assert.deepEqual([count(), link().phase], [1, "open"]);
});

test("a handshake that hangs is given up", async (context) => {
  const { opened: count, clock } = opened(context);
  await clock.pass(8_000 + FIRST_MS);
  assert.equal(count(), 2);
});

test("codes that mean never end it, and it can be tried again by hand", async (context) => {
  for (const code of [1000, 1003, 1007, 1009, 4400, 4401, 4403, 4404]) {
    await context.test(String(code), async (context) => {
      const { socket, opened: count, clock, link, connection } = opened(context);
      socket().say(BOARD);
      socket().break(code);
      assert.deepEqual([link().phase, link().code], ["ended", code]);
      page.tell("online");
      await clock.pass(120_000);
      assert.equal(count(), 1);
      assert.equal(clock.pending(), 0);
      connection.retry();
      assert.deepEqual([count(), link().phase, link().code], [2, "connecting", null]);
    });
  }
});

test("codes that mean later do not", async (context) => {
  for (const code of [1001, 1006, 1011, 1012, 1013, 4408]) {
    await context.test(String(code), async (context) => {
      const { socket, opened: count, clock, link } = opened(context);
      socket().say(BOARD);
      socket().break(code);
      assert.equal(link().phase, "connecting");
      await clock.pass(FIRST_MS);
      assert.equal(count(), 2);
    });
  }
});

test("a refused handshake is looked into: some refusals are final", async (context) => {
  for (const [status, tries] of /** @type {const} */ ([[401, 1], [403, 1], [404, 1], [410, 1], [200, 2], [429, 2], [503, 2], [0, 2]])) {
    await context.test(String(status), async (context) => {
      const { socket, opened: count, clock, link } = opened(context, { probe: async () => status });
      socket().break(1006);
      await clock.pass(FIRST_MS);
      assert.equal(count(), tries);
      if (tries === 1) assert.deepEqual([link().phase, link().code], ["ended", status]);
    });
  }
});

test("a connection that broke after it spoke was not refused", async (context) => {
  let probed = 0;
  const { socket, clock } = opened(context, { probe: async () => (probed += 1) });
  socket().say(BOARD);
  socket().break(1006);
  await clock.pass(FIRST_MS);
  assert.equal(probed, 0);
});

test("the network is back, or somebody looks: at once, not after the back-off", async (context) => {
  const { socket, opened: count, clock } = opened(context);
  for (let n = 0; n < 8; n += 1) {
    socket().break(1006);
    await clock.pass(CEILING_MS);
  }
  socket().break(1006);
  const before = count();
  page.tell("online");
  assert.equal(count(), before + 1);
  socket().break(1006);
  shown.hidden = true;
  shown.tell("visibilitychange");
  assert.equal(count(), before + 1, "nobody looks");
  shown.hidden = false;
  shown.tell("visibilitychange");
  assert.equal(count(), before + 2);
});

test("a page that is looked at again after a long sleep does not trust its connection", async (context) => {
  const { socket, opened: count, clock } = opened(context);
  const first = socket();
  first.say(BOARD);
  // The device slept: the clock went on, timers did not.
  const { now } = clock;
  Date.now = () => now() + 600_000;
  shown.tell("visibilitychange");
  assert.equal(count(), 2);
  assert.equal(first.readyState, 3);
});

test("one that was heard just now is asked, and given up when it does not answer", async (context) => {
  const { socket, opened: count, clock } = opened(context);
  const first = socket();
  first.say(BOARD);
  await clock.pass(2_000);
  shown.tell("visibilitychange");
  assert.equal(count(), 1);
  assert.deepEqual(first.sent, ['{"type":"resync"}']);
  await clock.pass(1_500 + FIRST_MS);
  assert.equal(count(), 2);
});

test("going offline is known at once", (context) => {
  const { socket, link } = opened(context);
  socket().say(BOARD);
  page.tell("offline");
  assert.equal(link().phase, "connecting");
});

test("a whole frame is asked for at most once a second, and only of an open connection", async (context) => {
  const { socket, connection, clock } = opened(context);
  connection.resync();
  assert.deepEqual(socket().sent, []);
  socket().say(BOARD);
  connection.resync();
  connection.resync();
  await clock.pass(999);
  connection.resync();
  assert.equal(socket().sent.length, 1);
  await clock.pass(1);
  connection.resync();
  assert.equal(socket().sent.length, 2);
});

test("closed is closed", async (context) => {
  const { socket, connection, clock, opened: count } = opened(context);
  socket().say(BOARD);
  connection.close();
  page.tell("online");
  connection.retry();
  await clock.pass(60_000);
  await settled();
  assert.deepEqual([count(), clock.pending(), socket().readyState], [1, 0, 3]);
});
