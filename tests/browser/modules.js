/**
 * Which modules a page needs before it can begin. `npm run preload` writes them into static/*.html, so that a browser asks for
 * all of them at once instead of finding one behind the other; a unit test holds them equal.
 */
import { readdir, readFile, writeFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";

/** The folder that is served below `/static/`. */
export const root = new URL("../../static/", import.meta.url);

/**
 * The modules that a module imports statically, as paths below static/.
 *
 * @param {string} file a path below static/
 * @returns {Promise<string[]>}
 */
export async function importsOf(file) {
  const text = await readFile(new URL(file, root), "utf8");
  const code = text.replace(/\/\*[\s\S]*?\*\//g, "");
  const found = code.matchAll(/(?:^|[;}])\s*(?:import|export)\b(?!\s*\()[^;"'`]*?(?:from\s*)?["'](\.[^"']+)["']/gm);
  return [...found].map(([, path]) => new URL(path, new URL(file, root)).pathname.slice(root.pathname.length));
}

/**
 * The modules that a module imports only when it needs them, as paths below static/.
 *
 * @param {string} file a path below static/
 * @returns {Promise<string[]>}
 */
export async function laterImportsOf(file) {
  const text = await readFile(new URL(file, root), "utf8");
  const found = text.matchAll(/\bimport\(["'](\.[^"']+)["']\)/g);
  return [...found].map(([, path]) => new URL(path, new URL(file, root)).pathname.slice(root.pathname.length));
}

/**
 * Everything that a module imports statically, directly or not, itself left out.
 *
 * @param {string} entry a path below static/
 * @returns {Promise<string[]>} sorted
 */
export async function graphOf(entry) {
  const seen = new Set([entry]);
  const open = [entry];
  for (let file = open.pop(); file; file = open.pop()) {
    for (const path of await importsOf(file)) {
      if (seen.has(path)) continue;
      seen.add(path);
      open.push(path);
    }
  }
  seen.delete(entry);
  return [...seen].sort();
}

/** The pages, as names of files below static/. */
export async function pages() {
  return (await readdir(root)).filter((name) => name.endsWith(".html")).sort();
}

/**
 * The entry module of a page and what it preloads.
 *
 * @param {string} html
 */
export function linksOf(html) {
  const entry = /<script type="module" src="\/static\/([^"]+)"/.exec(html)?.[1] ?? null;
  const preloads = [...html.matchAll(/<link rel="modulepreload" href="\/static\/([^"]+)">/g)].map(([, path]) => path);
  return { entry, preloads };
}

/**
 * Every script that a page names.
 *
 * @param {string} html
 */
export function scriptsOf(html) {
  return [...html.matchAll(/<script[^>]* src="\/static\/([^"]+)"/g)].map(([, path]) => path);
}

/**
 * A page with the preloads it should have.
 *
 * @param {string} html
 * @param {string[]} preloads
 */
export function withPreloads(html, preloads) {
  const links = preloads.map((path) => `    <link rel="modulepreload" href="/static/${path}">\n`).join("");
  const without = html.replace(/^ *<link rel="modulepreload"[^\n]*\n/gm, "");
  return without.replace(/^ *<script type="module"/m, (script) => links + script);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const page of await pages()) {
    const html = await readFile(new URL(page, root), "utf8");
    const { entry } = linksOf(html);
    if (entry) await writeFile(new URL(page, root), withPreloads(html, await graphOf(entry)));
  }
}
