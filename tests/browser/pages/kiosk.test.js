/** The kiosk in a browser: how quickly one gets a number, that it is one, and that nothing of a guest stays. */
import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { readFile } from "node:fs/promises";
import { after, before, test } from "node:test";
import { openBrowser, openDevice, openShop, SCREENS, until } from "../harness.js";

/** @import { Browser, Page } from "playwright-core" */
/** @typedef {Awaited<ReturnType<typeof openShop>>} Shop */

/** What a browser says of requests that fail or are refused, which these tests make happen. */
const REFUSED = /Failed to load resource|WebSocket connection/;

/** A clock that jumps makes a connection look silent. */
const SILENT = /WebSocket/;

/** @type {Browser} */
let browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

/**
 * A kiosk in front of a restaurant.
 *
 * @param {Shop} shop
 * @param {Parameters<typeof openDevice>[1] & { signedIn?: boolean, clock?: boolean }} [options]
 */
async function openKiosk(shop, { signedIn, clock, ...options } = {}) {
  const device = await openDevice(browser, { viewport: SCREENS.portrait, ...options });
  if (signedIn) await device.signIn();
  if (clock) await device.context.clock.install();
  const page = await device.open(`/kiosk/${shop.slug}`);
  await page.locator(".live[data-state=live]").waitFor();
  return { device, page };
}

/** @param {Page} page @param {string} name */
const press = (page, name) => page.getByTestId(name).click();

/** @param {Page} page @param {string} digits */
async function type(page, digits) {
  for (const digit of digits) await page.locator(".kiosk-key", { hasText: digit }).click();
}

/** @param {Shop} shop @returns {Promise<any[]>} */
const tickets = async (shop) => (await shop.get("/queue")).tickets;

/** @param {Page} page */
const numberOn = (page) => page.getByTestId("number").innerText();

test("two touches and a few seconds to a number, with what one wants to know", async () => {
  const shop = await openShop();
  await shop.crowd(3);
  const { device, page } = await openKiosk(shop);
  await page.getByTestId("waiting").getByText("3팀").waitFor();
  assert.match(await page.locator("[data-line=A]").innerText(), /대기 3팀/);
  await page.evaluate(() => {
    const counted = /** @type {any} */ (window);
    counted.touches = 0;
    addEventListener("pointerdown", () => (counted.touches += 1), true);
  });
  const began = performance.now();
  await press(page, "join");
  await press(page, "join");
  await page.getByTestId("number").waitFor();
  const seconds = (performance.now() - began) / 1_000;
  const touches = await page.evaluate(() => /** @type {any} */ (window).touches);
  console.log(`a number after ${touches} touches and ${seconds.toFixed(2)} s`);
  assert.ok(touches <= 3 && seconds <= 10);
  assert.equal(await numberOn(page), "A004");
  assert.equal(await page.getByTestId("ahead").innerText(), "앞에 3팀");
  assert.equal(await page.getByTestId("range").innerText(), "아직 예상할 수 없어요");
  assert.match(await page.getByTestId("code").innerText(), /^\d{4}$/);
  assert.ok(await page.getByTestId("loopback").isVisible(), "a phone cannot open 127.0.0.1, and it says so");
  assert.ok(await page.getByText("번호 순서와 입장 순서는 다를 수 있어요").isVisible());
  assert.equal(await page.getByRole("img", { name: "내 대기 화면으로 가는 QR 코드" }).count(), 1);
  const [joined] = (await tickets(shop)).filter(({ number }) => number === "A004");
  assert.deepEqual([joined.channel, joined.checked_in, joined.adults, joined.lang], ["onsite", true, 2, "ko"]);
  await device.close();
});

