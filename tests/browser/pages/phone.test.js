/** The phone page against a real server, in a real browser. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { base, openBrowser, openDevice, openShop, SCREENS, until } from "../harness.js";

/** @import { Browser, Page } from "playwright-core" */

/** The most a first visit may bring over the air, bytes: with headers, compressed. */
const FIRST_LOAD_BYTES_MAX = 60 * 1024;
/** A cut connection that comes back tells the truth within this, ms: 2 s, and room for a busy machine. */
const BACK_MS = 5_000;

/** @type {Browser} */
let browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

/** @param {Page} page @param {string} id */
function text(page, id) {
  return page.getByTestId(id).innerText();
}

/** @param {Page} page @param {string} id @param {RegExp} words */
function says(page, id, words) {
  return until(`${id} says ${words}`, async () => words.test(await text(page, id).catch(() => "")));
}

/**
 * A phone on the page of a ticket.
 *
 * @param {{ id: string }} ticket
 * @param {Parameters<typeof openDevice>[1] & { query?: string, before?: (page: import("playwright-core").BrowserContext) => Promise<unknown> }} [options]
 */
async function follow(ticket, { query = "", before: prepare, ...options } = {}) {
  const device = await openDevice(browser, options);
  await prepare?.(device.context);
  const page = await device.open(`/t/${ticket.id}${query}`);
  return { device, page };
}

test("a guest follows the line to the table without touching the page", async () => {
  const shop = await openShop({ name: "온기 솥밥" });
  const others = await shop.crowd(3);
  const mine = await shop.join({ items: [{ item: "stew", quantity: 2 }] });
  const { device, page } = await follow(mine);
  await says(page, "number", /A004/);
  await says(page, "ahead", /앞에 3팀/);
  await says(page, "range", /아직 예상할 수 없어요/);
  await says(page, "live-state", /실시간/);
  assert.equal(await page.getByRole("heading", { level: 1 }).innerText(), "온기 솥밥");
  assert.match(await page.title(), /^A004 · 앞에 3팀$/);
  await page.getByText("₩48,000").first().waitFor();

  await page.evaluate(() => Object.assign(window, { isSamePage: true }));
  await shop.callNext();
  await says(page, "ahead", /앞에 2팀/);
  await says(page, "news", /A001번이 .*전에 호출됐어요/);
  for (const { id } of others.slice(1)) await shop.act(id, "cancel");
  await says(page, "ahead", /다음 순서예요/);

  await shop.callNext("A", { to: "홀 입구" });
  await says(page, "to", /홀 입구/);
  await says(page, "countdown", /^[45]:\d\d$/);
  assert.match(await text(page, "alarm"), /A004번 호출됐어요.*홀 입구/);
  assert.equal(await page.getByTestId("alarm").getAttribute("aria-live"), "assertive");
  assert.equal(await page.title(), "🔔 A004 호출됨");
  const ground = await page.locator(".phone").evaluate((element) => getComputedStyle(element).backgroundColor);
  assert.equal(ground, "rgb(196, 58, 22)", "the whole screen turns persimmon");

  await shop.act(mine.id, "seat");
  await page.getByText("맛있게 드세요").waitFor();
  await shop.act(mine.id, "complete");
  await page.getByText("이용해 주셔서 고마워요").waitFor();
  await says(page, "live-state", /연결 끝/);
  assert.equal(await page.evaluate(() => "isSamePage" in window), true, "never reloaded");
  await device.close();
});

