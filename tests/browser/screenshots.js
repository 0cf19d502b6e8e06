/**
 * Every page in every state, as pictures for the documentation: `npm run screenshots`, or with beginnings of names, as in
 * `npm run screenshots -- board phone-called`. Writes docs/screenshots/NAME.png.
 *
 * A scene makes a restaurant, changes it through the API, and yields a shot of each state that it comes to. A shot is an
 * address, a screen, and the few touches that the state needs; to add one is to add a line.
 */
import { mkdir } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { openBrowser, openDevice, openShop, redis, request, SCREENS, startServer } from "./harness.js";

/** @import { Browser, BrowserContext, Page } from "playwright-core" */

/**
 * @typedef {object} Shot
 * @property {string} name of the file
 * @property {string} path
 * @property {{ width: number, height: number }} size
 * @property {number} [scale] device pixels; phones are small
 * @property {boolean} [dark]
 * @property {boolean} [signIn]
 * @property {string} [ready] a test id to wait for; without it, that something is drawn
 * @property {(page: Page, context: BrowserContext) => Promise<unknown>} [steps]
 */

const folder = fileURLToPath(new URL("../../docs/screenshots/", import.meta.url));
const wanted = process.argv.slice(2);

/** A state that does not come fails its shot after this, ms. */
const PATIENCE_MS = 6_000;

const MENU = [
  { id: "galbi", name: "한우 갈비찜", price: 38_000, stock: 12 },
  { id: "naengmyeon", name: "평양냉면", price: 14_000, stock: 40 },
  { id: "bibimbap", name: "돌솥비빔밥", price: 13_000, stock: 3 },
  { id: "sikhye", name: "식혜", price: 4_000, stock: null },
];

// --- Scenes. ---

/** @returns {AsyncGenerator<Shot>} */
async function* phone() {
  const at = (/** @type {string} */ name, /** @type {{ id: string }} */ { id }, /** @type {Partial<Shot>} */ more = {}) => ({
    name: `phone-${name}`,
    path: `/t/${id}`,
    size: SCREENS.phone,
    scale: 2,
    ready: "live-state",
    ...more,
  });
  const shop = await restaurant();
  await history(shop);
  const before = await shop.crowd(9);
  const items = [
    { item: "galbi", quantity: 1 },
    { item: "sikhye", quantity: 2 },
  ];
  const mine = await shop.join({ channel: "remote", name: "민지", items });
  await shop.crowd(6);
  yield at("waiting", mine);
  yield at("waiting-en", mine, { path: `/t/${mine.id}?lang=en` });
  yield at("waiting-dark", mine, { dark: true });
  yield at("delay", mine, { steps: (page) => opensSheet(page, "delay") });
  yield at("disconnected", mine, { steps: cutOff });
  for (const { id } of before.slice(0, 7)) {
    await shop.act(id, "call", { reason: "other" });
    await shop.act(id, "seat");
  }
  yield at("close", mine);
  yield at("lost", mine, { ready: "number", steps: losePlace });
  yield at("lost-en", mine, { path: `/t/${mine.id}?lang=en`, ready: "number", steps: losePlace });
  yield at("lost-dark", mine, { dark: true, ready: "number", steps: losePlace });
  await shop.act(mine.id, "call", { reason: "reservation", to: "홀 입구" });
  yield at("called", mine);
  yield at("called-en", mine, { path: `/t/${mine.id}?lang=en` });
  await shop.act(mine.id, "no-show");
  yield at("missed", mine);
  await shop.act(mine.id, "seat");
  yield at("seated", mine);
  const other = await shop.join();
  await request("DELETE", `/tickets/${other.id}`);
  yield at("cancelled", other);
}