test("a paused line says why and until when, and the first open one is chosen", async () => {
  const shop = await openShop();
  await shop.put("/lines/A/state", { state: "paused", reason: "재료 준비", until: Date.now() + 3_600_000 });
  const { device, page } = await openKiosk(shop);
  const hall = page.locator("[data-line=A]");
  await hall.getByText("접수 중지").waitFor();
  assert.match(await hall.innerText(), /재료 준비 · .+까지/);
  assert.ok(await hall.locator("input").isDisabled());
  assert.ok(await page.locator("[data-line=B] input").isChecked());
  await press(page, "join");
  await press(page, "join");
  assert.match(await numberOn(page), /^B/);
  await device.close();
});

test("a restaurant that is paused, direct or closed says so at once, and takes nobody", async () => {
  const shop = await openShop();
  const { device, page } = await openKiosk(shop);
  for (const [state, title] of [
    ["paused", "잠시 접수를 멈췄어요"],
    ["direct", "바로 들어오세요"],
    ["closed", "오늘 접수는 끝났어요"],
  ]) {
    await shop.put("/state", { state, reason: "사장님 말씀" });
    await page.getByRole("heading", { name: title }).waitFor();
    assert.ok(await page.getByText("사장님 말씀").isVisible());
    assert.equal(await page.getByTestId("join").count(), 0);
    assert.ok(await page.getByTestId("have-number").isVisible());
  }
  await device.close();
});

test("a line paused while a guest types: told in words, also by a kiosk that the server would let through", async () => {
  const shop = await openShop();
  const { device, page } = await openKiosk(shop, { signedIn: true, expected: REFUSED });
  await press(page, "join");
  await shop.put("/lines/A/state", { state: "paused" });
  await page.locator(".kiosk-summary").getByText("접수 중지").waitFor();
  await press(page, "join");
  await page.getByRole("alert").getByText("잠시 접수를 멈췄어요").waitFor();
  assert.ok(await page.locator("[data-line=B] input").isChecked());
  assert.equal((await tickets(shop)).length, 0);
  await device.close();
});

test("a party grows to what the restaurant takes and no further, and says so", async () => {
  const shop = await openShop({ policy: { party_max: 3 } });
  const { device, page } = await openKiosk(shop);
  await press(page, "adults-more");
  await page.getByText("최대 3명까지예요").waitFor();
  // Playwright does not touch what says that it is disabled; guests do.
  await page.getByTestId("children-more").click({ force: true });
  assert.deepEqual([await page.getByTestId("adults").innerText(), await page.getByTestId("children").innerText()], ["3", "0"]);
  assert.ok(await page.getByText("최대 3명까지예요").isVisible());
  await device.close();
});

test("the restaurant's limit may fall while somebody chooses: refused in words on the first screen", async () => {
  const shop = await openShop({ policy: { party_max: 8 } });
  const { device, page } = await openKiosk(shop, { expected: REFUSED });
  await page.route("**/tickets", async (route) => {
    const body = { ...route.request().postDataJSON(), adults: 12 };
    await route.continue({ postData: JSON.stringify(body) });
  });
  await press(page, "join");
  await press(page, "join");
  await page.getByRole("alert").getByText("1–8명만 접수할 수 있어요").waitFor();
  await device.close();
});

test("the last ones are sold elsewhere: it says which, and goes on without them", async () => {
  const shop = await openShop();
  const { device, page } = await openKiosk(shop, { expected: REFUSED });
  await press(page, "join");
  await press(page, "tab-order");
  const rice = page.locator("[data-item=rice]");
  await rice.getByText("3개 남음").waitFor();
  const more = rice.getByRole("button", { name: "돌솥밥 늘리기" });
  for (let n = 0; n < 4; n += 1) await more.click({ force: true });
  assert.equal(await rice.locator("output").innerText(), "3");
  await page.locator("[data-item=stew]").getByRole("button", { name: "갈비찜 늘리기" }).click();
  assert.equal(await page.getByTestId("total").innerText(), "₩78,000");
  await shop.join({ items: [{ item: "rice", quantity: 2 }] });
  await press(page, "join");
  const alert = page.getByRole("alert");
  await alert.getByText("그사이 품절됐어요: 돌솥밥").waitFor();
  await press(page, "drop");
  assert.equal(await page.getByTestId("dropped").innerText(), "품절이라 빠졌어요: 돌솥밥");
  const joined = (await tickets(shop)).find(({ number }) => number === "A002");
  assert.deepEqual(joined.items.map((/** @type {any} */ { item }) => item), ["stew"]);
  await device.close();
});

