/** What frames do to what is known: nothing older ever overwrites, and a delta leads where the next whole frame would. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { byOrder, newer, ranked, supersedes, withDelta } from "../../../static/lib/frames.js";

/** @import { DeltaFrame, LineView, QueueFrame, TicketView } from "#api" */

test("(epoch, rev) decides, epoch first; at the same pair the later word wins", () => {
  const shown = { epoch: 2, rev: 10, at: 500 };
  for (const [epoch, rev, at, wins] of /** @type {const} */ ([
    [2, 11, 1, true],
    [2, 9, 999, false],
    [3, 0, 1, true],
    [1, 99, 999, false],
    [2, 10, 501, true],
    [2, 10, 500, true],
    [2, 10, 499, false],
  ])) {
    assert.equal(supersedes(shown, { epoch, rev, at }), wins, `${epoch}.${rev}@${at}`);
  }
  assert.equal(supersedes(null, shown), true);
  const [older, later] = [queue(), { ...queue(), rev: 2 }];
  assert.equal(newer(later, older), later);
  assert.equal(newer(older, later), later);
});

test("a delta that does not follow is refused, one from before changes nothing", () => {
  const shown = { ...queue(), epoch: 1, rev: 5 };
  assert.equal(withDelta(shown, delta(shown, { prev: 6, rev: 7 })), null, "a gap");
  assert.equal(withDelta(shown, delta(shown, { epoch: 2, prev: 0, rev: 1 })), null, "another life");
  assert.equal(withDelta(shown, delta(shown, { prev: 3, rev: 4 })), shown, "from before");
  const lapse = delta(shown, { prev: 5, rev: 5, at: shown.at + 1 });
  assert.notEqual(withDelta(shown, lapse), null, "only time has passed");
});

test("null takes an announcement away, absence leaves it", () => {
  const shown = { ...queue(), announcement: { text: "a", at: 1 } };
  const kept = withDelta(shown, delta(shown, {}));
  assert.equal(kept?.announcement?.text, "a");
  const gone = withDelta(shown, { ...delta(shown, {}), set: { announcement: null } });
  assert.equal(gone?.announcement, null);
});

test("places are compared as text, and then by id", () => {
  const places = [
    ["b", "1"],
    ["a0", "2"],
    ["a", "3"],
    ["a", "1"],
    ["Z", "9"],
  ].map(([order, id]) => ({ order, id }));
  assert.deepEqual(
    places.sort(byOrder).map(({ order, id }) => order + id),
    ["Z9", "a1", "a3", "a02", "b1"],
  );
});

test("any sequence of deltas leads to the next queue frame", () => {
  for (let seed = 1; seed <= 200; seed += 1) {
    const random = randomFrom(seed);
    let server = queue();
    let shown = server;
    for (let step = 0; step < 30; step += 1) {
      const [next, change] = mutated(server, random);
      server = next;
      const applied = withDelta(shown, change);
      assert.ok(applied, `seed ${seed}, step ${step}`);
      shown = applied;
      // An older one that comes late, from another connection, does no harm.
      assert.equal(withDelta(shown, { ...change, prev: change.prev - 1, rev: change.rev - 1 }), shown);
      assert.deepEqual(sorted(shown), sorted(server), `seed ${seed}, step ${step}`);
    }
  }
});

/** @param {QueueFrame} frame */
function sorted(frame) {
  return { ...frame, tickets: [...frame.tickets].sort((a, b) => (a.id < b.id ? -1 : 1)) };
}

/**
 * One step of a server: what it would send whole, and what it sends as a delta.
 *
 * @param {QueueFrame} before
 * @param {(below: number) => number} random
 * @returns {[QueueFrame, DeltaFrame]}
 */