/** @returns {AsyncGenerator<Shot>} */
async function* kiosk() {
  const shop = await restaurant();
  await history(shop);
  await shop.crowd(8);
  await shop.crowd(3, { line: "B" });
  const toContact = async (/** @type {Page} */ page) => {
    await page.getByTestId("join").first().click();
  };
  const toOrder = async (/** @type {Page} */ page) => {
    await toContact(page);
    await page.getByTestId("tab-order").click();
  };
  const toTicket = async (/** @type {Page} */ page) => {
    await toContact(page);
    await page.getByTestId("join").click();
    await page.getByTestId("number").waitFor();
  };
  for (const [way, size] of /** @type {const} */ ([["portrait", SCREENS.portrait], ["landscape", SCREENS.tv]])) {
    const at = (/** @type {string} */ name, /** @type {Partial<Shot>} */ more = {}) => ({
      name: `kiosk-${name}-${way}`,
      path: `/kiosk/${shop.slug}`,
      size,
      ...more,
    });
    yield at("start", { ready: "join" });
    yield at("contact", { ready: "join", steps: toContact });
    yield at("order", { ready: "join", steps: toOrder });
    yield at("ticket", { ready: "join", steps: toTicket });
    yield at("find", { ready: "join", steps: (page) => page.getByTestId("have-number").click() });
    yield at("start-en", { path: `/kiosk/${shop.slug}?lang=en`, ready: "join" });
    yield at("start-large", {
      ready: "join",
      steps: (page) => page.getByRole("button", { name: /큰 글씨/ }).first().click(),
    });
    yield at("disconnected", { ready: "join", steps: cutOff });
  }
}

/** @returns {AsyncGenerator<Shot>} */
async function* board() {
  const shop = await restaurant();
  const at = (/** @type {string} */ name, /** @type {Partial<Shot>} */ more = {}) => ({
    name: `board-${name}`,
    path: `/board/${shop.slug}`,
    size: SCREENS.tv,
    ready: "now-calling",
    ...more,
  });
  const quiet = await restaurant();
  await emptied(quiet);
  yield at("empty", { path: `/board/${quiet.slug}` });
  await quiet.put("/state", { state: "direct" });
  yield at("direct", { path: `/board/${quiet.slug}` });
  await history(shop);
  await shop.crowd(9);
  await shop.crowd(4, { channel: "remote" });
  await shop.crowd(5, { line: "B" });
  yield at("next");
  await shop.callNext("A", { to: "홀 입구" });
  yield at("calling");
  await shop.callNext("B", { to: "창가 4번 테이블" });
  const { ticket } = await shop.callNext("A");
  await shop.act(ticket.id, "recall");
  await shop.put("/announcement", { text: "갈비찜이 오늘은 모두 나갔어요. 냉면은 준비되어 있어요." });
  yield at("busy", { signIn: true });
  yield at("busy-en", { path: `/board/${shop.slug}?lang=en` });
  yield at("busy-portrait", { signIn: true, size: SCREENS.portrait });
  yield at("busy-tablet", { size: SCREENS.tablet });
  yield at("disconnected", { steps: cutOff });
  for (let n = 0; n < 5; n += 1) await shop.callNext("A");
  await shop.put("/state", { state: "paused", until: Date.now() + 20 * 60_000, reason: "재료를 준비하고 있어요" });
  yield at("paused");
}