/** What a phone was told to do, by fakes: a test machine neither hears nor shakes. */
function fakes() {
  const told = { chimes: 0, vibrations: 0, locks: 0, released: 0 };
  Object.assign(window, { told });
  class Note {
    frequency = {};
    gain = { setValueAtTime() {}, linearRampToValueAtTime() {}, exponentialRampToValueAtTime() {} };
    /** @type {(() => void) | undefined} */
    onended;
    connect(/** @type {unknown} */ next) {
      return next;
    }
    start() {
      told.chimes += 1;
      setTimeout(() => this.onended?.());
    }
    stop() {}
  }
  class FakeAudio {
    state = "suspended";
    currentTime = 0;
    async resume() {
      this.state = "running";
    }
    createOscillator() {
      return new Note();
    }
    createGain() {
      return new Note();
    }
  }
  Object.assign(window, { AudioContext: FakeAudio });
  Object.defineProperty(navigator, "vibrate", { value: (/** @type {number[]} */ [first]) => (told.vibrations += first ? 1 : 0) });
  const lock = { addEventListener() {}, release: async () => void (told.released += 1) };
  Object.defineProperty(navigator, "wakeLock", { value: { request: async () => ((told.locks += 1), lock) } });
}

/** @param {Page} page @returns {Promise<{ chimes: number, vibrations: number, locks: number, released: number }>} */
function toldBy(page) {
  return page.evaluate(() => ({ .../** @type {any} */ (window).told }));
}

test("a called phone rings, shakes and stays awake until its guest says so; a recall rings again", async () => {
  const shop = await openShop();
  const crowd = await shop.crowd(4);
  const mine = await shop.join();
  const { device, page } = await follow(mine, { before: (context) => context.addInitScript(fakes) });
  await says(page, "ahead", /4팀/);
  await page.getByTestId("sound-on").click();
  await until("the touch is answered by a chime", async () => (await toldBy(page)).chimes > 0);
  await until("the question goes away", async () => (await page.getByTestId("sound-on").count()) === 0);
  assert.equal((await toldBy(page)).locks, 0, "far from its turn a phone may sleep");

  await shop.act(crowd[0].id, "cancel");
  await until("close: awake, and told once", async () => {
    const { locks, vibrations } = await toldBy(page);
    return locks === 1 && vibrations === 1;
  });

  const quiet = (await toldBy(page)).chimes;
  await shop.act(mine.id, "call", { reason: "other" });
  await until("it rings again and again", async () => {
    const { chimes, vibrations } = await toldBy(page);
    return chimes >= quiet + 4 && vibrations >= 3;
  });
  await page.getByTestId("on-my-way").click();
  await page.getByText("알림을 멈췄어요").waitFor();
  const stopped = await toldBy(page);
  await page.reload();
  await page.getByText("알림을 멈췄어요").waitFor();
  assert.equal(await page.getByTestId("on-my-way").count(), 0, "a reload does not ask again");
  // The countdown runs on for longer than the alarm's beat.
  const seen = await text(page, "countdown");
  const seconds = (/** @type {string} */ clock) => Number(clock.split(":")[0]) * 60 + Number(clock.split(":")[1]);
  await until("some seconds pass", async () => seconds(seen) - seconds(await text(page, "countdown")) >= 4);
  assert.deepEqual([(await toldBy(page)).chimes, (await toldBy(page)).vibrations], [0, 0], "silent since the reload");
  assert.ok(stopped.vibrations >= 3);

  await page.getByRole("heading", { level: 1 }).click();
  await shop.act(mine.id, "recall");
  await page.getByTestId("on-my-way").waitFor();
  await until("the recall rings", async () => (await toldBy(page)).vibrations > 0);
  await shop.act(mine.id, "seat");
  await page.getByText("맛있게 드세요").waitFor();
  await until("it may sleep", async () => (await toldBy(page)).released === 1);
  await device.close();
});

test("a rehearsal says what should have been heard and felt", async () => {
  const shop = await openShop();
  const { device, page } = await follow(await shop.join(), { before: (context) => context.addInitScript(fakes) });
  await page.getByTestId("alerts").click();
  await page.getByTestId("rehearse").click();
  await page.getByText("두 음의 소리와 진동이 왔어야 해요").waitFor();
  const { chimes, vibrations } = await toldBy(page);
  assert.deepEqual([chimes, vibrations], [2, 1]);
  await page.getByTestId("sound-toggle").click();
  await page.getByTestId("rehearse").click();
  await page.getByText("소리는 꺼져 있어요").waitFor();
  assert.deepEqual(await toldBy(page).then((told) => [told.chimes, told.vibrations]), [2, 2]);
  await device.close();
});