function mutated(before, random) {
  const revs = 1 + random(3);
  const tickets = new Map(before.tickets.map((ticket) => [ticket.id, ticket]));
  /** @type {Set<string>} */
  const changed = new Set();
  /** @type {string[]} */
  const gone = [];
  for (let n = 0; n < revs; n += 1) {
    const ids = [...tickets.keys()];
    const id = ids[random(ids.length + 1)] ?? `t${before.rev}-${n}`;
    if (tickets.has(id) && random(5) === 0) {
      tickets.delete(id);
      changed.delete(id);
      gone.push(id);
      continue;
    }
    if (gone.includes(id)) continue;
    tickets.set(id, { ...ticket(id, random), number: tickets.get(id)?.number ?? id });
    changed.add(id);
  }
  // Like the server, from the places alone.
  const all = serverRanks([...tickets.values()]);
  const after = { ...before, rev: before.rev + revs, at: before.at + 10, tickets: all };
  /** @type {DeltaFrame["set"]} */
  const set = { tickets: all.filter(({ id }) => changed.has(id)) };
  if (random(2)) {
    after.lines = [/** @type {LineView} */ ({ line: "A", waiting: random(9) })];
    set.lines = after.lines;
  }
  if (random(2)) {
    set.stock = { [`item${random(3)}`]: random(4) || null };
    after.stock = { ...before.stock, ...set.stock };
  }
  if (random(4) === 0) {
    set.announcement = random(2) ? null : { text: `said at ${after.at}`, at: after.at };
    after.announcement = set.announcement;
  }
  if (random(4) === 0) {
    after.restaurant = { ...before.restaurant, state: random(2) ? "paused" : "open" };
    set.restaurant = after.restaurant;
  }
  return [after, { ...delta(before, { rev: after.rev, at: after.at }), set, gone }];
}

/** The rank of a waiting ticket is how many of its line stand before it. @param {TicketView[]} tickets */
function serverRanks(tickets) {
  return tickets.map((one) => {
    const before = tickets.filter(
      (other) => other.state === "waiting" && other.line === one.line && byOrder(other, one) < 0,
    );
    return { ...one, ahead: one.state === "waiting" ? before.length : null };
  });
}

test("ranks are counted in each line by itself, of those who wait", () => {
  const one = (/** @type {string} */ id, /** @type {Partial<TicketView>} */ more) =>
    /** @type {TicketView} */ ({ id, order: id, line: "A", state: "waiting", ahead: 9, ...more });
  const tickets = [one("c", {}), one("a", {}), one("b", { state: "called" }), one("d", { line: "B" })];
  assert.deepEqual(
    ranked(tickets).map(({ ahead }) => ahead),
    [1, 0, null, 0],
  );
});

/** @param {string} id @param {(below: number) => number} random @returns {TicketView} */
function ticket(id, random) {
  const state = /** @type {const} */ (["waiting", "waiting", "waiting", "called", "seated", "no_show"])[random(6)];
  const order = String.fromCharCode(97 + random(6)) + random(10);
  return /** @type {TicketView} */ ({ id, order, line: "AB"[random(2)], state, ahead: null });
}

/** @returns {QueueFrame} */
function queue() {
  return /** @type {QueueFrame} */ ({
    type: "queue",
    epoch: 1,
    rev: 1,
    at: 1_000,
    live: true,
    every_ms: 4_000,
    restaurant: { slug: "demo", name: "Demo", state: "open", until: null, reason: null },
    announcement: null,
    lines: [],
    stock: {},
    tickets: [],
  });
}

/** @param {QueueFrame} shown @param {Partial<DeltaFrame>} more @returns {DeltaFrame} */
function delta(shown, more) {
  const { epoch, rev, at, live, every_ms } = shown;
  return { type: "delta", epoch, prev: rev, rev: rev + 1, at: at + 10, live, every_ms, events: [], set: {}, gone: [], ...more };
}

/** The same numbers for the same seed. @param {number} seed */
function randomFrom(seed) {
  let state = seed * 2_654_435_761;
  return (/** @type {number} */ below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}