/** @returns {AsyncGenerator<Shot>} */
async function* staff() {
  const shop = await restaurant();
  const at = (/** @type {string} */ name, /** @type {Partial<Shot>} */ more = {}) => ({
    name: `console-${name}`,
    path: `/console/${shop.slug}`,
    size: SCREENS.tablet,
    signIn: true,
    ready: "call-next",
    ...more,
  });
  await emptied(shop);
  yield at("empty");
  await history(shop);
  await shop.crowd(5);
  await shop.join({ channel: "remote", adults: 4, children: 1, items: [{ item: "galbi", quantity: 2 }] });
  await shop.join({ name: "정우성", phone: "010-2345-6789" });
  await shop.crowd(4, { channel: "remote" });
  await shop.crowd(3, { line: "B" });
  const missed = await shop.callNext();
  await shop.act(missed.ticket.id, "no-show");
  await shop.callNext("A", { to: "홀 입구" });
  await shop.callNext("B");
  yield at("busy");
  yield at("busy-en", { path: `/console/${shop.slug}?lang=en` });
  yield at("busy-phone", { size: SCREENS.phone, scale: 2 });
  yield at("menu", { steps: (page) => page.getByTestId("line-row").first().getByRole("button").click() });
  yield at("state", { steps: (page) => opensSheet(page, "opening") });
  yield at("stock", { steps: (page) => opensSheet(page, "stock") });
  yield at("add", { steps: (page) => opensSheet(page, "add") });
  yield at("disconnected", { steps: cutOff });
  await shop.sayRebuilt();
  yield at("rebuilt", { steps: (page) => page.getByTestId("rebuilt").waitFor() });
  yield at("rebuilt-phone", { size: SCREENS.phone, scale: 2, steps: (page) => page.getByTestId("rebuilt").waitFor() });
  yield at("add-place", {
    steps: async (page) => {
      await opensSheet(page, "add");
      await page.getByRole("button", { name: "중간" }).click();
    },
  });
  for (let n = 0; n < 25; n += 1) await Promise.all(Array.from({ length: 20 }, () => shop.join()));
  yield at("500");
}

/** @returns {AsyncGenerator<Shot>} */
async function* signIn() {
  const at = (/** @type {string} */ name, /** @type {Partial<Shot>} */ more = {}) => ({
    name: `sign-in${name}`,
    path: "/sign-in",
    size: { width: SCREENS.phone.width, height: 640 },
    scale: 2,
    steps: (/** @type {Page} */ page) => page.locator("#email").waitFor(),
    ...more,
  });
  yield at("");
  yield at("-en", { path: "/sign-in?lang=en" });
  yield at("-wrong", {
    steps: async (page) => {
      await page.locator("#email").fill("staff@demo.test");
      await page.locator("#password").fill("not-this-one");
      await page.keyboard.press("Enter");
      await page.getByTestId("problem").waitFor();
    },
  });
  yield at("-already", {
    path: "/sign-in?next=/console/demo",
    signIn: true,
    steps: (page) => page.getByRole("link", { name: "계속하기" }).waitFor(),
  });
}

/** @returns {AsyncGenerator<Shot>} */
async function* home() {
  const shop = await restaurant();
  await history(shop);
  await shop.crowd(7);
  const { join_url } = await request("GET", `/restaurants/${shop.slug}/board`);
  const { pathname, search } = new URL(join_url);
  const size = SCREENS.phone;
  yield { name: "home", path: "/", size, scale: 2 };
  yield { name: "home-en", path: "/?lang=en", size, scale: 2 };
  yield { name: "home-restaurant", path: pathname + search, size, scale: 2, ready: "join" };
}

// --- What scenes are made of. ---

function restaurant() {
  return openShop({ name: "한옥마을 갈비", lines: { A: "홀", B: "테라스" }, menu: MENU });
}

/** @typedef {Awaited<ReturnType<typeof openShop>>} Shop */

/** Parties that were seated and one that did not come, so that there are ranges and recent calls. @param {Shop} shop */
async function history(shop) {
  for (const line of ["A", "B"]) {
    await shop.crowd(9, { line });
    for (let n = 0; n < 8; n += 1) await shop.act((await shop.callNext(line)).ticket.id, "seat");
    await stretchGaps(shop, line);
    // The next seating tells everybody of the gaps.
    await shop.act((await shop.join({ line })).id, "seat");
  }
  await shop.act((await shop.callNext()).ticket.id, "no-show");
}

/**
 * An evening in a second: the gaps between seatings, from which waits are estimated, become minutes. Nothing else could make
 * a range as a restaurant sees it, short of waiting that long.
 *
 * @param {Shop} shop
 * @param {string} line
 */