test("an item that is sold out meanwhile shows it without a touch", async () => {
  const shop = await openShop();
  const { device, page } = await openKiosk(shop);
  await press(page, "join");
  await press(page, "tab-order");
  const rice = page.locator("[data-item=rice]");
  await rice.getByText("3개 남음").waitFor();
  await shop.put("/stock/rice", { left: 0 });
  await rice.getByText("품절").waitFor();
  assert.equal(await rice.getByRole("button").count(), 0);
  await device.close();
});

test("a phone number on the own keypad; the same phone is told to use its number", async () => {
  const shop = await openShop();
  const { device, page } = await openKiosk(shop, { expected: REFUSED });
  await press(page, "join");
  await press(page, "join-phone");
  await page.getByRole("alert").getByText("전화번호를 끝까지").waitFor();
  assert.equal((await tickets(shop)).length, 0);
  await type(page, "12345678");
  assert.equal(await page.getByTestId("phone").innerText(), "010-1234-5678");
  await press(page, "join-phone");
  await page.getByTestId("number").waitFor();
  assert.equal((await tickets(shop))[0].phone_last4, "5678");
  await press(page, "done");
  await press(page, "join");
  assert.equal(await page.getByTestId("phone").innerText(), "010", "the next guest sees nothing of it");
  await page.keyboard.type("12345678");
  await press(page, "join-phone");
  await page.getByRole("alert").getByText("이미 대기 중이에요").waitFor();
  await page.getByRole("alert").getByRole("button", { name: "번호가 있어요" }).click();
  await page.getByTestId("find").waitFor();
  await device.close();
});

test("found by number and code: check in, let others go first, cancel, and undo that", async () => {
  const shop = await openShop();
  const mine = await shop.join({ line: "B", channel: "remote", items: [{ item: "stew", quantity: 1 }] });
  await shop.crowd(3, { line: "B" });
  const { device, page } = await openKiosk(shop, { expected: REFUSED });
  await press(page, "have-number");
  await page.getByRole("button", { name: "B", exact: true }).click();
  await type(page, `001${mine.code === "0000" ? "1111" : "0000"}`);
  await press(page, "find");
  await page.getByRole("alert").getByText("번호나 코드가 맞지 않아요").waitFor();
  await press(page, "field-code");
  await page.getByRole("button", { name: "모두 지우기" }).click();
  await type(page, mine.code);
  await press(page, "find");
  await page.getByText("아직 도착 확인 전이에요").waitFor();
  assert.deepEqual([await numberOn(page), await page.getByTestId("ahead").innerText()], ["B001", "다음 순서예요"]);
  await press(page, "check-in");
  await page.getByTestId("presence").getByText("도착했어요").waitFor();
  await press(page, "delay");
  await page.getByRole("button", { name: "한 팀 더" }).click();
  await press(page, "delay-yes");
  await page.getByTestId("ahead").getByText("앞에 2팀").waitFor();
  await press(page, "cancel");
  await page.getByText("순서와 미리 주문한 메뉴가 사라져요.").waitFor();
  await press(page, "cancel-yes");
  await page.getByTestId("state").getByText("취소됨").waitFor();
  await press(page, "undo");
  await page.getByTestId("ahead").getByText("앞에 2팀").waitFor();
  await shop.act(mine.id, "call", { reason: "other" });
  await page.getByTestId("state").getByText("지금 입장해 주세요").waitFor();
  await device.close();
});