test("letting others go first shows where it leads, and leads there", async () => {
  const shop = await openShop({ policy: { delays: 1 } });
  await shop.join();
  const mine = await shop.join();
  const { device, page } = await follow(mine);
  await page.getByTestId("delay").click();
  await page.getByText("뒤에 기다리는 팀이 없어요").waitFor();
  assert.equal(await page.getByTestId("delay-confirm").count(), 0);

  await shop.crowd(3);
  await page.getByTestId("delay-confirm").waitFor();
  await says(page, "landing", /앞에 1팀.*→.*앞에 2팀/s);
  const more = page.getByRole("button", { name: "한 팀 많게" });
  await more.click();
  await more.click();
  await says(page, "landing", /→.*앞에 4팀/s);
  assert.equal(await more.getAttribute("aria-disabled"), "true", "there are only three behind");
  await page.getByTestId("delay-confirm").click();
  await says(page, "ahead", /앞에 4팀/);
  await says(page, "news", /순서를 뒤로 미뤘어요|순서를 미뤘어요/);
  // The frame with the new place may come before the answer that closes it.
  await page.locator("dialog").waitFor({ state: "detached" });

  await page.getByTestId("delay").click();
  await page.getByText("순서를 더 미룰 수 없어요").waitFor();
  await device.close();
});

test("cancelling asks first, and can be taken back for a minute", async () => {
  const shop = await openShop();
  await shop.join();
  const mine = await shop.join({ items: [{ item: "stew", quantity: 2 }] });
  const { device, page } = await follow(mine);
  await page.getByTestId("cancel").click();
  await page.getByText("A002번(앞에 1팀) 순서가 사라져요").waitFor();
  await page.getByText("미리 주문한 메뉴 2개도 취소돼요").waitFor();
  await page.getByRole("button", { name: "계속 기다릴게요" }).click();
  await says(page, "ahead", /앞에 1팀/);

  await page.getByTestId("cancel").click();
  await page.getByTestId("cancel-confirm").click();
  await page.getByText("대기를 취소했어요").waitFor();
  await page.getByText(/^(1:00|0:\d\d) 남았어요$/).waitFor();
  await page.getByTestId("undo").click();
  await says(page, "ahead", /앞에 1팀/);
  await says(page, "news", /다시 대기 중이에요/);
  assert.equal((await shop.get("/queue")).tickets.find((/** @type {any} */ { id }) => id === mine.id).state, "waiting");
  await device.close();
});

test("an end by staff or for good is calm, and says why", async () => {
  const shop = await openShop();
  const mine = await shop.join();
  const { device, page } = await follow(mine);
  await says(page, "ahead", /다음 순서예요/);
  await shop.act(mine.id, "cancel", { reason: "재료가 떨어졌어요" });
  await page.getByText("매장에서 대기를 취소했어요").waitFor();
  await page.getByText("재료가 떨어졌어요").waitFor();
  await says(page, "live-state", /연결 끝/);
  const again = await page.getByRole("link", { name: "새로 접수하기" }).getAttribute("href");
  assert.equal(again, `/?r=${shop.slug}`);
  await device.close();
});

test("who missed the call rejoins once; after that staff are asked", async () => {
  const shop = await openShop();
  const mine = await shop.join();
  const others = await shop.crowd(5);
  const { device, page } = await follow(mine);
  await shop.callNext();
  await page.getByTestId("called").waitFor();
  await shop.act(mine.id, "no-show");
  await page.getByText("호출 시간이 지났어요").waitFor();
  await page.getByText(/^(10:00|9:\d\d) 남았어요$/).waitFor();
  await page.getByTestId("rejoin").click();
  await says(page, "ahead", /앞에 3팀/);
  await says(page, "news", /다시 줄에 섰어요/);

  for (const { id } of others) await shop.act(id, "cancel");
  await shop.callNext();
  await shop.act(mine.id, "no-show");
  await page.getByText("오늘 안에는 직원이 다시 넣어 드릴 수 있어요").waitFor();
  assert.equal(await page.getByTestId("rejoin").count(), 0);
  await device.close();
});

