/** How modules hang together: pages preload what they need, and imports go one way. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { test } from "node:test";
import { graphOf, importsOf, laterImportsOf, linksOf, pages, root, scriptsOf } from "../modules.js";

/** From the bottom up: a module imports from its own rank or below. */
const RANKS = ["vendor", "words", "lib", "parts", "pages"];

/** Every module of ours, as paths below static/. */
async function modules() {
  const files = await readdir(root, { recursive: true });
  return files.filter((file) => file.endsWith(".js") && !file.startsWith("vendor/"));
}

/** The page that a module belongs to: `board` of `pages/board.js` and of `pages/board/state.js`. @param {string} path */
function pageOf(path) {
  return /^pages\/([^/]+?)(?:\.js|\/)/.exec(path)?.[1];
}

test("a page preloads exactly what its entry imports", async () => {
  for (const page of await pages()) {
    const { entry, preloads } = linksOf(await readFile(new URL(page, root), "utf8"));
    assert.deepEqual(preloads.sort(), entry ? await graphOf(entry) : [], `${page}: \`npm run preload\` writes them`);
  }
});

test("imports go one way, and no page imports from another", async () => {
  let seen = 0;
  for (const file of await modules()) {
    const rank = RANKS.indexOf(file.split("/")[0]);
    for (const path of await importsOf(file)) {
      seen += 1;
      const below = RANKS.indexOf(path.split("/")[0]);
      assert.ok(rank >= 0 && below >= 0, `${file} imports ${path}: an unknown folder`);
      assert.ok(below <= rank, `${file} imports ${path}, which stands above it`);
      if (path.startsWith("pages/")) assert.equal(pageOf(path), pageOf(file), `${file} imports ${path}`);
    }
  }
  assert.ok(seen > 20, `only ${seen} imports found`);
});

test("every module is there, and every module of lib, parts and pages is used", async () => {
  const open = new Set();
  for (const page of await pages()) {
    for (const script of scriptsOf(await readFile(new URL(page, root), "utf8"))) open.add(script);
  }
  // A set that grows while it is walked: what is found is looked at, too.
  for (const file of open) {
    for (const path of [...(await importsOf(file)), ...(await laterImportsOf(file))]) open.add(path);
  }
  const unused = (await modules()).filter((file) => !open.has(file));
  assert.deepEqual(unused, []);
});