test("the number goes by itself after 20 s, more time puts it off, and nothing stays", async () => {
  const shop = await openShop();
  const { device, page } = await openKiosk(shop, { clock: true, expected: SILENT });
  await press(page, "join");
  await press(page, "join");
  await page.getByText("20초 뒤 처음 화면으로 돌아가요").waitFor();
  const number = await numberOn(page);
  await page.clock.runFor(15_000);
  await page.getByText("5초 뒤 처음 화면으로 돌아가요").waitFor();
  await press(page, "more-time");
  await page.clock.runFor(15_000);
  assert.ok(await page.getByTestId("number").isVisible());
  await page.clock.runFor(6_000);
  await page.getByRole("heading", { name: "번호표를 받으세요" }).waitFor();
  assert.ok(!(await page.content()).includes(number));
  const kept = await page.evaluate(() => JSON.stringify([{ ...localStorage }, { ...sessionStorage }, location.href, history.length]));
  const [ticket] = await tickets(shop);
  assert.ok(!kept.includes(ticket.id) && !kept.includes(number));
  await page.goBack();
  await page.goForward();
  await page.getByTestId("join").waitFor();
  assert.equal(await page.getByTestId("number").count(), 0);
  await device.close();
});

test("a guest who walks away is asked, then forgotten, with language and large type", async () => {
  const shop = await openShop();
  const { device, page } = await openKiosk(shop, { clock: true, expected: SILENT });
  await page.getByRole("button", { name: "English" }).click();
  await press(page, "large");
  await page.getByTestId("join").getByText("Take a number").waitFor();
  await press(page, "join");
  await page.keyboard.type("01099998888");
  await page.clock.runFor(21_000);
  await page.getByTestId("stay").click();
  assert.equal(await page.getByTestId("phone").innerText(), "010-9999-8888");
  await page.clock.runFor(31_000);
  await page.getByRole("heading", { name: "번호표를 받으세요" }).waitFor();
  assert.equal(await page.evaluate(() => document.documentElement.hasAttribute("data-large")), false);
  await press(page, "join");
  assert.equal(await page.getByTestId("phone").innerText(), "010");
  await device.close();
});

/**
 * The network breaks after the server has acted, `times` times.
 *
 * @param {Page} page
 * @param {() => boolean} isCut
 */
async function cutAfterTheServer(page, isCut) {
  let first = true;
  await page.route("**/tickets", async (route) => {
    if (!isCut()) return route.continue();
    if (first) await route.fetch();
    first = false;
    await route.abort();
  });
}

test("never two numbers: the answer is lost, the page is loaded anew, and it is one ticket", async () => {
  const shop = await openShop();
  const { device, page } = await openKiosk(shop, { expected: REFUSED });
  let cut = true;
  await cutAfterTheServer(page, () => cut);
  await press(page, "adults-more");
  await press(page, "join");
  await press(page, "join");
  await page.getByText("연결되면 바로 접수할게요").waitFor();
  await until("the server gave a number", async () => (await tickets(shop)).length === 1);
  await page.reload();
  await page.getByText("연결되면 바로 접수할게요").waitFor();
  cut = false;
  await page.getByTestId("number").waitFor();
  assert.equal(await numberOn(page), "A001");
  const all = await tickets(shop);
  assert.deepEqual(all.map(({ number, adults }) => [number, adults]), [["A001", 3]]);
  assert.equal(await page.evaluate(() => localStorage.getItem("waitless.joins-kiosk")), null);
  await device.close();
});

test("given up during a cut: a number that was given is cancelled once the network is back", async () => {
  const shop = await openShop();
  const { device, page } = await openKiosk(shop, { expected: REFUSED });
  let cut = true;
  await cutAfterTheServer(page, () => cut);
  await press(page, "join");
  await press(page, "join");
  await press(page, "give-up");
  await page.getByText("이미 접수됐을 수도 있어요").waitFor();
  await until("the server gave a number", async () => (await tickets(shop)).length === 1);
  await press(page, "give-up-yes");
  await page.getByRole("heading", { name: "번호표를 받으세요" }).waitFor();
  cut = false;
  await until("it is cancelled", async () => (await tickets(shop)).every(({ state }) => state === "cancelled"));
  await until("it is forgotten", () => page.evaluate(() => localStorage.getItem("waitless.joins-kiosk") === null));
  assert.equal((await tickets(shop)).length, 1);
  await device.close();
});