test("arriving needs the code at the door where the restaurant asks for it", async () => {
  const shop = await openShop({ policy: { presence: "code" } });
  const mine = await shop.join({ channel: "remote" });
  const { device, page } = await follow(mine, { expected: /409/ });
  await page.getByTestId("check-in").click();
  const door = page.getByLabel("입구 코드");
  const code = (await shop.get("/board")).door;
  await door.fill(code === "0000" ? "1111" : "0000");
  await page.keyboard.press("Enter");
  await page.getByText("코드가 맞지 않아요").waitFor();
  await door.fill(code);
  await page.getByTestId("door-confirm").click();
  await says(page, "checked-in", /확인됨/);
  assert.equal(await page.getByTestId("check-in").count(), 0);
  await device.close();
});

test("who went first and why, who was put back and why", async () => {
  const shop = await openShop();
  const [mine, small, late] = await shop.crowd(3);
  const { device, page } = await follow(mine);
  await says(page, "ahead", /다음/);
  await shop.act(small.id, "call", { reason: "table_fit" });
  await says(page, "news", /자리 크기가 맞는 1팀이 먼저 호출됐어요/);
  await shop.act(late.id, "call", { reason: "reservation" });
  await says(page, "news", /예약한 1팀이 먼저 호출됐어요/);
  await shop.put("/announcement", { text: "주방이 조금 늦어요" });
  await page.getByText("주방이 조금 늦어요").waitFor();
  await shop.put("/state", { state: "paused", reason: "브레이크" });
  await page.getByText("새 접수를 잠시 멈췄어요. 내 순서는 그대로예요. (브레이크)").waitFor();
  await shop.callNext();
  await page.getByTestId("called").waitFor();
  await shop.act(mine.id, "put-back");
  await says(page, "news", /직원이 대기로 되돌렸어요/);
  await device.close();
});

test("units that were lost are told, not charged", async () => {
  const shop = await openShop();
  const mine = await shop.join({ items: [{ item: "rice", quantity: 2 }] });
  const { device, page } = await follow(mine);
  await page.getByTestId("cancel").click();
  await page.getByTestId("cancel-confirm").click();
  await page.getByTestId("undo").waitFor();
  await shop.join({ items: [{ item: "rice", quantity: 2 }] });
  await page.getByTestId("undo").click();
  await says(page, "lost", /1개 품절/);
  await page.getByText("그사이 품절된 메뉴가 있어요: 돌솥밥 1개").waitFor();
  await page.locator(".total", { hasText: "₩18,000" }).waitFor();
  await page.getByTestId("menu").click();
  await page.locator("details li", { hasText: "돌솥밥" }).getByText("품절").waitFor();
  await device.close();
});

test("names are text, whatever they contain", async () => {
  const evil = "<img src=x onerror=alert(1)>";
  const shop = await openShop({ name: evil, lines: { A: evil }, menu: [{ id: "x", name: evil, price: 1, stock: null }] });
  const mine = await shop.join({ items: [{ item: "x", quantity: 1 }] });
  await shop.put("/announcement", { text: evil });
  const { device, page } = await follow(mine);
  await says(page, "number", /A001/);
  assert.equal(await page.getByRole("heading", { level: 1 }).innerText(), evil);
  await page.getByTestId("menu").click();
  await page.locator("details li", { hasText: evil }).waitFor();
  await shop.callNext("A", { to: evil });
  await says(page, "to", /<img/);
  assert.equal(await page.locator("img").count(), 0);
  await device.close();
});

