/** Signing in, without a browser: where it leads, and what the page says meanwhile. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { nextOf, restaurantOf } from "../../../static/pages/sign-in/next.js";
import { initial, reduce, waitS } from "../../../static/pages/sign-in/state.js";
import { claims } from "../../../static/pages/sign-in/workplaces.js";

const ORIGIN = "https://wait.example";

/** @param {string} next as the page sees it, decoded */
function next(next) {
  return nextOf(`?next=${encodeURIComponent(next)}`, ORIGIN);
}

test("paths of ours are followed", () => {
  for (const path of ["/", "/console/demo", "/board/demo?lang=en&lines=A,B", "/t/abc#order", "/console/%EA%B0%80"]) {
    assert.equal(next(path), path);
  }
});

test("nothing else is", () => {
  const tries = [
    "",
    "console/demo",
    "//evil.example",
    "///evil.example",
    "/\\evil.example",
    "\\/evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/\n/evil.example",
    "\t//evil.example",
    " //evil.example",
    "/..//evil.example",
    "/a/../..//evil.example",
    "/.//evil.example",
    "https://evil.example/console",
    "https:evil.example",
    "http://wait.example/",
    "javascript:alert(1)",
    "data:text/html,hi",
    "/console\\..\\..\\evil",
    "/sign-in?next=/sign-in",
    "?next=/console",
    "@evil.example",
    ".evil.example",
  ];
  for (const path of tries) assert.equal(next(path), null, JSON.stringify(path));
  assert.equal(nextOf("", ORIGIN), null);
  assert.equal(nextOf("?next=/console/demo&next=//evil.example", ORIGIN), "/console/demo", "the first counts");
});

test("the restaurant of a console", () => {
  assert.equal(restaurantOf("/console/demo"), "demo");
  assert.equal(restaurantOf("/console/demo?x=1"), "demo");
  assert.equal(restaurantOf("/board/demo"), null);
});

test("too many tries: a countdown that ends", () => {
  const now = 1_000_000;
  const refused = reduce(initial({ now }), { type: "failed", text: "too many", retryAfterMs: 2_000, now });
  assert.equal(waitS(refused), 2);
  assert.equal(waitS(reduce(refused, { type: "tick", now: now + 1_001 })), 1);
  assert.equal(waitS(reduce(refused, { type: "tick", now: now + 2_000 })), 0);
  assert.equal(waitS(reduce(refused, { type: "busy" })), 0);
});

test("the news of being signed in does not interrupt a try", () => {
  const start = initial({ now: 0 });
  const news = /** @type {const} */ ({ type: "in", to: "/console/demo", name: "Demo" });
  assert.equal(reduce(start, news).screen, "in");
  assert.equal(reduce(reduce(start, { type: "busy" }), news).screen, "form");
});

test("what a token says of its person; a token that cannot be read says nothing", () => {
  const token = (/** @type {unknown} */ body) => `x.${Buffer.from(JSON.stringify(body)).toString("base64url")}.y`;
  assert.deepEqual(claims(token({ roles: [["42", "staff"]] })), { admin: false, ids: new Set(["42"]) });
  assert.deepEqual(claims(token({ admin: true })), { admin: true, ids: new Set() });
  for (const broken of ["", "x", "x.y.z", token(null), "x.!!.y"]) {
    assert.deepEqual(claims(broken), { admin: false, ids: new Set() }, broken);
  }
});