async function stretchGaps(shop, line) {
  const { id } = await shop.get("");
  const key = (await redis("--scan", "--pattern", `wl:*:${id}:pace`)) || (await redis("--scan", "--pattern", `*${id}*pace`));
  const script = `local pace = cmsgpack.unpack(redis.call("HGET", KEYS[1], ARGV[1]))
    pace.gaps_ms = { 170000, 240000, 95000, 200000, 150000, 210000, 130000 }
    return redis.call("HSET", KEYS[1], ARGV[1], cmsgpack.pack(pace))`;
  await redis("EVAL", script, "1", key, `${line}1`);
}

/** Somebody came and went: the server knows the restaurant, and nobody waits. @param {Awaited<ReturnType<typeof openShop>>} shop */
async function emptied(shop) {
  const { id } = await shop.join();
  await request("DELETE", `/tickets/${id}`);
}

/** A touch that opens a sheet. @param {Page} page @param {string} testId */
async function opensSheet(page, testId) {
  await page.getByTestId(testId).click();
  await page.locator("dialog[open]").waitFor();
}

/** The network goes, and the page has said so. @param {Page} page @param {BrowserContext} context */
async function cutOff(page, context) {
  await context.setOffline(true);
  await page.locator("[data-testid=live-state][data-state=old]").first().waitFor();
}

/** The server says that the line was rebuilt without this ticket, as it does after a loss. @param {Page} page */
async function losePlace(page) {
  await page.routeWebSocket(/\/live$/, (socket) => socket.close());
  const problem = { status: 410, contentType: "application/problem+json", body: '{"code":"place_lost","status":410}' };
  await page.route("**/v1/tickets/**", (route) => route.fulfill(problem));
  await page.reload();
  await page.getByTestId("place-lost").waitFor();
}

// --- The camera. ---

/** @param {Browser} browser @param {Shot} shot */
async function take(browser, { name, path, size, scale = 1, dark, signIn, ready, steps }) {
  const device = await openDevice(browser, {
    viewport: size,
    deviceScaleFactor: scale,
    colorScheme: dark ? "dark" : "light",
    reducedMotion: "reduce",
    timezoneId: "Asia/Seoul",
    // What a page complains about is for its tests.
    expected: /./,
  });
  try {
    device.context.setDefaultTimeout(PATIENCE_MS);
    if (signIn) await device.signIn();
    const page = await device.open(path);
    await page.locator("#page > *").first().waitFor();
    if (ready) await page.getByTestId(ready).first().waitFor();
    await steps?.(page, device.context);
    await page.evaluate(() => document.fonts.ready);
    await page.screenshot({ path: `${folder}${name}.png`, animations: "disabled", caret: "hide" });
  } finally {
    await device.close();
  }
}

await mkdir(folder, { recursive: true });
// A link that a phone could follow: QR codes instead of warnings.
const server = await startServer({ environment: { WAITLESS_PUBLIC_URL: "http://wait.example.kr" } });
process.env.WAITLESS_TEST_URL = server.url;
process.env.WAITLESS_TEST_DATA = server.data;
const browser = await openBrowser();
/** @type {string[]} */
const failed = [];
try {
  for (const scene of [phone, kiosk, board, staff, signIn, home]) {
    const names = { staff: "console", signIn: "sign-in" };
    const about = Object.hasOwn(names, scene.name) ? names[/** @type {keyof names} */ (scene.name)] : scene.name;
    if (wanted.length > 0 && !wanted.some((begin) => begin.startsWith(about) || about.startsWith(begin))) continue;
    for await (const shot of scene()) {
      if (wanted.length > 0 && !wanted.some((begin) => shot.name.startsWith(begin))) continue;
      await take(browser, shot).catch((error) => failed.push(`${shot.name}: ${error.message.split("\n")[0]}`));
    }
  }
} finally {
  await browser.close();
  await server.stop();
}
for (const fault of failed) console.error(fault);
process.exit(failed.length > 0 ? 1 : 0);