test("without a network the number is grey and says its age; with it, the truth is back at once", async () => {
  const shop = await openShop();
  const [first] = await shop.crowd(3);
  const mine = await shop.join();
  const { device, page } = await follow(mine, { expected: /ERR_INTERNET_DISCONNECTED|WebSocket/ });
  await says(page, "ahead", /앞에 3팀/);
  const colour = () => page.getByTestId("number").evaluate((element) => getComputedStyle(element).color);
  const proud = await colour();
  await device.context.setOffline(true);
  await says(page, "live-state", /다시 연결하는 중…\s*· \d+초 전 기준/);
  assert.notEqual(await colour(), proud);
  assert.match(await text(page, "number"), /A004/, "what was known stays");
  await page.getByTestId("delay").click();
  await page.getByText("연결되지 않았어요").waitFor();

  await shop.act(first.id, "cancel");
  await device.context.setOffline(false);
  const from = Date.now();
  await says(page, "ahead", /앞에 2팀/);
  await says(page, "live-state", /실시간/);
  assert.ok(Date.now() - from < BACK_MS, `back after ${Date.now() - from} ms`);
  assert.equal(await colour(), proud);

  await page.getByTestId("delay").click();
  await page.locator("dialog[open]").waitFor();
  await device.close();
});

test("a reload while the server is away shows what was known, grey and with its age", async () => {
  const shop = await openShop();
  const mine = await shop.join();
  const { device, page } = await follow(mine, { expected: /WebSocket|Failed to load|ERR_/ });
  await says(page, "ahead", /다음/);
  await page.routeWebSocket(/\/live$/, (socket) => socket.close());
  await page.route("**/v1/**", (route) => route.abort());
  await page.reload();
  await says(page, "number", /A001/);
  await says(page, "live-state", /다시 연결하는 중…\s*· \d+초 전 기준/);
  assert.equal(await page.locator(".phone").getAttribute("data-old"), "true");
  await device.close();
});

test("a place that is lost while somebody looks keeps number and place, and sends its guest to the staff", async () => {
  const shop = await openShop();
  await shop.crowd(2);
  const mine = await shop.join({ children: 1 });
  /** @type {import("playwright-core").WebSocketRoute[]} */
  const sockets = [];
  const { device, page } = await follow(mine, {
    expected: /410|WebSocket/,
    before: (context) =>
      context.routeWebSocket(/\/live$/, (socket) => {
        sockets.push(socket);
        // After the loss the handshake is refused.
        if (sockets.length === 1) socket.connectToServer();
        else void socket.close();
      }),
  });
  await says(page, "ahead", /앞에 2팀/);
  // What the server says then is tested with it (tests/it/ws.rs).
  const problem = { status: 410, contentType: "application/problem+json", body: '{"code":"place_lost","status":410}' };
  await page.route("**/v1/tickets/**", (route) => route.fulfill(problem));
  sockets[0].send(JSON.stringify({ type: "bye", reason: "place_lost", retry_ms: 0 }));
  await sockets[0].close({ code: 4404 });
  const lost = page.getByTestId("place-lost");
  await lost.getByText("이 화면을 직원에게 보여 주세요").waitFor();
  await says(page, "number", /^A003$/);
  await says(page, "lost-place", /^앞에 2팀$/);
  await lost.getByText("어른 2명, 아이 1명").waitFor();
  assert.match(await page.title(), /^A003 · 자리를 다시/);
  assert.equal(await page.getByTestId("cancel").count(), 0, "nothing can be done with it");
  assert.equal(sockets.length, 1, "it does not come back");

  await page.reload();
  await lost.waitFor();
  await says(page, "number", /^A003$/);
  await says(page, "lost-place", /^앞에 2팀$/);
  await device.close();
});

test("a place that was lost meanwhile is told so by the server, in the guest's language", async () => {
  const shop = await openShop();
  const known = await shop.join({ lang: "en" });
  const { device, page } = await follow(known, { expected: /410|WebSocket/ });
  await says(page, "ahead", /You are next/);
  // The same phone had a ticket that the rebuilt line does not know.
  const id = known.id.slice(0, 11) + "0".repeat(22);
  await page.evaluate((id) => {
    const [past] = JSON.parse(localStorage.getItem("waitless.phone-tickets") ?? "[]");
    const lost = { ...past, frame: { ...past.frame, id, number: "A777", ahead: 4 } };
    localStorage.setItem("waitless.phone-tickets", JSON.stringify([lost]));
    localStorage.setItem("waitless.home-tickets", JSON.stringify([{ id, number: "A777", name: "", slug: "", at: 0 }]));
  }, id);
  await shop.sayRebuilt();
  await page.goto(`${base()}/t/${id}`);
  await page.getByTestId("place-lost").getByText("Show this screen to the staff").waitFor();
  await says(page, "number", /^A777$/);
  await says(page, "lost-place", /^4 parties ahead$/);
  // The list of one's places leads there.
  await page.goto(`${base()}/?lang=en`);
  await page.getByTestId("mine").getByText("show it to the staff").waitFor();
  await device.close();
});

