/** What axe finds. The page needs a context with `bypassCSP`: axe comes as a script of ours, not of the server's. */
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";

/** @import { Page } from "playwright-core" */

const source = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

/**
 * Each finding as a line: rule, element, what is wrong.
 *
 * @param {Page} page
 * @returns {Promise<string[]>}
 */
export async function findings(page) {
  await page.evaluate(await readFile(source, "utf8"));
  return page.evaluate(async () => {
    const { violations } = await /** @type {any} */ (window).axe.run(document);
    return violations.flatMap((/** @type {any} */ { id, nodes }) =>
      nodes.map((/** @type {any} */ node) => `${id}: ${node.target} ${node.failureSummary}`),
    );
  });
}
