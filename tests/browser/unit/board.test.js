/** The board, without a browser: what stands where, and what is said. */
import "./document.js";
import assert from "node:assert/strict";
import { test } from "node:test";
import { wordsIn } from "../../../static/lib/i18n.js";
import { heard, UNCONNECTED } from "../../../static/lib/link.js";
import { callKey, calling, lettersOf, missed, recent, shownLines } from "../../../static/pages/board/numbers.js";
import { phrase, voicesOf } from "../../../static/pages/board/phrases.js";
import { initial, isOld, reduce, serverNow } from "../../../static/pages/board/state.js";

/** @import { BoardFrame, LineView } from "#api" */
/** @import { Call } from "../../../static/pages/board/numbers.js" */

/** @param {string} letter @param {Partial<LineView>} [more] @returns {LineView} */
function line(letter, more = {}) {
  return /** @type {LineView} */ ({ line: letter, name: `줄 ${letter}`, called: [], recent: [], missed: [], next: [], ...more });
}

/** @param {Partial<BoardFrame>} more @returns {BoardFrame} */
function frame(more) {
  return /** @type {BoardFrame} */ ({ type: "board", epoch: 1, rev: 1, at: 5_000, lines: [line("A")], ...more });
}

/** @param {string} number @param {number} since */
function called(number, since) {
  return { number, since, calls: 1, to: null };
}

/** @param {string} number @param {number} at */
function numberAt(number, at) {
  return { number, at };
}

test("calls of all lines, the newest first, in the same order every time", () => {
  const lines = [line("A", { called: [called("A001", 10), called("A002", 30)] }), line("B", { called: [called("B001", 30)] })];
  assert.deepEqual(calling(lines).map(({ number }) => number), ["B001", "A002", "A001"]);
  assert.equal(calling(lines)[0].name, "줄 B");
});

test("a number stands in one place only", () => {
  const lines = [
    line("A", {
      called: [called("A003", 30)],
      missed: [numberAt("A002", 25), numberAt("A002", 5)],
      recent: [numberAt("A003", 30), numberAt("A002", 20), numberAt("A001", 15), numberAt("A001", 3)],
    }),
    line("B", { recent: [numberAt("B001", 18)] }),
  ];
  assert.deepEqual(recent(lines), [numberAt("B001", 18), numberAt("A001", 15)]);
  assert.deepEqual(missed(lines), [numberAt("A002", 25)]);
  const many = Array.from({ length: 14 }, (_, n) => numberAt(`A${100 + n}`, n));
  assert.equal(recent([line("A", { recent: many })]).length, 10);
});

test("?lines= shows these lines; letters that no line has show all rather than nothing", () => {
  const all = frame({ lines: [line("A"), line("B"), line("C")] });
  const letters = (/** @type {string} */ search) => shownLines(all, lettersOf(search)).map((each) => each.line).join("");
  assert.equal(letters(""), "ABC");
  assert.equal(letters("?lines=c,A"), "AC");
  assert.equal(letters("?lines="), "ABC");
  assert.equal(letters("?lines=Z"), "ABC");
  assert.equal(letters("?lines=%3Cscript%3E"), "C", "letters are letters");
});

test("an older frame never overwrites a newer one, nor its time", () => {
  const start = initial({ letters: null, now: 100 });
  const newest = reduce(start, { type: "frame", frame: frame({ rev: 5 }), now: 200 });
  assert.equal(reduce(newest, { type: "frame", frame: frame({ rev: 4, at: 9_999 }), now: 300 }), newest);
  const later = reduce(newest, { type: "tick", now: 1_200 });
  assert.equal(serverNow(later), 6_000);
  assert.equal(serverNow(reduce(later, { type: "tick", now: 0 })), 5_000, "a clock that is set back");
});

test("only calls after the first frame are fresh", () => {
  const first = frame({ lines: [line("A", { called: [called("A001", 10)] })] });
  const open = reduce(initial({ letters: null, now: 0 }), { type: "frame", frame: first, now: 0 });
  const second = frame({ rev: 2, lines: [line("A", { called: [called("A002", 20), called("A001", 10)] })] });
  const { old } = reduce(open, { type: "frame", frame: second, now: 0 });
  assert.deepEqual([old?.has(callKey(called("A001", 10))), old?.has(callKey(called("A002", 20)))], [true, false]);
  assert.equal(old?.has(callKey(called("A001", 25))), false, "called again");
});

test("old is what is shown without a live connection", () => {
  const start = initial({ letters: null, now: 0 });
  assert.equal(isOld(start), false, "nothing is shown");
  const shown = reduce(start, { type: "frame", frame: frame({}), now: 0 });
  assert.equal(isOld(shown), true);
  const live = reduce(shown, { type: "link", link: heard(UNCONNECTED, { live: true, every_ms: 4_000 }, 0), now: 0 });
  assert.equal(isOld(live), false);
  assert.equal(isOld(reduce(live, { type: "tick", now: 5_001 })), true);
});

test("what is said", async () => {
  const [ko, en] = [await wordsIn("ko"), await wordsIn("en")];
  const call = (/** @type {Partial<Call>} */ more) =>
    /** @type {Call} */ ({ number: "A017", since: 1, calls: 1, to: null, line: "A", name: "홀", ...more });
  assert.equal(phrase(call({}), "ko", ko), "A 17번 손님, 홀 입구로 와 주세요.");
  assert.equal(phrase(call({ to: "창가 쪽 방" }), "ko", ko), "A 17번 손님, 창가 쪽 방으로 와 주세요.");
  assert.equal(phrase(call({ number: "B1000", to: "Table 4" }), "en", en), "Number B 1000, please come to Table 4.");
  assert.equal(phrase(call({}), "en", en), "Number A 17, please come in now.", "an English voice cannot read it");
  assert.equal(phrase(call({ name: "Hall" }), "en", en), "Number A 17, please come to the Hall entrance.");
});

test("?voice= chooses the languages spoken, in their order", () => {
  assert.deepEqual(voicesOf("", "ko"), ["ko"]);
  assert.deepEqual(voicesOf("?voice=en,ko,en", "ko"), ["en", "ko"]);
  assert.deepEqual(voicesOf("?voice=xx,constructor", "en"), ["en"]);
});
