/**
 * What Lighthouse thinks of every page, with data in it, as the release binary serves it: `npm run lighthouse`.
 *
 * Exits 1 when accessibility is below 100 or best practices below 95 anywhere, or when the phone page, which guests load over a
 * mobile network, is below 95 in performance or above 60 KiB. WAITLESS_TEST_BINARY names another binary.
 */
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import lighthouse, { desktopConfig } from "lighthouse";
import { base, freePort, openBrowser, openShop, startServer } from "./harness.js";

/**
 * @import { Browser } from "playwright-core"
 * @typedef {{ name: string, path: string, desktop: boolean }} Page
 * @typedef {{ name: string, performance: number, accessibility: number, practices: number, kib: number, faults: string[] }} Result
 */

const LIMITS = { performance: 95, accessibility: 100, practices: 95, phoneKib: 60 };

const target = process.env.CARGO_TARGET_DIR ?? fileURLToPath(new URL("../../target", import.meta.url));
const binary = process.env.WAITLESS_TEST_BINARY ?? join(target, "release/waitless");

const server = await startServer({ binary });
process.env.WAITLESS_TEST_URL = server.url;
process.env.WAITLESS_TEST_DATA = server.data;
let failed = true;
try {
  failed = await report(await pages());
} finally {
  await server.stop();
}
process.exit(failed ? 1 : 0);

/** Every page, of a restaurant in which something is going on. @returns {Promise<Page[]>} */
async function pages() {
  const shop = await openShop({ name: "한옥마을 갈비" });
  const tickets = await shop.crowd(12);
  await shop.crowd(4, { line: "B", channel: "remote" });
  await shop.callNext("A", { to: "홀 입구" });
  return [
    { name: "phone", path: `/t/${tickets[9].id}`, desktop: false },
    { name: "home", path: "/", desktop: false },
    { name: "sign-in", path: "/sign-in", desktop: false },
    { name: "kiosk", path: `/kiosk/${shop.slug}`, desktop: true },
    { name: "board", path: `/board/${shop.slug}`, desktop: true },
    { name: "console", path: `/console/${shop.slug}`, desktop: true },
  ];
}

/** @param {Page[]} pages @returns {Promise<boolean>} whether something is below its limit */
async function report(pages) {
  const port = await freePort();
  const browser = await openBrowser({ args: [`--remote-debugging-port=${port}`] });
  const results = [];
  try {
    for (const page of pages) {
      // Guests are not signed in, and the sign-in page would say that one is.
      await (page.name === "console" ? signIn(browser) : signOut(browser));
      results.push(await measured(page, port));
    }
  } finally {
    await browser.close();
  }
  console.table(
    Object.fromEntries(results.map(({ name, faults: _, ...figures }) => [name, figures])),
  );
  const faults = results.flatMap(({ name, faults }) => faults.map((fault) => `${name}: ${fault}`));
  for (const fault of faults) console.error(fault);
  return faults.length > 0;
}

/** @param {Page} page @param {number} port of the browser @returns {Promise<Result>} */
async function measured({ name, path, desktop }, port) {
  const flags = {
    port,
    logLevel: /** @type {const} */ ("error"),
    onlyCategories: ["performance", "accessibility", "best-practices"],
    // Keeps the session's cookie; the cache is cleared all the same.
    disableStorageReset: true,
  };
  const run = await lighthouse(`${base()}${path}`, flags, desktop ? desktopConfig : undefined);
  if (!run) throw new Error(`no result for ${path}`);
  const { categories, audits } = run.lhr;
  const score = (/** @type {string} */ category) => Math.round((categories[category].score ?? 0) * 100);
  const result = {
    name,
    performance: score("performance"),
    accessibility: score("accessibility"),
    practices: score("best-practices"),
    kib: Math.round((audits["total-byte-weight"].numericValue ?? Infinity) / 102.4) / 10,
  };
  return { ...result, faults: [...below(result), ...reasons(result, run.lhr)] };
}

/** @param {Omit<Result, "faults">} result */
function below({ name, performance, accessibility, practices, kib }) {
  const faults = [];
  if (accessibility < LIMITS.accessibility) faults.push(`accessibility ${accessibility} < ${LIMITS.accessibility}`);
  if (practices < LIMITS.practices) faults.push(`best practices ${practices} < ${LIMITS.practices}`);
  if (name !== "phone") return faults;
  if (performance < LIMITS.performance) faults.push(`performance ${performance} < ${LIMITS.performance}`);
  if (kib > LIMITS.phoneKib) faults.push(`${kib} KiB > ${LIMITS.phoneKib} KiB`);
  return faults;
}

/**
 * What brought a category below its limit.
 *
 * @param {Omit<Result, "faults">} result
 * @param {import("lighthouse").Result} lhr
 */
function reasons({ accessibility, practices }, { categories, audits }) {
  const low = [];
  if (accessibility < LIMITS.accessibility) low.push("accessibility");
  if (practices < LIMITS.practices) low.push("best-practices");
  const refs = low.flatMap((category) => categories[category].auditRefs);
  const lost = refs.filter(({ id, weight }) => weight > 0 && audits[id].score !== null && Number(audits[id].score) < 1);
  return lost.map(({ id }) => `  ${id}: ${audits[id].title} ${JSON.stringify(audits[id].details ?? {}).slice(0, 400)}`);
}

/** The browser's own profile is signed in as the demo's admin. @param {Browser} browser */
async function signIn(browser) {
  const context = await browser.newContext();
  const data = { email: "admin@demo.test", password: "waitless-demo" };
  await context.request.post(`${base()}/v1/auth/sign-in`, { data, headers: { origin: base() } });
  const cookies = await context.cookies();
  await context.close();
  const { name, value } = cookies[0];
  const session = await browser.newBrowserCDPSession();
  await session.send("Storage.setCookies", { cookies: [{ name, value, url: base(), httpOnly: true, sameSite: "Strict" }] });
  await session.detach();
}

/** @param {Browser} browser */
async function signOut(browser) {
  const session = await browser.newBrowserCDPSession();
  await session.send("Storage.clearCookies");
  await session.detach();
}
