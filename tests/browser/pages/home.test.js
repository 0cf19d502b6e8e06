/** Home in a browser: a number from anywhere, once, and back to it. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { openBrowser, openDevice, openShop, SCREENS, until } from "../harness.js";

/** @import { Browser, Page } from "playwright-core" */
/** @typedef {Awaited<ReturnType<typeof openShop>>} Shop */

/** What a browser says of requests that fail or are refused, which these tests make happen. */
const REFUSED = /Failed to load resource|WebSocket connection/;

/** @type {Browser} */
let browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

/** @param {Shop} shop @returns {Promise<any[]>} */
const tickets = async (shop) => (await shop.get("/queue")).tickets;

/** @param {Page} page @param {string} name */
const press = (page, name) => page.getByTestId(name).click();

/**
 * A phone that opened a restaurant by its address.
 *
 * @param {Shop} shop
 * @param {Parameters<typeof openDevice>[1]} [options]
 */
async function openAt(shop, options) {
  const device = await openDevice(browser, options);
  const page = await device.open(`/?r=${shop.slug}`);
  await page.locator(".live[data-state=live]").waitFor();
  return { device, page };
}

/** @param {Page} page */
async function ticketId(page) {
  await page.waitForURL("**/t/*");
  return new URL(page.url()).pathname.slice("/t/".length);
}

test("a restaurant is found in the list, joined from elsewhere, and the number is remembered until it is over", async () => {
  const shop = await openShop({ name: `국수 ${Date.now()}` });
  await shop.crowd(2);
  const device = await openDevice(browser);
  const page = await device.open("/");
  await page.locator(".home-card").first().waitFor();
  const search = page.getByRole("searchbox");
  if (await search.count()) await search.fill(shop.name);
  const card = page.locator(".home-card", { hasText: shop.name });
  await card.getByText("대기 2팀").waitFor();
  assert.ok(await card.getByText("접수 중").isVisible());
  await card.click();
  await page.getByRole("heading", { name: shop.name }).waitFor();
  assert.equal(new URL(page.url()).search, `?r=${shop.slug}`);
  await press(page, "join");
  const id = await ticketId(page);
  const joined = (await tickets(shop)).find((ticket) => ticket.id === id);
  assert.deepEqual([joined.number, joined.channel, joined.checked_in], ["A003", "remote", false]);
  await page.goto(new URL("/", page.url()).href);
  const mine = page.getByTestId("mine");
  await mine.getByText("앞에 2팀").waitFor();
  assert.equal(await mine.getByRole("link").getAttribute("href"), `/t/${id}`);
  await shop.act(id, "call", { reason: "other" });
  await page.reload();
  await mine.getByText("지금 입장해 주세요").waitFor();
  await shop.act(id, "cancel");
  await page.reload();
  await page.locator(".home-card").first().waitFor();
  await until("it is forgotten", async () => (await mine.count()) === 0);
  assert.equal(await page.evaluate(() => localStorage.getItem("waitless.home-tickets")), null);
  await device.close();
});

test("at the door, with the code on the screen there", async () => {
  const shop = await openShop({ policy: { presence: "code" } });
  const { device, page } = await openAt(shop, { expected: REFUSED });
  await page.getByLabel("매장에 있어요").check();
  await press(page, "join");
  await page.getByRole("alert").getByText("입구 코드 4자리를 입력해 주세요").waitFor();
  const { door } = await shop.get("/board");
  await page.getByLabel("입구 코드").fill(door === "0000" ? "1111" : "0000");
  await press(page, "join");
  await page.getByRole("alert").getByText("입구 코드가 필요해요").waitFor();
  await page.getByLabel("입구 코드").fill(door);
  await press(page, "join");
  const id = await ticketId(page);
  const joined = (await tickets(shop)).find((ticket) => ticket.id === id);
  assert.deepEqual([joined.channel, joined.checked_in], ["onsite", true]);
  await device.close();
});

test("a restaurant that takes nobody from elsewhere says so, and is joined on the spot", async () => {
  const shop = await openShop({ policy: { remote: false } });
  const { device, page } = await openAt(shop);
  await page.getByText("지금은 매장에서만 접수할 수 있어요").waitFor();
  assert.equal(await page.getByLabel("매장 밖이에요").count(), 0);
  await press(page, "join");
  const id = await ticketId(page);
  assert.equal((await tickets(shop)).find((ticket) => ticket.id === id).channel, "onsite");
  await device.close();
});

