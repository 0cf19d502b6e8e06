/** The particle that leads to a place. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { toPlace } from "../../../static/lib/korean.js";

test("로 after a vowel or ㄹ, 으로 after any other consonant, digits as they are read", () => {
  for (const place of ["입구로", "테라스로", "홀로", "방으로", "창가 쪽으로", "4번 테이블로", "룸 1로", "룸 3으로", "6으로", "10으로", "7로", "Table A로"]) {
    const bare = place.replace(/으?로$/, "");
    assert.equal(toPlace(bare), place);
  }
});
