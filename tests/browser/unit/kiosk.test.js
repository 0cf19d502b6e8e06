/** The kiosk's state, and what it shares with home: pure, without a browser. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { IDLE_MS, isNobody, nobody, secondsToLeave, TICKET_MS, WARN_MS } from "../../../static/pages/kiosk/guest.js";
import { initial, joinOf, reduce, refusedBy } from "../../../static/pages/kiosk/state.js";
import { changed, itemsOf, totalOf } from "../../../static/parts/cart.js";
import { barrier, etaOf, lineMeant } from "../../../static/parts/openness.js";
import { fitted, stepped } from "../../../static/parts/party.js";
import { aged, KEY_LIFE_MS, marked, PATIENCE_MS, SURE_MS, verdict, waitedFor } from "../../../static/parts/pending.js";
import { digitsOf, grouped, isComplete } from "../../../static/parts/phone-number.js";

/** @import { BoardFrame, Join, Joined, LineView, MenuItemBody, Policy } from "#api" */
/** @import { Action, State } from "../../../static/pages/kiosk/state.js" */

const NOW = 1_000_000;

/** @param {Partial<LineView>} line @returns {LineView} */
const lineView = (line) =>
  /** @type {LineView} */ ({ line: "A", name: "홀", state: "open", waiting: 3, today: 9, eta_by_party: [], ...line });

/** @param {Partial<LineView>[]} lines @param {Partial<BoardFrame["restaurant"]>} [restaurant] @returns {BoardFrame} */
const board = (lines, restaurant = {}) =>
  /** @type {BoardFrame} */ (
    /** @type {unknown} */ ({
      epoch: 1,
      rev: 1,
      at: 1,
      restaurant: { slug: "r", name: "식당", state: "open", ...restaurant },
      lines: lines.map(lineView),
      sold_out: [],
    })
  );

/** @param {State} state @param {...Action} actions */
const after = (state, ...actions) => actions.reduce(reduce, state);

/** @type {Join} */
const BODY = { line: "B", adults: 3, channel: "onsite", phone: "01012345678", items: [{ item: "stew", quantity: 2 }] };
const PENDING = { slug: "r", key: "k", body: BODY, at: NOW, triedAt: NOW, abandoned: false };

const start = after(initial("r", "ko", NOW), { type: "frame", frame: board([{ state: "paused" }, { line: "B" }]) });
const policy = /** @type {Policy} */ ({ party_min: 1, party_max: 4, per_ticket_max: 4, delay_places_max: 20 });
const stew = /** @type {MenuItemBody} */ ({ id: "stew", name: "갈비찜", price: 24_000, left: 3, sold_out: false });

test("the first open line is meant unless another open one is chosen", () => {
  const frame = board([{ state: "closed" }, { line: "B" }, { line: "C" }]);
  assert.equal(lineMeant(frame, null)?.line, "B");
  assert.equal(lineMeant(frame, "C")?.line, "C");
  assert.equal(lineMeant(frame, "A")?.line, "B");
  assert.equal(lineMeant(board([{}], { state: "paused" }), "A"), null);
});

test("the restaurant's state stands before the line's", () => {
  assert.equal(barrier({ state: "open" }, { state: "open" }), null);
  assert.equal(barrier({ state: "open" }, { state: "direct" })?.state, "direct");
  assert.equal(barrier({ state: "closed", reason: "휴무" }, { state: "open" })?.reason, "휴무");
});

test("a party waits as long as its size, larger ones as the largest that is listed", () => {
  const eta = (/** @type {number} */ low_s) => ({ low_s, high_s: low_s * 2, target: 80, rough: false });
  const line = lineView({ eta_by_party: [{ party: 2, eta: eta(60) }, { party: 8, eta: eta(900) }] });
  assert.equal(etaOf(line, 2)?.low_s, 60);
  assert.equal(etaOf(line, 12)?.low_s, 900);
  assert.equal(etaOf(line, 1), null);
});

