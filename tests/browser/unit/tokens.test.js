/** Colours and sizes have one home, everything can be read, and what is not ours is what its makers published. */
import assert from "node:assert/strict";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { COLOUR_NAMES } from "./colour-names.js";

const pages = new URL("../../../static/", import.meta.url);
const vendor = fileURLToPath(new URL("vendor/", pages));
const packaged = fileURLToPath(new URL("../node_modules/", import.meta.url));

// --- What stands on what. ---

/** Grounds of a page. */
const GROUNDS = ["paper", "surface", "sunken"];

/** Text and the ground it stands on. None counts on being large. Amber is too light for sunken grounds by day. */
const PAIRS = [
  ...GROUNDS.flatMap((ground) => ["ink", "muted", "persimmon", "pine"].map((text) => [text, ground])),
  ["amber", "paper"],
  ["amber", "surface"],
  // Buttons that lead on or need you, pressed ones; the called screen of the phone, the band of a board that is cut off.
  ["on-accent", "pine"],
  ["on-accent", "pine-deep"],
  ["on-accent", "persimmon"],
  ["on-accent", "persimmon-deep"],
  ["on-accent", "amber"],
  // The one button of the called screen.
  ["persimmon", "on-accent"],
  // Tags and notices.
  ["pine", "pine-tint"],
  ["amber", "amber-tint"],
  ["persimmon", "persimmon-tint"],
  ["ink", "pine-tint"],
  ["ink", "amber-tint"],
  ["ink", "persimmon-tint"],
  // Toasts.
  ["paper", "ink"],
  // A line's letter on the board.
  ["ink", "line"],
  ["qr-ink", "qr-paper"],
];

/** What is not text but has to be seen: edges of fields and buttons, 3 : 1 (WCAG 1.4.11). */
const EDGES = GROUNDS.map((ground) => ["line-strong", ground]);

test("every text can be read on its ground, in both themes", async () => {
  for (const [theme, colours] of Object.entries(await themes())) {
    for (const [text, ground] of PAIRS) {
      const ratio = contrast(colour(colours, text), colour(colours, ground));
      assert.ok(ratio >= 4.5, `${theme}: ${text} on ${ground} is ${ratio.toFixed(2)} : 1`);
    }
    for (const [edge, ground] of EDGES) {
      const ratio = contrast(colour(colours, edge), colour(colours, ground));
      assert.ok(ratio >= 3, `${theme}: ${edge} on ${ground} is ${ratio.toFixed(2)} : 1`);
    }
  }
});

test("every pair that a style sheet sets is one of those", async () => {
  const listed = new Set(PAIRS.map(([text, ground]) => `${text} on ${ground}`));
  let seen = 0;
  for (const { sheet, selector, declarations } of await rules()) {
    const text = token(declarations.get("color") ?? declarations.get("fill"));
    const ground = token(declarations.get("background") ?? declarations.get("background-color"));
    if (!text || !ground) continue;
    seen += 1;
    assert.ok(listed.has(`${text} on ${ground}`), `${sheet}: ${selector} sets ${text} on ${ground}, which no test looks at`);
  }
  assert.ok(seen > 10, `only ${seen} pairs found`);
});

/** @param {string | undefined} value @returns {string | undefined} the token that a value is */
function token(value) {
  return /^var\(--([\w-]+)\)$/.exec(value ?? "")?.[1];
}

/** The colours of each theme, by token. @returns {Promise<Record<"light" | "dark", Map<string, string>>>} */
async function themes() {
  const text = await readFile(new URL("style/tokens.css", pages), "utf8");
  const light = colours(/:root \{([^}]*)\}/.exec(text)?.[1] ?? "");
  const dark = colours(/:root\[data-theme="dark"\] \{([^}]*)\}/.exec(text)?.[1] ?? "");
  assert.ok(light.size > 15 && dark.size > 15);
  return { light, dark: new Map([...light, ...dark]) };
}

/** @param {string} css */
function colours(css) {
  return new Map([...css.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name, value]) => [name, value]));
}

/** @param {Map<string, string>} colours @param {string} name */
function colour(colours, name) {
  const value = colours.get(name);
  assert.ok(value, `there is no colour ${name}`);
  return value;
}