test("offline before the touch: it says so, and takes the number when the network is back", async () => {
  const shop = await openShop();
  const { device, page } = await openKiosk(shop, { expected: REFUSED });
  await device.context.setOffline(true);
  await page.locator(".live[data-state=old]").getByText(/전 기준/).waitFor();
  await press(page, "join");
  await press(page, "join");
  await page.getByText("연결되면 바로 접수할게요").waitFor();
  assert.equal((await tickets(shop)).length, 0);
  await device.context.setOffline(false);
  await page.getByTestId("number").waitFor();
  assert.equal((await tickets(shop)).length, 1);
  await device.close();
});

test("where presence is proved, a kiosk needs staff, and then shows the door code", async () => {
  const shop = await openShop({ policy: { presence: "code" } });
  const { device, page } = await openKiosk(shop, { expected: REFUSED });
  await page.getByText("직원이 로그인해야").waitFor();
  assert.match((await page.getByRole("link", { name: "직원 로그인" }).getAttribute("href")) ?? "", /^\/sign-in/);
  await press(page, "join");
  await press(page, "join");
  await page.getByRole("alert").getByText("직원이 로그인해야").waitFor();
  await device.close();
  const signedIn = await openKiosk(shop, { signedIn: true });
  await signedIn.page.getByText(/입구 코드 \d{4}/).waitFor();
  await press(signedIn.page, "join");
  await press(signedIn.page, "join");
  assert.equal(await numberOn(signedIn.page), "A001");
  await signedIn.device.close();
});

test("no such restaurant", async () => {
  const device = await openDevice(browser, { expected: REFUSED });
  const page = await device.open("/kiosk/nowhere-to-be-found");
  await page.getByRole("heading", { name: "찾을 수 없어요" }).waitFor();
  await device.close();
});

const HOSTILE = `<img src=x onerror=alert(1)>{{7*7}}"'&`;

test("names are text, whatever they contain, and long ones fit", async () => {
  const long = "가나다라마바사아자차".repeat(6);
  const shop = await openShop({
    name: HOSTILE,
    lines: { A: HOSTILE, B: long },
    menu: [
      { id: "x", name: HOSTILE, price: 1_000, stock: 2 },
      { id: "y", name: long, price: 1_000, stock: null },
    ],
  });
  const { device, page } = await openKiosk(shop, { viewport: SCREENS.phone });
  assert.ok((await page.locator(".kiosk-name").innerText()).includes(HOSTILE));
  assert.ok((await page.locator("[data-line=A]").innerText()).includes(HOSTILE));
  await isWithin(page, "start");
  await press(page, "join");
  await press(page, "tab-order");
  await page.locator("[data-item=y]").waitFor();
  assert.equal(await page.locator("img").count(), 0);
  await isWithin(page, "order");
  await device.close();
});

/**
 * Nothing is cut off at the side, on any screen.
 *
 * @param {Page} page
 * @param {string} where
 */
async function isWithin(page, where) {
  const over = await page.evaluate(() => {
    const width = document.documentElement.clientWidth;
    return [...document.querySelectorAll(".kiosk *, .home *")]
      .filter((element) => !element.closest(".aside, svg") && element.getClientRects().length > 0)
      .filter((element) => {
        const box = element.getBoundingClientRect();
        const clipped = element.scrollWidth > element.clientWidth + 1 && getComputedStyle(element).overflowX !== "visible";
        return box.right > width + 1 || box.left < -1 || clipped;
      })
      .map((element) => `${element.tagName}.${element.className}`);
  });
  assert.deepEqual(over, [], where);
}

/**
 * Walks through every screen.
 *
 * @param {Page} page
 * @param {(where: string) => Promise<void>} look
 */