test("a party stays within what the restaurant takes, and has an adult", () => {
  const two = { adults: 2, children: 0 };
  assert.deepEqual(stepped(two, "adults", 1, policy), { adults: 3, children: 0 });
  assert.equal(stepped({ adults: 3, children: 1 }, "children", 1, policy).children, 1);
  assert.equal(stepped({ adults: 1, children: 2 }, "adults", -1, policy).adults, 1);
  assert.equal(stepped(two, "children", -1, null), two);
  assert.deepEqual(fitted({ adults: 6, children: 1 }, policy), { adults: 3, children: 1 });
  assert.deepEqual(fitted(two, { party_min: 4, party_max: 8 }), { adults: 4, children: 0 });
});

test("a cart holds what is left, and no zeros", () => {
  const three = [1, 1, 1, 1].reduce((cart, by) => changed(cart, stew, by, 4), {});
  assert.deepEqual(three, { stew: 3 });
  assert.deepEqual(changed({ stew: 1 }, stew, -1, 4), {});
  assert.deepEqual(changed({ stew: 3 }, { ...stew, left: 1 }, 1, 4), { stew: 1 });
  assert.deepEqual(itemsOf(three), [{ item: "stew", quantity: 3 }]);
  assert.equal(totalOf(three, [stew]), 72_000);
});

test("phone numbers are grouped while they are typed, and complete or not", () => {
  assert.equal(grouped("01012345678"), "010-1234-5678");
  assert.equal(grouped("0101"), "010-1");
  assert.equal(grouped("821012345678"), "8210 1234 5678");
  for (const [text, complete] of /** @type {[string, boolean][]} */ ([
    ["010", false],
    ["010-1234-567", false],
    ["010-1234-5678", true],
    ["02-123-4567", true],
    ["123456", false],
  ])) {
    assert.equal(isComplete(text), complete, text);
  }
  assert.equal(digitsOf("+82 (10) 12345678901234").length, 15);
});

test("nothing of a guest is left for the next", () => {
  const busy = after(
    start,
    { type: "language", language: "en" },
    { type: "toggle", what: "large" },
    { type: "toggle", what: "low" },
    { type: "party", who: "children", by: 1 },
    { type: "go", screen: "options", now: NOW },
    { type: "key", key: "5" },
    { type: "order", item: stew, by: 1 },
    { type: "joining", pending: PENDING, resumed: false, now: NOW },
    { type: "joined", ticket: /** @type {Joined} */ ({ id: "secret", number: "B001" }), now: NOW },
  );
  assert.equal(busy.guest.ticket?.id, "secret");
  const next = after(busy, { type: "second", now: NOW + TICKET_MS });
  assert.deepEqual(next.guest, nobody("ko"));
  assert.ok(!JSON.stringify(next).includes("secret"));
  assert.deepEqual(after(busy, { type: "left" }).guest, nobody("ko"));
});

test("a screen waits for its guest, warns, and goes back", () => {
  const find = after(start, { type: "go", screen: "find", now: NOW });
  assert.equal(secondsToLeave(find.guest, NOW + IDLE_MS - WARN_MS - 1), null);
  assert.equal(secondsToLeave(find.guest, NOW + IDLE_MS - WARN_MS), 10);
  assert.equal(after(find, { type: "second", now: NOW + IDLE_MS - 1 }).guest.screen, "find");
  assert.equal(after(find, { type: "second", now: NOW + IDLE_MS }).guest.screen, "start");
  const stayed = after(find, { type: "touched", now: NOW + 25_000 }, { type: "second", now: NOW + IDLE_MS });
  assert.equal(stayed.guest.screen, "find");
  assert.ok(isNobody(after(start, { type: "touched", now: NOW }).guest, "ko"));
});

test("a join that is not answered waits as long as it takes", () => {
  const joining = after(
    start,
    { type: "go", screen: "options", now: NOW },
    { type: "joining", pending: PENDING, resumed: false, now: NOW },
    { type: "waiting", now: NOW },
    { type: "touched", now: NOW },
    { type: "second", now: NOW + 3_600_000 },
  );
  assert.equal(joining.guest.screen, "joining");
});

