/** What the phone page makes of frames: which is shown, why one stands where one stands, where a delay lands, when it rings. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { preferred } from "../../../static/lib/i18n.js";
import { UNCONNECTED } from "../../../static/lib/link.js";
import { behind, landing, placesMax } from "../../../static/pages/phone/landing.js";
import { news } from "../../../static/pages/phone/news.js";
import { INITIAL, isLost, isNear, isOld, isRinging, mayUndo, movement, reduce, remaining } from "../../../static/pages/phone/state.js";
import { wayDone } from "../../../static/pages/phone/place.js";

/** @import { LineView, TicketFrame } from "#api" */
/** @import { Action, State } from "../../../static/pages/phone/state.js" */

const AT = 1_700_000_000_000;

/** @param {Partial<Omit<TicketFrame, "notices"> & { notices: any[] }>} [fields] */
function frame(fields = {}) {
  return /** @type {TicketFrame} */ ({
    type: "ticket",
    epoch: 1,
    rev: 10,
    at: AT,
    live: true,
    every_ms: 4_000,
    id: "t",
    number: "A010",
    line: "A",
    line_name: "홀",
    state: "waiting",
    ahead: 4,
    ahead_at_join: 8,
    eta: null,
    adults: 2,
    children: 0,
    calls: 0,
    delays: 0,
    delays_left: 3,
    checked_in: false,
    called_at: null,
    grace_until: null,
    undo_until: null,
    ended: null,
    items: [],
    notices: [],
    last_called: null,
    restaurant: { slug: "demo", name: "데모", state: "open" },
    ...fields,
  });
}

/** @param {TicketFrame} shown @param {Partial<State>} [rest] @returns {State} */
function showing(shown, rest = {}) {
  return { ...INITIAL, frame: shown, heardAt: 0, ...rest };
}

/** @param {State} state @param {...Action} actions */
function after(state, ...actions) {
  return actions.reduce(reduce, state);
}

/** @param {TicketFrame} next @param {number} [now] @returns {Action} */
function came(next, now = 0) {
  return { type: "frame", frame: next, now };
}

test("an older frame never replaces a newer one, wherever it came from", () => {
  const newest = frame({ epoch: 2, rev: 5, ahead: 1 });
  const state = after(INITIAL, came(newest));
  for (const older of [frame({ epoch: 1, rev: 99 }), frame({ epoch: 2, rev: 4 }), frame({ epoch: 2, rev: 5, at: AT - 1 })]) {
    assert.equal(after(state, came(older)), state);
  }
  assert.equal(after(state, came(frame({ epoch: 2, rev: 5, at: AT + 1, ahead: 0 }))).frame?.ahead, 0);
});

test("a place that was lost neither rings nor keeps the phone awake, and what was known of it stays", () => {
  const called = frame({ state: "called", called_at: AT, calls: 1, grace_until: AT + 60_000, ahead: null });
  const before = after(INITIAL, came(called));
  assert.deepEqual([isRinging(before, 1), isNear(before), isLost(before)], [true, true, false]);
  const lost = after(before, { type: "link", link: { ...UNCONNECTED, phase: "ended", code: 410 } });
  assert.deepEqual([isRinging(lost, 1), isNear(lost), isLost(lost)], [false, false, true]);
  assert.equal(lost.frame, called);
  const gone = after(before, { type: "link", link: { ...UNCONNECTED, phase: "ended", code: 4404 } });
  assert.equal(isLost(gone), false);
});

test("what is remembered is old until the server speaks", () => {
  const past = showing(frame(), { isRemembered: true, link: { ...UNCONNECTED, freshAt: 5_000 } });
  assert.equal(isOld(past, 60_000), true);
  const told = after(past, { type: "link", link: UNCONNECTED });
  assert.equal(told.link.freshAt, 5_000, "a link that knows no age keeps the remembered one");
  const link = { ...UNCONNECTED, phase: /** @type {const} */ ("open"), live: true, heardAt: 60_000, freshAt: 60_000 };
  assert.equal(isOld(after(past, { type: "link", link }, came(frame({ rev: 11 }), 60_000)), 60_000), false);
});

test("two frames tell why one stands where one stands", () => {
  const called = frame({ state: "called", ahead: null, grace_until: AT + 5_000 });
  const cases = /** @type {const} */ ([
    [frame(), frame({ ahead: 2 }), undefined],
    [frame(), frame({ ahead: 6 }), "inserted"],
    [frame(), frame({ ahead: 6, delays: 1 }), "delayed"],
    [frame(), frame({ line: "B", ahead: 9 }), "line"],
    [called, frame({ at: AT + 1_000 }), "put_back"],
    [called, frame({ at: AT + 5_000 }), "grace_over"],
    [called, frame({ delays: 1 }), "delayed"],
    [frame({ state: "no_show" }), frame(), "restored"],
    [frame({ state: "cancelled" }), frame(), "undone"],
    [frame(), called, undefined],
  ]);
  for (const [before, next, kind] of cases) assert.equal(movement(before, next)?.kind, kind);
  assert.equal(movement(null, frame()), null);
});

test("a question about a state that is over closes", () => {
  const asked = after(showing(frame()), { type: "sheet", sheet: "cancel" });
  assert.equal(after(asked, came(frame({ rev: 11, ahead: 3 }))).sheet, "cancel");
  assert.equal(after(asked, came(frame({ rev: 11, state: "called" }))).sheet, null);
});