/** As WCAG 2 defines it. @param {string} one @param {string} other */
function contrast(one, other) {
  const [darker, lighter] = [luminance(one), luminance(other)].sort((a, b) => a - b);
  return (lighter + 0.05) / (darker + 0.05);
}

/** @param {string} hex */
function luminance(hex) {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const share = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

// --- One home. ---

/** Shares of the screen are layout, not sizes: `dvh`, like `%` and `fr`. */
const SIZE = /(?<![\w.-])\d*\.?\d+(?:px|r?em|r?ch|r?ex|r?lh|cap|ic|[sl]?v(?:w|h|i|b|min|max)|dv(?:w|i|b|min|max)|cq(?:w|h|i|b|min|max)|cm|mm|q|in|pt|pc)\b/i;
const COLOUR = /#[0-9a-f]{3,8}\b|\b(?:rgba?|hsla?|hwb|lab|lch|oklab|oklch|color|color-mix|light-dark)\(/i;

test("no style sheet but tokens.css names a colour or a size", async () => {
  const names = new Set(COLOUR_NAMES);
  for (const { sheet, selector, declarations } of await rules()) {
    for (const [property, value] of declarations) {
      const where = `${sheet}: ${selector} { ${property}: ${value} }`;
      const text = value.replace(/"[^"]*"/g, "").replace(/var\(--[\w-]+\)/g, "");
      assert.doesNotMatch(text, SIZE, where);
      assert.doesNotMatch(text, COLOUR, where);
      const named = text.toLowerCase().split(/[^a-z-]+/).filter((word) => names.has(word));
      assert.deepEqual(named, [], where);
    }
  }
});

test("every token that is used is there", async () => {
  const files = await readdir(pages, { recursive: true });
  const sheets = files.filter((file) => file.endsWith(".css"));
  const text = (await Promise.all(sheets.map((file) => readFile(new URL(file, pages), "utf8")))).join("");
  const there = new Set([...text.matchAll(/(--[\w-]+):/g)].map(([, name]) => name));
  const used = new Set([...text.matchAll(/var\((--[\w-]+)/g)].map(([, name]) => name));
  assert.deepEqual(
    [...used].filter((name) => !there.has(name)),
    [],
  );
});

/** Every rule of every style sheet but tokens.css; conditions of @media and @container are not values. */
async function rules() {
  const found = [];
  for (const sheet of await readdir(new URL("style/", pages))) {
    if (sheet === "tokens.css") continue;
    const text = (await readFile(new URL(`style/${sheet}`, pages), "utf8")).replace(/\/\*[\s\S]*?\*\//g, "");
    for (const [, selector, body] of text.matchAll(/([^{};]+)\{([^{}]*)\}/g)) {
      /** @type {Map<string, string>} */
      const declarations = new Map();
      for (const declaration of body.split(/;\s*(?![^(]*\))/)) {
        const [property, ...value] = declaration.split(":");
        if (value.length > 0) declarations.set(property.trim(), value.join(":").trim());
      }
      found.push({ sheet, selector: selector.trim(), declarations });
    }
  }
  assert.ok(found.length > 50);
  return found;
}

// --- What is not ours. ---

/** Where a file stands in its package, when it is not in the same place. */
const MOVED = new Map([["lean-qr/svg.mjs", "lean-qr/extras/svg.mjs"]]);

/** Written by us for the type checker: the package has them in one file of another shape. */
const OURS = new Set(["lean-qr/index.d.mts", "lean-qr/svg.d.mts"]);

test("vendored files are the published ones, byte for byte, with their licence", async () => {
  const packages = await readdir(vendor);
  assert.deepEqual(packages.sort(), ["lean-qr", "lit-html"]);
  for (const name of packages) {
    const files = await readdir(join(vendor, name), { recursive: true, withFileTypes: true });
    const paths = files.filter((file) => file.isFile()).map((file) => join(file.path, file.name).slice(vendor.length));
    assert.ok(paths.includes(`${name}/LICENSE`), `${name} has no licence beside it`);
    for (const path of paths) {
      if (OURS.has(path)) continue;
      const published = await readFile(join(packaged, MOVED.get(path) ?? path));
      assert.ok(published.equals(await readFile(join(vendor, path))), `${path} is not what was published`);
    }
  }
});