async function tour(page, look) {
  await look("start");
  await press(page, "join");
  await look("options");
  await press(page, "tab-order");
  await page.locator("[data-item=tea]").waitFor();
  await look("order");
  await press(page, "join");
  await page.getByTestId("code").waitFor();
  await look("ticket");
  const digits = (await numberOn(page)).slice(1) + (await page.getByTestId("code").innerText());
  await press(page, "done");
  await press(page, "have-number");
  await look("find");
  await page.keyboard.type(digits);
  await press(page, "find");
  await page.getByTestId("cancel").waitFor();
  await look("found");
  await press(page, "cancel");
  await look("sheet");
  await page.keyboard.press("Escape");
  await press(page, "done");
}

for (const [name, viewport] of Object.entries(SCREENS)) {
  test(`every screen fits ${name}, in both languages, large and small`, async () => {
    const shop = await openShop();
    const { device, page } = await openKiosk(shop, { viewport });
    for (const [language, large, low] of /** @type {const} */ ([
      ["한국어", false, false],
      ["English", true, false],
      ["한국어", true, true],
    ])) {
      await tour(page, async (where) => {
        const button = page.getByRole("button", { name: language });
        if (where !== "sheet" && (await button.getAttribute("aria-pressed")) === "false") await button.click();
        for (const [what, on] of /** @type {const} */ ([["large", large], ["low", low]])) {
          const toggle = page.getByTestId(what);
          if (where !== "sheet" && (await toggle.getAttribute("aria-pressed")) !== String(on)) await toggle.click();
        }
        await isWithin(page, `${where} ${language} ${large} ${low}`);
      });
    }
    await device.close();
  });
}

test("targets are at least 72 px, and the low position keeps them in the lower half", async () => {
  const shop = await openShop();
  const { device, page } = await openKiosk(shop);
  await tour(page, async (where) => {
    const low = page.getByTestId("low");
    if (where !== "sheet" && (await low.getAttribute("aria-pressed")) === "false") await low.click();
    const wrong = await page.evaluate(() =>
      [...document.querySelectorAll(".kiosk button, .line-card")]
        .map((element) => ({ name: element.textContent?.trim(), box: element.getBoundingClientRect() }))
        .filter(({ box }) => box.height > 0 && (box.height < 72 || box.width < 72 || box.top < innerHeight / 2 - 1))
        .map(({ name, box }) => `${name} ${Math.round(box.width)}×${Math.round(box.height)} at ${Math.round(box.top)}`),
    );
    assert.deepEqual(where === "sheet" ? [] : wrong, [], where);
  });
  await device.close();
});

test("with the keyboard alone", async () => {
  const shop = await openShop();
  const { device, page } = await openKiosk(shop);
  /** @param {string} name */
  const tabTo = async (name) => {
    for (let n = 0; n < 40; n += 1) {
      await page.keyboard.press("Tab");
      if (await page.getByTestId(name).evaluate((element) => element === document.activeElement)) return;
    }
    assert.fail(`Tab does not reach ${name}`);
  };
  await tabTo("join");
  await page.keyboard.press("Enter");
  await tabTo("join-phone");
  await page.keyboard.type("12345678");
  await page.keyboard.press("Enter");
  await page.getByTestId("code").waitFor();
  assert.equal((await tickets(shop))[0].phone_last4, "5678");
  await tabTo("done");
  await page.keyboard.press("Enter");
  await page.getByTestId("join").waitFor();
  await device.close();
});

test("axe finds nothing on any screen", async () => {
  const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
  const shop = await openShop();
  const { device, page } = await openKiosk(shop, { bypassCSP: true, reducedMotion: "reduce" });
  await page.evaluate(axe);
  await tour(page, async (where) => {
    const violations = await page.evaluate(async () => (await /** @type {any} */ (window).axe.run()).violations);
    assert.deepEqual(violations.map((/** @type {any} */ { id, nodes }) => [id, nodes[0].html]), [], where);
  });
  await device.close();
});