test("an address of no ticket says so", async () => {
  const device = await openDevice(browser, { expected: /404|WebSocket/ });
  const page = await device.open("/t/nothing");
  await page.getByTestId("not-found").getByText("이 번호표를 찾을 수 없어요").waitFor();
  assert.equal(await page.getByTestId("number").count(), 0);
  await device.close();
});

test("each guest is spoken to in their language, and can choose another", async () => {
  const shop = await openShop();
  await shop.join();
  const mine = await shop.join({ lang: "en" });
  const { device, page } = await follow(mine);
  await says(page, "ahead", /1 party ahead/);
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
  await page.getByRole("button", { name: "한국어" }).click();
  await says(page, "ahead", /앞에 1팀/);
  await page.reload();
  await says(page, "ahead", /앞에 1팀/);
  const address = await device.open(`/t/${mine.id}?lang=en`);
  await says(address, "ahead", /1 party ahead/);
  await device.close();
});

test("a sheet by keyboard alone, with the focus given back", async () => {
  const shop = await openShop();
  const mine = await shop.join();
  await shop.crowd(3);
  const { device, page } = await follow(mine);
  await page.getByTestId("delay").focus();
  await page.keyboard.press("Enter");
  await says(page, "landing", /앞에 1팀/);
  await page.keyboard.press("Escape");
  await until("the focus is back", () => page.getByTestId("delay").evaluate((button) => button === document.activeElement));

  await page.keyboard.press("Enter");
  await says(page, "landing", /앞에 1팀/);
  const isFocused = (/** @type {string} */ name) =>
    page.getByRole("button", { name }).evaluate((button) => button === document.activeElement);
  for (let presses = 0; !(await isFocused("한 팀 많게")); presses += 1) {
    assert.ok(presses < 6, "reached with Tab");
    await page.keyboard.press("Tab");
  }
  await page.keyboard.press("Enter");
  await says(page, "places", /2팀/);
  await page.keyboard.press("Tab");
  await page.keyboard.press("Enter");
  await says(page, "ahead", /앞에 2팀/);
  await until("the focus is back", () => page.getByTestId("delay").evaluate((button) => button === document.activeElement));
  await device.close();
});

/**
 * The states that a guest meets, one after the other, on one page.
 *
 * @param {(name: string, page: Page) => Promise<void>} look
 * @param {Parameters<typeof follow>[1]} options
 */
async function throughAllStates(look, options) {
  const name = "이름이길어서줄이바뀌는식당".repeat(4).slice(0, 60);
  const shop = await openShop({ name, lines: { A: "아주긴이름의창가자리" }, policy: { presence: "code" } });
  await shop.crowd(2, { channel: "remote" });
  const mine = await shop.join({ channel: "remote", adults: 2, children: 2, items: [{ item: "stew", quantity: 2 }] });
  await shop.join({ channel: "remote" });
  await shop.put("/announcement", { text: "주방 사정으로 조금 늦어지고 있어요. 기다려 주셔서 고마워요." });
  await shop.put("/state", { state: "paused", reason: "브레이크 타임" });
  const { device, page } = await follow(mine, options);
  await page.getByTestId("number").waitFor();
  await look("waiting", page);
  for (const sheet of ["delay", "cancel", "alerts", "check-in"]) {
    await page.getByTestId(sheet).click();
    await page.locator("dialog[open]").waitFor();
    await look(`sheet ${sheet}`, page);
    await page.keyboard.press("Escape");
    await until("it is closed", async () => (await page.locator("dialog").count()) === 0);
  }
  await shop.act(mine.id, "call", { reason: "other" });
  await page.getByTestId("called").waitFor();
  await look("called", page);
  await shop.act(mine.id, "no-show");
  await page.getByTestId("rejoin").waitFor();
  await look("missed", page);
  await shop.act(mine.id, "restore");
  await page.getByTestId("cancel").click();
  await page.getByTestId("cancel-confirm").click();
  await page.getByTestId("undo").waitFor();
  await look("cancelled", page);
  await page.getByTestId("undo").click();
  await page.getByTestId("cancel").waitFor();
  await shop.act(mine.id, "seat");
  await page.getByTestId("end").waitFor();
  await look("seated", page);
  await device.close();
}

