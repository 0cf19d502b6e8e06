/** Every language has the same words, with the same placeholders, and every word that a page asks for is there. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import en from "../../../static/words/en.js";
import ko from "../../../static/words/ko.js";

const pages = new URL("../../../static/", import.meta.url);

/** @param {import("../../../static/words/ko.js").Text} text */
function placeholders(text) {
  const all = typeof text === "string" ? text : Object.values(text).join(" ");
  return [...new Set(all.match(/\{\w+\}/g))].sort();
}

/** @param {string} key @param {import("../../../static/words/ko.js").Words} words */
function textOf(key, words) {
  return /** @type {Record<string, import("../../../static/words/ko.js").Text>} */ (words)[key];
}

test("languages have the same keys and placeholders", () => {
  assert.deepEqual(Object.keys(en).sort(), Object.keys(ko).sort());
  for (const key of Object.keys(ko)) {
    const [korean, english] = [textOf(key, ko), textOf(key, en)];
    assert.deepEqual(placeholders(english), placeholders(korean), key);
    assert.ok(JSON.stringify(korean).length > 2 && JSON.stringify(english).length > 2, `${key} is empty`);
  }
});

test("every word that a page asks for is there, and every word is asked for", async () => {
  const asked = new Set();
  const families = new Set();
  for (const file of await readdir(pages, { recursive: true })) {
    if (!file.endsWith(".js") || /^(vendor|words)\//.test(file)) continue;
    const text = await readFile(new URL(file, pages), "utf8");
    for (const [, key] of text.matchAll(/"([a-z_]+(?:\.[a-z_0-9]+)+|[a-z_]+)"/g)) asked.add(key);
    for (const [, family] of text.matchAll(/`([a-z_.]+\.)\$\{/g)) families.add(family);
  }
  const known = new Set(Object.keys(ko));
  const needed = [...asked].filter((key) => key.includes(".") && /^[a-z]+\.[a-z_]+$/.test(key));
  const sections = new Set([...known].map((key) => key.split(".")[0]));
  const missing = needed.filter((key) => sections.has(key.split(".")[0]) && !known.has(key));
  assert.deepEqual(missing, []);
  const unused = [...known].filter((key) => !asked.has(key) && ![...families].some((family) => key.startsWith(family)));
  assert.deepEqual(unused, []);
});

test("every refusal of the server has words", async () => {
  const text = await readFile(new URL("../../../src/api/problem.rs", import.meta.url), "utf8");
  const codes = new Set([...text.matchAll(/^ {4}\w+ = \d{3} "([a-z_]+)"/gm)].map(([, code]) => code));
  assert.ok(codes.size > 30, `only ${codes.size} codes found`);
  const missing = [...codes].filter((code) => !Object.hasOwn(ko, `refusal.${code}`));
  assert.deepEqual(missing, []);
});