test("a refusal is shown where it can be mended", () => {
  const refused = (/** @type {string} */ code, resumed = true) =>
    after(
      start,
      { type: "joining", pending: PENDING, resumed, now: NOW },
      { type: "refused", refusal: { code, items: ["stew"], withPhone: true }, now: NOW },
    ).guest;
  assert.deepEqual([refused("sold_out").screen, refused("sold_out").panel], ["options", "order"]);
  assert.deepEqual(refused("sold_out").cart, { stew: 2 });
  assert.deepEqual([refused("already_waiting").screen, refused("already_waiting").panel], ["options", "phone"]);
  for (const code of ["paused", "line_full", "party_size", "door_code", "daily_full"]) assert.equal(refused(code).screen, "start", code);
  assert.equal(refused("paused").leaveAt, NOW + IDLE_MS);
});

test("the number's digits lead on to the code, also past A999", () => {
  const typed = (/** @type {State} */ state, /** @type {string} */ digits) =>
    [...digits].reduce((next, key) => after(next, { type: "key", key }), state).guest.finding;
  const find = after(start, { type: "go", screen: "find", now: NOW });
  assert.deepEqual(typed(find, "0171234"), { field: "code", letter: "A", number: "017", code: "1234" });
  const many = after(find, { type: "frame", frame: { ...board([{ today: 1_200 }]), rev: 2 } });
  assert.deepEqual(typed(many, "10021234"), { field: "code", letter: "A", number: "1002", code: "1234" });
  const erased = after(find, { type: "key", key: "1" }, { type: "key", key: "back" }, { type: "key", key: "back" });
  assert.equal(erased.guest.finding.number, "");
});

test("a join says what was chosen, and leaves out what was not", () => {
  const chosen = after(
    start,
    { type: "policy", policy },
    { type: "order", item: stew, by: 1 },
    { type: "party", who: "children", by: 1 },
    { type: "go", screen: "options", now: NOW },
  );
  assert.deepEqual(joinOf(chosen, { withPhone: false, drop: true }), {
    line: "B",
    adults: 2,
    children: 1,
    channel: "onsite",
    lang: "ko",
    items: [{ item: "stew", quantity: 1 }],
    if_sold_out: "drop",
  });
  assert.equal(joinOf(start, { withPhone: true })?.phone, "010");
});

test("a line that closes while a guest types is not replaced by another", () => {
  const options = after(start, { type: "go", screen: "options", now: NOW });
  assert.equal(refusedBy(options), null);
  const closed = (/** @type {Partial<LineView>[]} */ lines, /** @type {any} */ restaurant = {}) =>
    refusedBy(after(options, { type: "frame", frame: { ...board(lines, restaurant), rev: 2 } }));
  assert.equal(closed([{}, { line: "B", state: "paused" }]), "paused");
  assert.equal(closed([{}, { line: "B", state: "direct" }]), "direct");
  assert.equal(closed([{}, { line: "B", state: "closed" }]), "line_closed");
  assert.equal(closed([{}, { line: "B" }], { state: "closed" }), "restaurant_closed");
  assert.equal(closed([{}]), "line_closed");
});

test("pending joins: one is waited for, old ones are given up, very old ones forgotten", () => {
  assert.equal(waitedFor([PENDING], "r")?.key, "k");
  assert.equal(waitedFor([PENDING], "other"), null);
  assert.equal(waitedFor([PENDING], null)?.key, "k");
  const late = aged([PENDING], NOW + PATIENCE_MS);
  assert.deepEqual(late, [{ ...PENDING, abandoned: true, triedAt: NOW + PATIENCE_MS }]);
  assert.deepEqual(aged(late, NOW + PATIENCE_MS + 1), late);
  assert.equal(waitedFor(late, "r"), null);
  assert.deepEqual(aged([PENDING], NOW + KEY_LIFE_MS), []);
  assert.equal(marked([PENDING], "k", { abandoned: true })[0].abandoned, true);
});

test("only a sure answer settles a join that was given up", () => {
  assert.equal(verdict("idempotency_mismatch", 0), "given");
  assert.equal(verdict("invalid", SURE_MS), "not_given");
  assert.equal(verdict("invalid", SURE_MS - 1), "ask_again");
  for (const code of [null, "unavailable", "too_many_requests"]) assert.equal(verdict(code, SURE_MS), "ask_again");
});