test("paused, direct and closed take the form away, with reason and until; a number is still found", async () => {
  const shop = await openShop();
  const mine = await shop.join();
  const { device, page } = await openAt(shop, { expected: REFUSED });
  for (const [state, words] of [
    ["direct", "바로 들어오세요"],
    ["closed", "오늘 접수는 끝났어요"],
    ["paused", "잠시 접수를 멈췄어요"],
  ]) {
    await shop.put("/state", { state, reason: "단체 손님", until: Date.now() + 3_600_000 });
    await page.locator(".home-shut").getByText(words).waitFor();
    assert.match(await page.locator(".home-shut").innerText(), /단체 손님 · .+까지/);
    assert.equal(await page.getByTestId("join").count(), 0);
  }
  await press(page, "have-number");
  await page.getByLabel("번호", { exact: true }).fill(mine.number.toLowerCase());
  await page.getByLabel("확인 코드").fill(mine.code === "0000" ? "1111" : "0000");
  await press(page, "find");
  await page.getByRole("alert").getByText("번호나 코드가 맞지 않아요").waitFor();
  await page.getByLabel("확인 코드").fill(mine.code);
  await press(page, "find");
  assert.equal(await ticketId(page), mine.id);
  await device.close();
});

test("what is opened stays open, although a frame comes before the page hears of it", async () => {
  const shop = await openShop();
  const { device, page } = await openAt(shop);
  for (const part of [".home-order", ".home-find"]) {
    await page.evaluate(async (selector) => {
      const field = document.querySelector("#number");
      document.querySelector(`${selector} summary`)?.dispatchEvent(new MouseEvent("click", { bubbles: true }));
      // Every key draws the page, like a frame.
      field?.dispatchEvent(new InputEvent("input", { bubbles: true }));
      await new Promise((resolve) => requestAnimationFrame(() => setTimeout(resolve)));
    }, part);
    assert.ok(await page.locator(part).evaluate((details) => details.hasAttribute("open")), part);
  }
  await device.close();
});

test("a phone number that waits already is told so; an incomplete one is not sent", async () => {
  const shop = await openShop();
  await shop.join({ phone: "01012345678" });
  const { device, page } = await openAt(shop, { expected: REFUSED });
  await page.getByLabel("전화번호").pressSequentially("0101234");
  await press(page, "join");
  await page.getByRole("alert").getByText("전화번호를 끝까지 입력하거나").waitFor();
  await page.getByLabel("전화번호").fill("+82 10 1234 5678");
  await press(page, "join");
  await page.getByRole("alert").getByText("이미 대기 중이에요").waitFor();
  assert.equal((await tickets(shop)).length, 1);
  await device.close();
});

test("the last ones are sold elsewhere: goes on without them", async () => {
  const shop = await openShop();
  const { device, page } = await openAt(shop, { expected: REFUSED });
  await page.getByText("미리 주문").click();
  const rice = page.locator("[data-item=rice]");
  await rice.getByText("3개 남음").waitFor();
  await rice.getByRole("button", { name: "돌솥밥 늘리기" }).click();
  const soldMeanwhile = async (/** @type {import("playwright-core").Route} */ route) => {
    await shop.put("/stock/rice", { left: 0 });
    await route.continue();
  };
  await page.route("**/tickets", soldMeanwhile, { times: 1 });
  await press(page, "join");
  await page.getByRole("alert").getByText("그사이 품절됐어요: 돌솥밥").waitFor();
  await rice.getByText("품절").waitFor();
  await press(page, "drop");
  const id = await ticketId(page);
  assert.deepEqual((await tickets(shop)).find((ticket) => ticket.id === id).items, []);
  await device.close();
});

test("never two numbers: the answer is lost, the page is loaded anew, and it is one ticket", async () => {
  const shop = await openShop();
  const { device, page } = await openAt(shop, { expected: REFUSED });
  let cut = true;
  let first = true;
  await page.route("**/tickets", async (route) => {
    if (!cut) return route.continue();
    if (first) await route.fetch();
    first = false;
    await route.abort();
  });
  await press(page, "join");
  await page.getByText("연결되면 바로 접수할게요").waitFor();
  await page.goto(new URL("/", page.url()).href);
  await page.getByText("연결되면 바로 접수할게요").waitFor();
  cut = false;
  const id = await ticketId(page);
  assert.deepEqual((await tickets(shop)).map((ticket) => ticket.id), [id]);
  await device.close();
});