for (const [name, viewport, lang] of /** @type {const} */ ([
  ["320 px", SCREENS.narrow, "ko"],
  ["320 px", SCREENS.narrow, "en"],
  ["360 px", SCREENS.phone, "ko"],
  ["360 px at 200 %", { width: 180, height: 400 }, "en"],
])) {
  test(`nothing is cut off at ${name} in ${lang}`, async () => {
    await throughAllStates(
      async (state, page) => {
        const wide = await page.evaluate(() => {
          const root = document.documentElement;
          const cut = [...document.querySelectorAll("#page *")].filter((element) => {
            const box = element.getBoundingClientRect();
            return box.width > 1 && !element.closest(".aside") && (box.right > root.clientWidth + 1 || box.left < -1);
          });
          return { page: root.scrollWidth - root.clientWidth, cut: cut.map((element) => element.outerHTML.slice(0, 80)) };
        });
        assert.deepEqual(wide, { page: 0, cut: [] }, state);
      },
      { viewport, query: `?lang=${lang}`, expected: /409/ },
    );
  });
}

for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
  test(`no state has an accessibility finding, ${colorScheme}`, async () => {
    const axe = await readFile(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
    await throughAllStates(
      async (state, page) => {
        await page.addScriptTag({ content: axe });
        const findings = await page.evaluate(async () => {
          await Promise.all(document.getAnimations().map((animation) => animation.finished.catch(() => undefined)));
          const { violations } = await /** @type {any} */ (window).axe.run(document);
          return violations.map((/** @type {any} */ { id, nodes }) => `${id}: ${nodes.map((/** @type {any} */ node) => node.html).join(" ")}`);
        });
        assert.deepEqual(findings, [], state);
      },
      { bypassCSP: true, colorScheme, expected: /409/ },
    );
  });
}

test("at night the page is dark before it paints", async () => {
  const shop = await openShop();
  const { device, page } = await follow(await shop.join(), { colorScheme: "dark" });
  await says(page, "number", /A001/);
  const ground = () => page.locator("html").evaluate((element) => getComputedStyle(element).backgroundColor);
  assert.equal(await ground(), "rgb(16, 18, 22)");
  await page.emulateMedia({ colorScheme: "light" });
  await until("it follows the phone", async () => (await ground()) === "rgb(251, 250, 247)");
  await device.close();
});

test("a first visit is small", async () => {
  const shop = await openShop();
  const mine = await shop.join();
  const device = await openDevice(browser);
  const page = await device.context.newPage();
  const session = await device.context.newCDPSession(page);
  await session.send("Network.enable");
  let bytes = 0;
  /** @type {string[]} */
  const loaded = [];
  page.on("request", (request) => loaded.push(new URL(request.url()).pathname));
  session.on("Network.loadingFinished", ({ encodedDataLength }) => {
    bytes += encodedDataLength;
  });
  await page.goto(`${base()}/t/${mine.id}`, { waitUntil: "networkidle" });
  await says(page, "number", /A001/);
  console.log(`a first visit of the phone page: ${bytes} bytes, headers included, in ${loaded.length} answers`);
  assert.ok(bytes > 10_000 && bytes <= FIRST_LOAD_BYTES_MAX, `${bytes} bytes in ${loaded.length}:\n${loaded.join("\n")}`);
  await device.close();
});
