/** What the console knows and shows: the reducer, the selectors, the undo stack. No page, no server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import {
  columns,
  ended,
  fits,
  found,
  isCurrent,
  lastDone,
  missed,
  neighbour,
  patience,
  rows,
  serverNow,
  upNext,
  waiting,
} from "../../../static/pages/console/selectors.js";
import { initial, kept, reduce, UNDO_MAX } from "../../../static/pages/console/state.js";

/** @import { DeltaFrame, LineView, QueueFrame, TicketView } from "#api" */
/** @import { Done, State } from "../../../static/pages/console/state.js" */

const AT = 1_800_000_000_000;
const MINUTE = 60_000;

/** @param {Partial<TicketView> & { number: string }} values @returns {TicketView} */
function ticket(values) {
  const { number } = values;
  return /** @type {TicketView} */ ({
    id: `id-${number}`,
    order: number.slice(1),
    line: number[0],
    state: "waiting",
    adults: 2,
    children: 0,
    channel: "onsite",
    checked_in: true,
    items: [],
    joined_at: AT - 10 * MINUTE,
    eta_at_join: null,
    undo_until: null,
    ...values,
  });
}

/** @param {TicketView[]} tickets @param {Partial<QueueFrame>} [values] @returns {QueueFrame} */
function queue(tickets, values = {}) {
  const lines = /** @type {LineView[]} */ ([
    { line: "A", name: "홀", state: "open" },
    { line: "B", name: "테라스", state: "open" },
  ]);
  const restaurant = { slug: "demo", name: "시험", state: /** @type {const} */ ("open") };
  const frame = { type: "queue", epoch: 1, rev: 10, at: AT, live: true, every_ms: 4_000, stock: {}, restaurant, lines, tickets };
  return /** @type {QueueFrame} */ ({ ...frame, ...values });
}

/** @param {Partial<DeltaFrame>} values @returns {DeltaFrame} */
function delta(values) {
  return /** @type {DeltaFrame} */ ({
    type: "delta", epoch: 1, prev: 10, rev: 11, at: AT + 1_000, live: true, every_ms: 4_000, events: [], set: {}, gone: [], ...values,
  });
}

/** @param {State} state @param {QueueFrame | DeltaFrame} frame */
function after(state, frame) {
  return reduce(state, { type: "frame", frame, now: 5_000 });
}

/** @param {TicketView[]} tickets @param {Partial<QueueFrame>} [values] */
function showing(tickets, values) {
  return after(initial("demo"), queue(tickets, values));
}

/** @param {Partial<Done>} [values] @returns {Done} */
function done(values) {
  return { id: "id-A001", number: "A001", did: "seat", state: "seated", undo_until: AT + MINUTE, epoch: 1, rev: 10, ...values };
}

/** @param {TicketView[]} tickets */
function numbers(tickets) {
  return tickets.map(({ number }) => number);
}

test("the line stands in the order of the server, whatever the numbers say", () => {
  const frame = queue([
    ticket({ number: "A003", order: "1" }),
    ticket({ number: "A001", order: "000000025" }),
    ticket({ number: "B001", order: "05" }),
    ticket({ number: "A002", order: "00000002", state: "called" }),
  ]);
  assert.deepEqual(numbers(waiting(frame, "all")), ["A001", "B001", "A003"]);
  assert.deepEqual(numbers(waiting(frame, "A")), ["A001", "A003"]);
});

test("missed and ended: the newest first, in their line", () => {
  const frame = queue([
    ticket({ number: "A001", state: "no_show", missed_at: 1 }),
    ticket({ number: "A002", state: "no_show", missed_at: 2 }),
    ticket({ number: "B003", state: "no_show", missed_at: 3 }),
    ticket({ number: "A004", state: "cancelled", undo_until: 5 }),
    ticket({ number: "A005", state: "completed", undo_until: 6 }),
  ]);
  assert.deepEqual(numbers(missed(frame, "A")), ["A002", "A001"]);
  assert.deepEqual(numbers(ended(frame, "all")), ["A005", "A004"]);
});

test("a party in a state that only a newer server knows is not out of sight", () => {
  const parked = /** @type {TicketView["state"]} */ (/** @type {unknown} */ ("parked"));
  const frame = queue([ticket({ number: "A001", state: "other" }), ticket({ number: "A002", state: parked })]);
  assert.deepEqual(numbers(ended(frame, "all")), ["A001", "A002"]);
});