test("back and forward between the list and a restaurant; one that is not there", async () => {
  const shop = await openShop();
  const { device, page } = await openAt(shop, { expected: REFUSED });
  await page.getByRole("button", { name: "모든 식당" }).click();
  await page.locator(".home-card").first().waitFor();
  await page.goBack();
  await page.getByRole("heading", { name: shop.name }).waitFor();
  await page.goto(new URL("/?r=nowhere-at-all", page.url()).href);
  await page.getByRole("heading", { name: "찾을 수 없어요" }).waitFor();
  await device.close();
});

test("a list that cannot be read says so and is tried again", async () => {
  await openShop();
  const device = await openDevice(browser, { expected: REFUSED });
  await device.context.route("**/v1/restaurants?*", (route) => route.abort());
  const page = await device.open("/");
  await page.getByRole("alert").getByText("연결되지 않았어요").waitFor();
  await device.context.unroute("**/v1/restaurants?*");
  await page.getByRole("button", { name: "다시 시도" }).click();
  await page.locator(".home-card").first().waitFor();
  await device.close();
});

/**
 * Nothing is cut off at the side.
 *
 * @param {Page} page
 * @param {string} where
 */
async function isWithin(page, where) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
  assert.ok(over <= 0, `${where}: ${over} px too wide`);
}

const HOSTILE = `<img src=x onerror=alert(1)>{{7*7}}"'&`;

test("names are text and fit, in both languages, from 320 px to a TV, and at 200 %", async () => {
  const long = "가나다라마바사아자차".repeat(6);
  const menu = [{ id: "x", name: HOSTILE, price: 1_000, stock: 2 }, { id: "y", name: long, price: 1_000, stock: null }];
  const shop = await openShop({ name: long, lines: { A: HOSTILE, B: long }, menu });
  // A screen at 200 % is a screen of half the size.
  const screens = { ...SCREENS, zoomed: { width: 590, height: 410 } };
  const { device, page } = await openAt(shop);
  await page.getByText("미리 주문").click();
  await page.locator("[data-item=y]").waitFor();
  for (const language of ["English", "한국어"]) {
    await page.getByRole("button", { name: language }).click();
    for (const [name, viewport] of Object.entries(screens)) {
      await page.setViewportSize(viewport);
      await isWithin(page, `${name} ${language}`);
    }
  }
  assert.equal(await page.locator("img").count(), 0);
  assert.ok((await page.locator("[data-line=A]").innerText()).includes(HOSTILE));
  await device.close();
});

test("with the keyboard alone", async () => {
  const shop = await openShop();
  const { device, page } = await openAt(shop);
  for (let n = 0; n < 40; n += 1) {
    await page.keyboard.press("Tab");
    if (await page.getByTestId("join").evaluate((element) => element === document.activeElement)) break;
  }
  await page.keyboard.press("Enter");
  await ticketId(page);
  assert.equal((await tickets(shop)).length, 1);
  await device.close();
});

test("axe finds nothing in the list, in a restaurant, and where nothing is", async () => {
  const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  const shop = await openShop({ policy: { presence: "code" } });
  const { device, page } = await openAt(shop, { bypassCSP: true, reducedMotion: "reduce", expected: REFUSED });
  const look = async (/** @type {string} */ where) => {
    await page.evaluate(axe);
    const violations = await page.evaluate(async () => (await /** @type {any} */ (window).axe.run()).violations);
    assert.deepEqual(violations.map((/** @type {any} */ { id, nodes }) => [id, nodes[0].html]), [], where);
  };
  await page.getByText("미리 주문").click();
  await page.getByLabel("매장에 있어요").check();
  await press(page, "have-number");
  await press(page, "join");
  await page.getByRole("alert").waitFor();
  await look("restaurant");
  await page.getByRole("button", { name: "모든 식당" }).click();
  await page.locator(".home-card").first().waitFor();
  await look("list");
  await page.goto(new URL("/nothing-here", page.url()).href);
  await page.getByRole("heading", { name: /찾을 수 없어요/ }).waitFor();
  await look("nothing");
  await device.close();
});
