/** The home page's state: pure, without a browser. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { chosenLine, initial, joinOf, matching, needsDoor, reduce, shutBy } from "../../../static/pages/home/state.js";

/** @import { BoardFrame, Policy, RestaurantBody } from "#api" */
/** @import { Action, Shop, State } from "../../../static/pages/home/state.js" */

/** @param {State} state @param {...Action} actions */
const after = (state, ...actions) => actions.reduce(reduce, state);

/** @param {string} id @param {string} [name] */
const restaurant = (id, name = id) => /** @type {RestaurantBody} */ ({ id, slug: id, name, state: "open", time_zone: "Asia/Seoul", currency: "KRW", lines: [] });

/** @param {string[]} states @param {string} [whole] */
const board = (states, whole = "open") =>
  /** @type {BoardFrame} */ (
    /** @type {unknown} */ ({
      epoch: 1,
      rev: 1,
      at: 1,
      restaurant: { slug: "r", name: "식당", state: whole },
      lines: states.map((state, index) => ({ line: "ABC"[index], name: "홀", state, eta_by_party: [] })),
      sold_out: [],
    })
  );

/** @param {Partial<Policy>} change */
const facts = (change) =>
  /** @type {Action} */ ({
    type: "facts",
    policy: { party_min: 1, party_max: 8, per_ticket_max: 4, remote: true, presence: "open", ...change },
    restaurant: restaurant("r"),
  });

/** @param {...Action} actions @returns {Shop} */
const shop = (...actions) => {
  const frame = board(["open", "paused"]);
  const { shop: here } = after(initial([], 0), { type: "open", slug: "r" }, { type: "frame", frame }, ...actions);
  assert.ok(here);
  return here;
};

test("pages of restaurants join up, and news replaces what is known in its place", () => {
  const first = after(initial([], 0), { type: "page", page: { items: [restaurant("a"), restaurant("b")], next: "n" }, first: true });
  const both = after(first, { type: "page", page: { items: [restaurant("b", "새 이름"), restaurant("c")] }, first: false });
  assert.deepEqual(both.restaurants?.map(({ name }) => name), ["a", "새 이름", "c"]);
  assert.equal(both.next, null);
  const refreshed = after(both, { type: "refreshed", items: [restaurant("a", "A")] });
  assert.deepEqual(refreshed.restaurants?.map(({ name }) => name), ["A", "새 이름", "c"]);
});

test("a search asks for every word", () => {
  const all = [restaurant("1", "북촌 소반"), restaurant("2", "Bukchon Table"), restaurant("3", "소반 강남")];
  assert.deepEqual(matching(all, "소반 북").map(({ id }) => id), ["1"]);
  assert.deepEqual(matching(all, "bukCHON").map(({ id }) => id), ["2"]);
  assert.equal(matching(all, " ").length, 3);
});

test("a restaurant is shut when all of it is", () => {
  assert.equal(shutBy(board(["open", "paused"])), null);
  assert.equal(shutBy(board(["paused", "closed"])), null);
  assert.equal(shutBy(board(["direct", "direct"]))?.state, "direct");
  assert.equal(shutBy(board(["open"], "closed"))?.state, "closed");
});

test("joining from elsewhere is the rule, where the restaurant allows it", () => {
  assert.equal(joinOf(shop(facts({})), "ko", false)?.channel, "remote");
  assert.equal(joinOf(shop(facts({ remote: false })), "ko", false)?.channel, "onsite");
});

test("the door code is sent where it is asked for, and only there", () => {
  const door = { type: "form", change: { where: "onsite", door: "1234" } };
  const asked = shop(facts({ presence: "code" }), /** @type {Action} */ (door));
  assert.ok(needsDoor(asked));
  assert.equal(joinOf(asked, "ko", false)?.door, "1234");
  assert.equal(joinOf(shop(facts({}), /** @type {Action} */ (door)), "ko", false)?.door, undefined);
  const refused = after(initial([], 0), { type: "open", slug: "r" }, facts({ presence: "code" }), /** @type {Action} */ (door), {
    type: "refused",
    code: "door_code",
    items: [],
    of: "join",
  });
  assert.equal(refused.shop?.form.door, "");
});

test("a join that a reload interrupted brings back what was chosen", () => {
  const body = /** @type {const} */ ({ line: "A", adults: 3, channel: "onsite", phone: "01012345678", items: [{ item: "x", quantity: 2 }] });
  const pending = { slug: "r", key: "k", body: { ...body, items: [...body.items] }, at: 0, triedAt: 0, abandoned: false };
  const resumed = shop({ type: "joining", pending, resumed: true });
  assert.deepEqual([resumed.form.adults, resumed.form.where, resumed.form.cart], [3, "onsite", { x: 2 }]);
  assert.equal(resumed.joining?.waits, 1);
  assert.equal(shop({ type: "joining", pending, resumed: false }, { type: "answered" }).joining, null);
});

test("a frame of a restaurant that was left changes nothing", () => {
  const left = after(initial([], 0), { type: "open", slug: "r" }, { type: "close" }, { type: "frame", frame: board(["open"]) });
  assert.equal(left.shop, null);
  assert.equal(chosenLine(shop())?.line, "A");
});