test("a check-in that needs the door code asks for it, and tells a wrong one there", () => {
  const refused = /** @type {Action} */ ({ type: "failed", verb: "check-in", error: "no", code: "door_code" });
  const asked = after(showing(frame()), { type: "sent", verb: "check-in" }, refused);
  assert.deepEqual([asked.sheet, asked.failure, asked.busy], ["door", null, null]);
  assert.equal(after(asked, { type: "sent", verb: "check-in" }, refused).failure?.verb, "check-in");
});

test("it rings while called, until it is acknowledged or the grace is over; a recall rings again", () => {
  const called = frame({ state: "called", called_at: AT, calls: 1, grace_until: AT + 60_000 });
  const state = showing(called);
  assert.equal(isRinging(state, 59_000), true);
  assert.equal(isRinging(state, 60_000), false);
  assert.equal(isRinging({ ...state, isRemembered: true }, 1_000), false, "a call of long ago");
  const known = after(state, { type: "acknowledged" });
  assert.equal(isRinging(known, 1_000), false);
  assert.equal(isRinging(after(known, came({ ...called, rev: 11, notices: [] })), 1_000), false);
  assert.equal(isRinging(after(known, came({ ...called, rev: 12, calls: 2, called_at: AT + 9_000 })), 1_000), true);
});

test("countdowns run on the server's clock and this device's time since", () => {
  const state = showing(frame({ grace_until: AT + 90_000 }), { heardAt: 1_000 });
  assert.equal(remaining(state, AT + 90_000, 31_000), 60_000);
  assert.equal(remaining(state, AT + 90_000, 500_000), 0);
  assert.equal(remaining(state, null, 1_000), 0);
});

test("only the guest's own cancelling is the guest's to undo, and only for its time", () => {
  const own = frame({ state: "cancelled", ended: { by: "guest" }, undo_until: AT + 60_000 });
  assert.equal(mayUndo(showing(own), 59_000), true);
  assert.equal(mayUndo(showing(own), 60_000), false);
  assert.equal(mayUndo(showing({ ...own, ended: { by: "staff" } }), 0), false);
});

test("near is close, next or called", () => {
  assert.equal(isNear(showing(frame())), false);
  for (const kind of ["close", "next"]) {
    assert.equal(isNear(showing(frame({ notices: [{ id: -1, kind, at: AT, args: {} }] }))), true);
  }
  assert.equal(isNear(showing(frame({ state: "called" }))), true);
});

test("news: the newest first, those who went first counted by reason, a call told once", () => {
  /** @param {number} at @param {string} reason */
  const overtaken = (at, reason) => ({ id: at, kind: "overtaken", at, args: { number: "A011", reason } });
  const told = frame({
    last_called: { number: "A012", at: AT - 1_000 },
    notices: [overtaken(AT - 9_000, "table_fit"), overtaken(AT - 1_000, "table_fit"), { id: 9, kind: "unheard_of", at: AT }],
  });
  assert.deepEqual(news(told, null), [{ key: "overtaken", at: AT - 1_000, reason: "table_fit", n: 2 }]);
  const later = frame({ ...told, last_called: { number: "A013", at: AT } });
  assert.deepEqual(news(later, null).map(({ key }) => key), ["called", "overtaken"]);
  const moved = /** @type {const} */ ({ kind: "put_back", at: AT - 500, n: 0 });
  assert.deepEqual(news(told, moved).map(({ key }) => key), ["moved", "overtaken"]);
  assert.deepEqual(news(told, { ...moved, at: AT - 3_600_000 }).map(({ key }) => key), ["overtaken"]);
});

test("a delay lands behind those who wait, no further than the last", () => {
  const eta = { low_s: 600, high_s: 1_200, rough: false, target: 80 };
  const line = /** @type {LineView} */ ({ line: "A", waiting: 8, eta: null, eta_by_party: [{ party: 2, eta: { ...eta, low_s: 1_400, high_s: 2_800 } }] });
  const crowd = { line, placesMax: 20 };
  const ticket = frame({ ahead: 4, eta });
  assert.equal(behind(ticket, crowd), 3);
  assert.equal(placesMax(ticket, crowd), 3);
  assert.equal(landing(ticket, 2, crowd)?.ahead, 6);
  assert.equal(landing(ticket, 9, crowd)?.ahead, 7);
  assert.deepEqual(landing(ticket, 2, crowd)?.eta, { low_s: 1_000, high_s: 2_000 }, "half of the way to the end");
  assert.equal(landing(frame({ ahead: 4 }), 2, crowd)?.eta, null, "nothing is made up");
  assert.equal(landing(frame({ ahead: 7 }), 1, crowd), null, "nobody behind");
  assert.equal(landing(ticket, 1, null), null, "not known yet");
  const called = frame({ state: "called", ahead: null });
  assert.deepEqual([behind(called, crowd), landing(called, 3, crowd)?.ahead], [8, 3]);
});

test("the way fills from joining to the door, and never runs backwards past its start", () => {
  assert.equal(wayDone({ ahead: 8, ahead_at_join: 8 }), 0);
  assert.equal(wayDone({ ahead: 2, ahead_at_join: 8 }), 0.75);
  assert.equal(wayDone({ ahead: 0, ahead_at_join: 0 }), 1);
  assert.equal(wayDone({ ahead: 11, ahead_at_join: 8 }), 0);
});

test("language: the address, what was said when joining, the device", () => {
  assert.equal(preferred({ search: "", languages: ["ko-KR"] }, "en-GB"), "en");
  assert.equal(preferred({ search: "?lang=ko", languages: ["en"] }, "en"), "ko");
  assert.equal(preferred({ search: "", languages: ["en-US"] }, "fr"), "en");
  assert.equal(preferred({ search: "", languages: ["de"] }, null), "ko");
});