test("waited against promised: fine, near from 80 %, over by a whole minute", () => {
  const eta = { low_s: 300, high_s: 1_000, target: 80, rough: false };
  /** @param {number} s */
  const level = (s) => patience(ticket({ number: "A001", joined_at: AT - s * 1_000, eta_at_join: eta }), AT).level;
  assert.equal(level(799), "fine");
  assert.equal(level(800), "near");
  assert.equal(level(1_059), "near");
  assert.equal(level(1_060), "over");
  assert.equal(patience(ticket({ number: "A001" }), AT).level, "unknown");
  assert.equal(patience(ticket({ number: "A001", joined_at: AT + 5 }), AT).waitedMs, 0);
});

test("the server's clock, not this device's", () => {
  const state = showing([]);
  assert.equal(serverNow(state, 5_000), AT);
  assert.equal(serverNow(state, 8_000), AT + 3_000);
  assert.equal(serverNow(state, 1_000), AT);
});

test("a delta that does not follow leaves what is shown and asks for a whole frame", () => {
  const state = showing([ticket({ number: "A001" })]);
  const torn = after(state, delta({ prev: 12, rev: 13, gone: ["id-A001"] }));
  assert.equal(torn.gap, true);
  assert.deepEqual(torn.queue, state.queue);
  assert.equal(after(torn, queue([], { rev: 13 })).gap, false);
  assert.equal(after(initial("demo"), delta({})).gap, true);
});

test("an older frame changes nothing", () => {
  const state = showing([ticket({ number: "A001" })]);
  assert.equal(after(state, queue([], { rev: 9 })), state);
  assert.equal(after(state, queue([], { epoch: 0, rev: 99 })), state);
});

test("search: number in any writing, name, last digits of the phone", () => {
  const frame = queue([
    ticket({ number: "A012", name: "Kim Haneul", phone_last4: "5601" }),
    ticket({ number: "B012", name: "이서준", phone_last4: "1234" }),
    ticket({ number: "A120", state: "no_show", phone_last4: "0012" }),
    ticket({ number: "A001", name: "<b>12</b>" }),
  ]);
  assert.deepEqual(numbers(found(frame, "A012")), ["A012"]);
  assert.deepEqual(numbers(found(frame, "a12")), ["A012", "A120"]);
  assert.deepEqual(numbers(found(frame, " 12 ")), ["A012", "B012", "A001", "A120"]);
  assert.deepEqual(numbers(found(frame, "haneul")), ["A012"]);
  assert.deepEqual(numbers(found(frame, "서준")), ["B012"]);
  assert.deepEqual(numbers(found(frame, "5601")), ["A012"]);
  assert.deepEqual(numbers(found(frame, "123")), ["B012"], "while it is typed");
  assert.deepEqual(numbers(found(frame, "01012341234")), ["B012"]);
  assert.deepEqual(numbers(found(frame, "zzz")), []);
  assert.deepEqual(numbers(found(frame, "(")), []);
});

test("a table fits whom it fits", () => {
  const party = (/** @type {number} */ adults, children = 0) => ({ adults, children });
  assert.ok(fits(party(20), "all"));
  assert.ok(fits(party(1, 1), "two") && !fits(party(2, 1), "two"));
  assert.ok(fits(party(3), "four") && fits(party(4), "four") && !fits(party(5), "four"));
  assert.ok(fits(party(2, 4), "six") && !fits(party(7), "six"));
  assert.ok(fits(party(7), "more") && fits(party(20), "more") && !fits(party(6), "more"));
});

test("who would be called next: the line, the table, who is there", () => {
  const state = showing([
    ticket({ number: "A001", adults: 5, checked_in: false }),
    ticket({ number: "A002", adults: 2 }),
    ticket({ number: "B001", adults: 2, order: "0" }),
  ]);
  assert.equal(upNext(state)?.number, "A001");
  assert.equal(upNext({ ...state, band: "two" })?.number, "A002");
  assert.equal(upNext({ ...state, band: "more" }), null);
  assert.equal(upNext({ ...state, line: "B" })?.number, "B001");
  const policy = /** @type {any} */ ({ check_in_before_call: true });
  assert.equal(upNext({ ...state, policy })?.number, "A002");
});

test("who looks at one line calls from it; looking at all keeps the choice", () => {
  const state = reduce(showing([]), { type: "change", change: { tab: "B" } });
  assert.equal(state.line, "B");
  assert.equal(reduce(state, { type: "change", change: { tab: "all" } }).line, "B");
  assert.equal(after({ ...state, tab: "C", line: "C" }, queue([], { rev: 11 })).line, "A");
});

test("undo: the last act, as long as its record is the server's", () => {
  const seated = ticket({ number: "A001", state: "seated", undo_until: AT + MINUTE });
  let state = reduce(showing([seated]), { type: "did", done: done() });
  assert.equal(lastDone(state, AT)?.number, "A001");
  assert.equal(lastDone(state, AT + MINUTE), null, "expired");
  state = after(state, delta({ set: { tickets: [{ ...seated, undo_until: AT + 2 * MINUTE }] } }));
  assert.equal(lastDone(state, AT), null, "somebody else did something since");
});

test("undo: an answer that is ahead of the frames waits for them", () => {
  const waitingTicket = ticket({ number: "A001" });
  let state = reduce(showing([waitingTicket]), { type: "did", done: done({ rev: 12 }) });
  state = after(state, delta({ rev: 11 }));
  assert.equal(lastDone(state, AT)?.number, "A001");
  state = after(state, delta({ prev: 11, rev: 12, set: { tickets: [{ ...waitingTicket, state: "seated", undo_until: AT + MINUTE }] } }));
  assert.equal(lastDone(state, AT)?.number, "A001");
  state = after(state, delta({ prev: 12, rev: 13, gone: ["id-A001"] }));
  assert.equal(lastDone(state, AT), null);
});

test("undo: a stack, one entry a ticket, bounded, kept for the next visit", () => {
  let state = showing([]);
  for (let n = 0; n < UNDO_MAX + 5; n += 1) state = reduce(state, { type: "did", done: done({ id: `id-${n}`, number: `A${n}` }) });
  assert.equal(state.undo.length, UNDO_MAX);
  state = reduce(state, { type: "did", done: done({ id: "id-20", did: "complete" }) });
  assert.equal(state.undo.length, UNDO_MAX);
  assert.equal(lastDone(state, AT)?.did, "complete");
  const again = initial("demo", JSON.parse(JSON.stringify(kept(state))));
  assert.deepEqual(again.undo, state.undo);
  assert.equal(lastDone(reduce(again, { type: "forget", id: "id-20" }), AT)?.id, "id-24");
});

test("the selection stays with its ticket, and goes when the ticket goes", () => {
  const first = ticket({ number: "A001" });
  let state = reduce(showing([first]), { type: "change", change: { selected: first.id } });
  state = after(state, delta({ set: { tickets: [{ ...first, state: "called" }] } }));
  assert.equal(state.selected, first.id);
  state = after(state, delta({ prev: 11, rev: 12, gone: [first.id] }));
  assert.equal(state.selected, null);
});

test("arrows: up and down in a column, left and right between them", () => {
  const state = showing([
    ticket({ number: "A001" }),
    ticket({ number: "A002" }),
    ticket({ number: "A003", state: "called", grace_until: AT + 1 }),
    ticket({ number: "A004", state: "seated" }),
  ]);
  assert.deepEqual(columns(state), [["id-A001", "id-A002"], ["id-A003", "id-A004"]]);
  const at = (/** @type {string | null} */ selected) => ({ ...state, selected });
  assert.equal(neighbour(at(null), "down"), "id-A001");
  assert.equal(neighbour(at("id-A001"), "down"), "id-A002");
  assert.equal(neighbour(at("id-A002"), "down"), "id-A002");
  assert.equal(neighbour(at("id-A002"), "right"), "id-A003");
  assert.equal(neighbour(at("id-A003"), "down"), "id-A004");
  assert.equal(neighbour(at("id-A004"), "left"), "id-A001");
  assert.equal(neighbour(showing([]), "down"), null);
});

test("a search looks through every state, also where another list is open", () => {
  const state = showing([ticket({ number: "A001", state: "seated", name: "김" }), ticket({ number: "A002" })]);
  assert.deepEqual(numbers(rows({ ...state, search: "김" })), ["A001"]);
  assert.deepEqual(numbers(rows({ ...state, list: "no_show" })), []);
});

test("commands make sense only while what is shown is current", () => {
  const link = { phase: /** @type {const} */ ("open"), live: true, everyMs: 4_000, heardAt: 5_000, freshAt: 5_000, code: null };
  const state = { ...showing([]), link };
  assert.equal(isCurrent(state, 6_000), true);
  assert.equal(isCurrent(state, 11_000), false, "silence");
  assert.equal(isCurrent({ ...state, link: { ...link, live: false } }, 6_000), false);
  assert.equal(isCurrent({ ...state, gap: true }, 6_000), false);
  assert.equal(isCurrent(reduce(state, { type: "denied", status: 401 }), 6_000), false);
  assert.equal(isCurrent(initial("demo"), 6_000), false);
});

test("words go when their time is over, and never take newer ones with them", () => {
  let state = reduce(showing([]), { type: "toast", kind: "done", text: "1" });
  const first = /** @type {number} */ (state.toast?.serial);
  state = reduce(state, { type: "toast", kind: "done", text: "1" });
  assert.equal(reduce(state, { type: "hush", what: "toast", serial: first }).toast?.text, "1");
  assert.equal(reduce(state, { type: "hush", what: "toast", serial: /** @type {any} */ (state.toast).serial }).toast, null);
});
