/** The console with a real server and a real browser: every act of staff, two devices in step, cuts, words, sizes. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { after, before, describe, test } from "node:test";
import { openBrowser, openDevice, openShop, SCREENS, until } from "../harness.js";

/** @import { Browser, Page } from "playwright-core" */

/** An act on a full line is done and shown within this, ms. */
const BOUND_MS = 5_000;

const axeSource = await readFile(new URL("../node_modules/axe-core/axe.min.js", import.meta.url), "utf8");

/** @type {Browser} */
let browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

/**
 * A signed-in console of a shop, as a tablet.
 *
 * @param {{ slug: string }} shop
 * @param {Parameters<typeof openDevice>[1] & { at?: string }} [options]
 */
async function openConsole({ slug }, { at = "", ...options } = {}) {
  const device = await openDevice(browser, { viewport: SCREENS.tablet, ...options });
  await device.signIn();
  const page = await device.open(`/console/${slug}${at}`);
  await page.getByTestId("call-next").waitFor();
  await page.locator("[data-testid=live-state][data-state=live]").waitFor();
  return { device, page };
}

/** @param {Page} page @param {string} testid */
function numbersIn(page, testid) {
  return page.getByTestId(testid).evaluateAll((all) => all.map((each) => /** @type {HTMLElement} */ (each).dataset.number ?? ""));
}

/** The line, who is called, who sits. @param {Page} page */
async function shown(page) {
  return JSON.stringify([await numbersIn(page, "line-row"), await numbersIn(page, "called-card"), await numbersIn(page, "seat")]);
}

/** @param {Page} page @param {string} number */
function rowOf(page, number) {
  return page.locator(`[data-testid=line-row][data-number=${number}]`);
}

/** @param {Page} page @param {string} number */
function cardOf(page, number) {
  return page.locator(`[data-testid=called-card][data-number=${number}]`);
}

/** Opens the actions of a row and takes one. @param {Page} page @param {string} number @param {string} action */
async function take(page, number, action) {
  await rowOf(page, number).getByRole("button").click();
  await page.getByTestId(`do-${action}`).click();
}

/** @param {Page} page @param {RegExp} words */
async function says(page, words) {
  await page.getByTestId("toast").filter({ hasText: words }).waitFor();
}

/** @param {any} shop @param {string} id @returns {Promise<any>} */
async function ticketOf(shop, id) {
  const { tickets } = await shop.get("/queue");
  return tickets.find((/** @type {any} */ ticket) => ticket.id === id);
}

/** @param {Page} page @param {string} testid @param {string[]} numbers */
async function lists(page, testid, numbers) {
  await until(`${testid} lists ${numbers}`, async () => (await numbersIn(page, testid)).join() === numbers.join());
}

describe("calling", () => {
  test("call next: the row becomes a call with a countdown, the number stands large", async () => {
    const shop = await openShop();
    await shop.crowd(3);
    const { device, page } = await openConsole(shop);
    await page.getByLabel("입장 위치").fill("홀 입구");
    await page.getByTestId("call-next").click();
    await cardOf(page, "A001").waitFor();
    await page.getByTestId("hero").filter({ hasText: /A001[\s\S]*2명[\s\S]*홀 입구/ }).waitFor();
    await lists(page, "line-row", ["A002", "A003"]);
    assert.match(await cardOf(page, "A001").innerText(), /홀 입구/);
    const countdown = () => cardOf(page, "A001").getByTestId("grace").innerText();
    const first = await countdown();
    assert.match(first, /[45]:\d\d/);
    await until("the countdown runs", async () => (await countdown()) !== first);
    await page.reload();
    await page.getByTestId("call-next").waitFor();
    assert.equal(await page.getByLabel("입장 위치").inputValue(), "홀 입구", "where to is remembered");
    await device.close();
  });

  test("Space twice within a moment calls once", async () => {
    const shop = await openShop();
    await shop.crowd(4);
    const { device, page } = await openConsole(shop);
    // Time stands still, however slow the machine is.
    await page.evaluate(() => {
      const now = performance.now();
      performance.now = () => now;
    });
    await page.keyboard.press("Space");
    await page.keyboard.press("Space");
    await cardOf(page, "A001").waitFor();
    await page.keyboard.press("Space");
    await page.getByTestId("call-next").click();
    await page.keyboard.press("s");
    await lists(page, "seat", ["A001"]);
    const { tickets } = await shop.get("/queue");
    assert.equal(tickets.filter((/** @type {any} */ { state }) => state === "called").length, 0, "only A001 was called");
    assert.equal(await page.getByTestId("toast").getAttribute("data-kind"), "done", "nothing wrong is said");
    await page.evaluate(() => {
      const now = performance.now();
      performance.now = () => now + 1_500;
    });
    await page.keyboard.press("Space");
    await cardOf(page, "A002").waitFor();
    await device.close();
  });

  test("the chosen line and table decide, and an empty line is said in words", async () => {
    const shop = await openShop();
    await shop.join({ adults: 5 });
    await shop.join({ adults: 2 });
    await shop.join({ line: "B" });
    const { device, page } = await openConsole(shop, { expected: /409/ });
    await page.getByRole("button", { name: "2인석" }).click();
    await page.getByTestId("call-next").getByText(/A002/).waitFor();
    await page.getByTestId("call-next").click();
    await cardOf(page, "A002").waitFor();
    await page.getByRole("button", { name: "7인 이상" }).click();
    await page.getByTestId("call-next").getByText("맞는 팀이 없어요").waitFor();
    await until("the server's no comes in words", async () => {
      await page.getByTestId("call-next").click();
      return /대기 중인 팀이 없어요/.test(await page.getByTestId("toast").innerText());
    });
    await page.getByRole("group", { name: "보여 줄 줄" }).getByRole("button", { name: /테라스/ }).click();
    await lists(page, "line-row", ["B001"]);
    await page.getByRole("button", { name: "모두" }).click();
    await page.getByTestId("call-next").getByText(/B001/).waitFor();
    await device.close();
  });

  test("no answer: the same key again, called once, and the page says so", async () => {
    const shop = await openShop();
    await shop.crowd(2);
    const { device, page } = await openConsole(shop, { expected: /Failed to load resource/ });
    /** @type {string[]} */
    const keys = [];
    await page.route("**/call-next", async (route) => {
      keys.push(route.request().headers()["idempotency-key"]);
      if (keys.length > 2) return route.continue();
      if (keys.length === 1) await route.fetch();
      return route.abort();
    });
    await page.getByTestId("call-next").click();
    await says(page, /다시 확인하고 있어요/);
    await page.getByTestId("hero").filter({ hasText: "A001" }).waitFor();
    assert.equal(keys.length, 3);
    assert.equal(new Set(keys).size, 1);
    await lists(page, "called-card", ["A001"]);
    await device.close();
  });

  test("calling out of turn asks why, and tells those who are passed", async () => {
    const shop = await openShop();
    const [first] = await shop.crowd(3);
    const { device, page } = await openConsole(shop);
    await take(page, "A003", "call");
    await page.getByTestId("reason-accessibility").click();
    await cardOf(page, "A003").waitFor();
    await until("the first was told", async () => (await ticketOf(shop, first.id)).overtaken === 1);
    await rowOf(page, "A001").getByText("1팀 먼저 입장").waitFor();
    await device.close();
  });
});

describe("acts on a party", () => {
  test("called: again, missed, put back, seated, completed; and back from each", async () => {
    const shop = await openShop();
    await shop.crowd(6);
    for (let n = 0; n < 4; n += 1) await shop.callNext();
    const { device, page } = await openConsole(shop);
    const press = (/** @type {string} */ number, /** @type {RegExp} */ name) => cardOf(page, number).getByRole("button", { name }).click();
    await press("A001", /다시 호출/);
    await says(page, /A001 다시 호출했어요/);
    await cardOf(page, "A001").getByText("1번 남음").waitFor();
    await press("A001", /입장$/);
    await says(page, /A001 입장했어요/);
    await press("A002", /: 미도착/);
    await says(page, /A002 미도착/);
    await press("A003", /뒤로/);
    await page.getByTestId("places-do").click();
    await lists(page, "line-row", ["A005", "A003", "A006"]);
    await lists(page, "called-card", ["A004"]);
    await lists(page, "seat", ["A001"]);
    await page.locator("[data-testid=seat][data-number=A001]").getByRole("button", { name: /이용 완료/ }).click();
    await page.getByRole("button", { name: /끝남 1/ }).click();
    await lists(page, "line-row", ["A001"]);
    await take(page, "A001", "undo");
    await lists(page, "seat", ["A001"]);
    await page.getByRole("button", { name: /미도착 1/ }).click();
    await take(page, "A002", "restore");
    await page.getByRole("button", { name: /대기 4/ }).click();
    await lists(page, "line-row", ["A002", "A005", "A003", "A006"]);
    await device.close();
  });

  test("waiting: seat, edit, note, the guest's page, cancel with a reason", async () => {
    const shop = await openShop();
    const [first, second, third] = await shop.crowd(3);
    const { device, page } = await openConsole(shop);
    await take(page, "A001", "seat");
    await lists(page, "seat", ["A001"]);
    assert.equal((await ticketOf(shop, first.id)).state, "seated");
    await take(page, "A002", "edit");
    const dialog = page.getByRole("dialog");
    await dialog.getByRole("button", { name: /아이 늘리기/ }).click();
    await dialog.getByLabel(/이름/).fill("김하늘");
    await dialog.getByRole("button", { name: "B 테라스" }).click();
    await dialog.getByRole("button", { name: "저장" }).click();
    await says(page, /A002 정보를 바꿨어요/);
    const edited = await ticketOf(shop, second.id);
    assert.deepEqual([edited.children, edited.name, edited.line], [1, "김하늘", "B"]);
    await take(page, "A002", "note");
    await dialog.getByLabel("메모").fill("창가");
    await dialog.getByRole("button", { name: "저장" }).click();
    await rowOf(page, "A002").getByText("창가").waitFor();
    await take(page, "A003", "handover");
    const url = await page.getByRole("link", { name: "손님 화면 열기" }).getAttribute("href");
    assert.ok(url?.endsWith(`/t/${third.id}`));
    await page.getByRole("img", { name: /A003/ }).waitFor();
    await page.keyboard.press("Escape");
    await take(page, "A003", "cancel");
    await dialog.getByLabel(/이유/).fill("손님 요청");
    await page.getByTestId("cancel-do").click();
    await lists(page, "line-row", ["A002"]);
    assert.equal((await ticketOf(shop, third.id)).ended.reason, "손님 요청");
    await device.close();
  });

  test("a party is added with a note, and handed its number, code and page", async () => {
    const shop = await openShop();
    const { device, page } = await openConsole(shop, { expected: /409/ });
    await page.getByText("기다리는 팀이 없어요").waitFor();
    await page.getByTestId("add").click();
    const dialog = page.getByRole("dialog");
    for (let n = 0; n < 9; n += 1) await dialog.getByRole("button", { name: /어른 늘리기/ }).click();
    await dialog.getByLabel("메모").fill("휠체어");
    await dialog.getByLabel(/전화번호/).fill("010-1234-5678");
    await dialog.getByText("주문", { exact: true }).click();
    await dialog.getByRole("button", { name: /갈비찜 늘리기/ }).click();
    await page.getByTestId("add-do").click();
    await page.getByTestId("sheet-added").waitFor();
    assert.equal(await page.getByTestId("number").innerText(), "A001");
    assert.match(await page.getByTestId("code").innerText(), /^\d{4}$/);
    await page.getByRole("img", { name: /A001/ }).waitFor();
    await page.keyboard.press("Escape");
    for (const words of ["11명", "휠체어", "5678", "주문 1"]) await rowOf(page, "A001").getByText(words).waitFor();
    await page.getByTestId("add").click();
    await dialog.getByLabel(/전화번호/).fill("010-1234-5678");
    await page.getByTestId("add-do").click();
    await dialog.getByText(/이미 대기 중/).waitFor();
    await device.close();
  });

  test("add a party at a place: the head, behind others, the end", async () => {
    const shop = await openShop();
    const { device, page } = await openConsole(shop);
    const dialog = page.getByRole("dialog");
    await page.getByTestId("add").click();
    await dialog.waitFor();
    assert.equal(await page.getByTestId("place").count(), 0, "nobody waits: there is one place");
    await page.keyboard.press("Escape");
    await shop.crowd(3);
    await lists(page, "line-row", ["A001", "A002", "A003"]);
    /** @param {string} choice @param {RegExp} [words] @param {number} [more] */
    const addAt = async (choice, words, more = 0) => {
      await page.getByTestId("add").click();
      await dialog.getByRole("button", { name: choice, exact: true }).click();
      for (let n = 0; n < more; n += 1) await dialog.getByRole("button", { name: "앞에 둘 팀 늘리기" }).click();
      if (words) await page.getByTestId("place-words").filter({ hasText: words }).waitFor();
      await page.getByTestId("add-do").click();
      await page.getByTestId("sheet-added").waitFor();
      await page.keyboard.press("Escape");
    };
    await addAt("맨 앞", /A001보다 먼저/);
    await lists(page, "line-row", ["A004", "A001", "A002", "A003"]);
    await addAt("중간", /A002 바로 뒤/, 2);
    await lists(page, "line-row", ["A004", "A001", "A002", "A005", "A003"]);
    await addAt("맨 뒤");
    await lists(page, "line-row", ["A004", "A001", "A002", "A005", "A003", "A006"]);
    await device.close();
  });

  test("that the line was rebuilt is said, until it has been read on this device", async () => {
    const shop = await openShop();
    await shop.crowd(1);
    const { device, page } = await openConsole(shop);
    assert.equal(await page.getByTestId("rebuilt").count(), 0);
    await shop.sayRebuilt(Date.now() - 60_000);
    await page.getByTestId("rebuilt").getByText(/줄을 다시 불러왔어요/).waitFor();
    await page.getByTestId("rebuilt-seen").click();
    await page.getByTestId("rebuilt").waitFor({ state: "detached" });
    await page.reload();
    await rowOf(page, "A001").waitFor();
    assert.equal(await page.getByTestId("rebuilt").count(), 0, "it stays read");
    const other = await openConsole(shop);
    await other.page.getByTestId("rebuilt").waitFor();
    await other.device.close();
    await shop.sayRebuilt();
    await page.getByTestId("rebuilt").waitFor();
    await device.close();
  });

  test("refusals come in words: no calls left, already final", async () => {
    const shop = await openShop();
    const [first] = await shop.crowd(1);
    await shop.callNext();
    const { device, page } = await openConsole(shop, { expected: /409/ });
    for (const left of ["1번 남음", "더는 못 해요"]) {
      await cardOf(page, "A001").getByRole("button", { name: /다시 호출/ }).click();
      await cardOf(page, "A001").getByText(left).waitFor();
    }
    await cardOf(page, "A001").getByRole("button", { name: /다시 호출/ }).click();
    await says(page, /A001: 더 다시 호출할 수 없어요/);
    await cardOf(page, "A001").locator("[data-ticket]").click();
    await page.getByTestId("do-cancel").click();
    await shop.act(first.id, "cancel");
    await page.getByTestId("cancel-do").click();
    await page.getByRole("dialog").getByText(/이미 끝난 번호/).waitFor();
    await device.close();
  });
});

describe("undo", () => {
  test("takes back what this device did last, one after the other, also after a reload", async () => {
    const shop = await openShop();
    await shop.crowd(2);
    const { device, page } = await openConsole(shop);
    await page.getByTestId("call-next").click();
    await cardOf(page, "A001").getByRole("button", { name: /입장$/ }).click();
    await page.getByTestId("undo").getByText("A001 입장 되돌리기").waitFor();
    await take(page, "A002", "cancel");
    await page.getByTestId("cancel-do").click();
    await page.getByTestId("undo").getByText("A002 취소 되돌리기").waitFor();
    await page.reload();
    await page.getByTestId("undo").getByText("A002 취소 되돌리기").click();
    await says(page, /A002 되돌렸어요/);
    await rowOf(page, "A002").waitFor();
    await page.getByTestId("undo").getByText("A001 입장 되돌리기").waitFor();
    await page.keyboard.press("u");
    await cardOf(page, "A001").waitFor();
    await device.close();
  });

  test("what somebody else has done since is not undone by surprise", async () => {
    const shop = await openShop();
    const [first] = await shop.crowd(1);
    const { device, page } = await openConsole(shop);
    await page.getByTestId("call-next").click();
    await page.getByTestId("undo").getByText("A001 호출 되돌리기").waitFor();
    await shop.act(first.id, "seat");
    await page.getByTestId("undo").getByText("되돌리기", { exact: true }).waitFor();
    assert.equal(await page.getByTestId("undo").getAttribute("aria-disabled"), "true");
    await page.keyboard.press("u");
    await says(page, /되돌릴 일이 없어요/);
    await device.close();
  });
});

describe("the restaurant", () => {
  test("paused for a time: guests are refused, the console counts down; direct; open again; one line", async () => {
    const shop = await openShop();
    const { device, page } = await openConsole(shop);
    const dialog = page.getByRole("dialog");
    const choose = async (/** @type {RegExp} */ state, /** @type {string} */ minutes = "") => {
      await page.getByTestId("opening").click();
      await dialog.getByRole("button", { name: state }).click();
      if (minutes) await dialog.getByRole("button", { name: minutes, exact: true }).click();
      await page.getByTestId("opening-do").click();
      await page.locator("dialog").waitFor({ state: "detached" });
    };
    await choose(/^접수 중지/, "10분");
    await page.getByTestId("opening").getByText(/접수 중지 (10:00|9:\d\d)/).waitFor();
    await assert.rejects(shop.join(), /paused/);
    await choose(/^바로 입장/);
    await assert.rejects(shop.join(), /direct/);
    await choose(/^접수 중(?!지)/);
    await page.getByTestId("opening").getByText("접수 중", { exact: true }).waitFor();
    await shop.join();
    await page.getByTestId("opening").click();
    await dialog.getByRole("button", { name: "B 테라스" }).click();
    await dialog.getByRole("button", { name: /^접수 마감/ }).click();
    await dialog.getByLabel(/이유/).fill("비가 와요");
    await page.getByTestId("opening-do").click();
    await page.getByTestId("opening").getByText("B 접수 마감").waitFor();
    await assert.rejects(shop.join({ line: "B" }), /line_closed/);
    assert.equal((await shop.get("/board")).lines[1].reason, "비가 와요");
    await device.close();
  });

  test("an announcement reaches the board, and is taken down", async () => {
    const shop = await openShop();
    const { device, page } = await openConsole(shop);
    await page.getByTestId("announce").click();
    await page.getByLabel("내용").fill("주방이 조금 늦어요");
    await page.getByRole("button", { name: "30분", exact: true }).click();
    await page.getByTestId("announce-do").click();
    await page.locator(".notice.said").getByText("주방이 조금 늦어요").waitFor();
    const { announcement, at } = await shop.get("/board");
    assert.equal(announcement.text, "주방이 조금 늦어요");
    assert.ok(Math.abs(announcement.until - at - 30 * 60_000) < 60_000);
    await page.getByTestId("announce").click();
    await page.getByTestId("announce-clear").click();
    await until("it is gone", async () => (await shop.get("/board")).announcement === null);
    await device.close();
  });

  test("stock: steps add up and reach the menu; sold out, set, not counted", async () => {
    const shop = await openShop();
    const { device, page } = await openConsole(shop);
    const left = async (/** @type {string} */ id) =>
      (await shop.get("/menu")).items.find((/** @type {any} */ item) => item.id === id).left;
    await page.getByTestId("stock").click();
    const stew = page.getByTestId("dish-stew");
    await stew.getByTestId("by-5").click();
    await stew.getByTestId("by1").click();
    await stew.getByTestId("by1").click();
    await stew.getByTestId("left").getByText("47개 남음").waitFor();
    assert.equal(await left("stew"), 47);
    await stew.getByTestId("none-left").click();
    await stew.getByTestId("left").getByText("품절").waitFor();
    assert.equal(await left("stew"), 0);
    assert.equal(await stew.getByTestId("by-1").getAttribute("aria-disabled"), "true");
    await stew.getByRole("spinbutton").fill("12");
    await stew.getByRole("button", { name: "정하기" }).click();
    await stew.getByTestId("left").getByText("12개 남음").waitFor();
    await stew.getByTestId("uncount").click();
    await stew.getByTestId("left").getByText("세지 않음").waitFor();
    assert.equal(await left("stew"), null);
    await device.close();
  });
});

test("search by number, name and last digits selects the row", async () => {
  const shop = await openShop();
  await shop.crowd(3);
  await shop.join({ name: "이서준", phone: "010-9999-4321" });
  const { device, page } = await openConsole(shop);
  await page.keyboard.press("/");
  for (const [text, number] of [["a2", "A002"], ["서준", "A004"], ["4321", "A004"], ["3", "A003"]]) {
    await page.getByRole("searchbox").fill(text);
    await page.locator(`[data-testid=line-row][data-number=${number}] [aria-current=true]`).waitFor();
    assert.equal((await numbersIn(page, "line-row"))[0], number, text);
  }
  await page.keyboard.press("Enter");
  await page.getByRole("dialog").getByText(/A003 · 대기 중/).waitFor();
  await device.close();
});

test("the keyboard alone: call, seat, call chosen, call again, put back, add, help, undo", async () => {
  const shop = await openShop();
  await shop.crowd(5);
  const { device, page } = await openConsole(shop);
  const press = (/** @type {string} */ key) => page.keyboard.press(key);
  await press("Space");
  await cardOf(page, "A001").locator("[aria-current=true]").waitFor();
  await press("s");
  await lists(page, "seat", ["A001"]);
  await press("ArrowLeft");
  await press("ArrowDown");
  await rowOf(page, "A003").locator(":focus").waitFor();
  await press("c");
  await page.getByTestId("reason-table_fit").focus();
  await press("Enter");
  await cardOf(page, "A003").locator("[aria-current=true]").waitFor();
  await press("c");
  await says(page, /A003: 지금은 ‘호출됨’ 상태라/);
  await press("r");
  await cardOf(page, "A003").getByText("2번 호출").waitFor();
  await press("p");
  await page.getByTestId("places-do").focus();
  await press("Enter");
  await lists(page, "line-row", ["A002", "A004", "A003", "A005"]);
  await page.locator("dialog").waitFor({ state: "detached" });
  await press("Enter");
  await page.getByTestId("sheet-actions").waitFor();
  await press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  await press("a");
  await page.getByTestId("sheet-add").waitFor();
  await press("m");
  await press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  await press("?");
  await page.getByTestId("sheet-help").getByText("다음 호출").waitFor();
  await press("Escape");
  await page.locator("dialog").waitFor({ state: "detached" });
  await press("u");
  await cardOf(page, "A003").waitFor();
  await page.getByLabel("입장 위치").focus();
  await page.keyboard.type("sum a");
  assert.equal(await page.getByLabel("입장 위치").inputValue(), "sum a", "letters in a field are letters");
  assert.deepEqual(await numbersIn(page, "called-card"), ["A003"]);
  await device.close();
});

test("the focus stays with its row while the line moves under it, and comes back when a sheet closes", async () => {
  const shop = await openShop();
  const [first] = await shop.crowd(4);
  const { device, page } = await openConsole(shop);
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("ArrowDown");
  await rowOf(page, "A002").locator(":focus").waitFor();
  await shop.callNext();
  await shop.act(first.id, "put-back", { places: 2 });
  await lists(page, "line-row", ["A002", "A003", "A001", "A004"]);
  await rowOf(page, "A002").locator(":focus").waitFor();
  await page.keyboard.press("Enter");
  await page.getByTestId("sheet-actions").waitFor();
  await page.keyboard.press("Escape");
  await rowOf(page, "A002").locator(":focus").waitFor();
  await shop.callNext();
  await cardOf(page, "A002").locator(":focus").waitFor();
  await device.close();
});

test("two consoles stay in step through a random series of acts on both", async () => {
  const shop = await openShop();
  await shop.crowd(10);
  const expected = /409/;
  const one = await openConsole(shop, { expected });
  const other = await openConsole(shop, { expected });
  let seed = 7;
  const random = (/** @type {number} */ n) => (seed = (seed * 16_807) % 2_147_483_647) % n;
  const acts = [
    (/** @type {Page} */ page) => page.getByTestId("call-next"),
    (/** @type {Page} */ page) => page.getByTestId("called-card").first().getByRole("button", { name: /입장$/ }),
    (/** @type {Page} */ page) => page.getByTestId("called-card").last().getByRole("button", { name: /: 미도착/ }),
    (/** @type {Page} */ page) => page.getByTestId("seat").first().getByRole("button", { name: /이용 완료/ }),
    (/** @type {Page} */ page) => page.getByTestId("undo"),
  ];
  for (let step = 0; step < 40; step += 1) {
    if (random(4) === 0) await shop.join({ adults: 1 + random(4) });
    const button = acts[random(acts.length)]([one, other][random(2)].page);
    // What cannot be pressed just now is not pressed; what moves away under the finger is missed, as in life.
    if (await button.count()) await button.click({ force: true, timeout: 1_000 }).catch(() => {});
  }
  await until("both show the same, and what the server knows", async () => {
    const { tickets } = await shop.get("/queue");
    const state = (/** @type {string} */ wanted) => tickets.filter((/** @type {any} */ each) => each.state === wanted);
    const line = state("waiting").sort((/** @type {any} */ a, /** @type {any} */ b) => (a.order < b.order ? -1 : 1));
    const [mine, theirs] = [await shown(one.page), await shown(other.page)];
    const [rows, cards, seats] = JSON.parse(mine);
    return (
      mine === theirs &&
      rows.join() === line.map((/** @type {any} */ { number }) => number).join() &&
      cards.length === state("called").length &&
      seats.length === state("seated").length
    );
  });
  await one.device.close();
  await other.device.close();
});

describe("when things break", () => {
  test("a cut: buttons say so and send nothing; back again, all is right", async () => {
    const shop = await openShop();
    await shop.crowd(3);
    const { device, page } = await openConsole(shop, { expected: /ERR_INTERNET_DISCONNECTED|closed before the connection/ });
    await device.context.setOffline(true);
    await page.getByTestId("offline").waitFor();
    assert.equal(await page.getByTestId("call-next").getAttribute("aria-disabled"), "true");
    await page.getByTestId("call-next").click({ force: true });
    await page.keyboard.press("Space");
    await says(page, /아무것도 보내지 않았어요/);
    await shop.callNext();
    await device.context.setOffline(false);
    await cardOf(page, "A001").waitFor();
    await until("buttons work", async () => (await page.getByTestId("call-next").getAttribute("aria-disabled")) === null);
    await lists(page, "line-row", ["A002", "A003"]);
    await device.close();
  });

  test("signed out elsewhere: what is shown stays, greyed, with the way to sign in", async () => {
    const shop = await openShop();
    await shop.crowd(2);
    const { device, page } = await openConsole(shop, { expected: /401|404|HTTP Authentication|WebSocket/ });
    const elsewhere = await device.open(`/console/${shop.slug}`);
    await elsewhere.getByTestId("menu").click();
    await elsewhere.getByTestId("sign-out").click();
    await elsewhere.waitForURL(/sign-in/);
    const link = page.getByRole("alert").getByRole("link", { name: "로그인" });
    await link.waitFor();
    assert.equal(await link.getAttribute("href"), `/sign-in?next=${encodeURIComponent(`/console/${shop.slug}`)}`);
    assert.deepEqual(await numbersIn(page, "line-row"), ["A001", "A002"]);
    assert.equal(await page.getByTestId("call-next").getAttribute("aria-disabled"), "true");
    await device.signIn();
    await page.getByRole("button", { name: "다시 시도" }).click();
    await link.waitFor({ state: "detached" });
    await device.close();
  });

  test("not signed in, not staff, no such restaurant: each has its words", async () => {
    const shop = await openShop();
    const device = await openDevice(browser, { viewport: SCREENS.tablet, expected: /40[134]|HTTP Authentication|WebSocket/ });
    const page = await device.open(`/console/${shop.slug}`);
    await page.getByRole("heading", { name: "로그인이 필요해요" }).waitFor();
    const origin = new URL(page.url()).origin;
    const data = { email: "staff@demo.test", password: "waitless-demo" };
    await device.context.request.post(`${origin}/v1/auth/sign-in`, { data, headers: { origin } });
    await page.reload();
    await page.getByRole("heading", { name: "이 식당의 직원이 아니에요" }).waitFor();
    await page.goto(`${origin}/console/nowhere`);
    await page.getByRole("heading", { name: "찾을 수 없어요" }).waitFor();
    await device.close();
  });
});

test("hostile and endless names are text, and fit", async () => {
  const shop = await openShop({ name: "<img src=x onerror=alert(1)>" });
  await shop.crowd(1, { name: "W".repeat(60) });
  await shop.join({ name: "<script>alert(1)</script>" });
  await shop.join({ name: "W".repeat(60) });
  await shop.callNext();
  const { device, page } = await openConsole(shop, { viewport: SCREENS.phone });
  await page.getByText("<script>alert(1)</script>").waitFor();
  await page.getByRole("heading", { name: "<img src=x onerror=alert(1)>" }).waitFor();
  assert.equal(await page.locator("main script, header img").count(), 0);
  await fitsAcross(page);
  await device.close();
});

/** @param {Page} page */
async function fitsAcross(page) {
  const over = await page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  assert.ok(over <= 0, `${over} px too wide`);
}

test("500 parties: shown and acted on within bounds", async () => {
  const shop = await openShop();
  for (let n = 0; n < 10; n += 1) await Promise.all(Array.from({ length: 50 }, () => shop.join()));
  const { device, page } = await openConsole(shop);
  const timed = async (/** @type {string} */ what, /** @type {() => Promise<unknown>} */ act) => {
    const from = performance.now();
    await act();
    const ms = Math.round(performance.now() - from);
    console.log(`500 parties: ${what} in ${ms} ms`);
    assert.ok(ms <= BOUND_MS, `${what}: ${ms} ms`);
  };
  await timed("loaded and drawn", async () => {
    await page.reload();
    await page.getByTestId("line-row").nth(499).waitFor({ state: "attached" });
  });
  await page.locator("[data-testid=live-state][data-state=live]").waitFor();
  await timed("called next", async () => {
    await page.getByTestId("call-next").click();
    await page.getByTestId("called-card").waitFor();
  });
  await timed("searched", async () => {
    await page.getByRole("searchbox").fill("a499");
    await rowOf(page, "A499").waitFor();
  });
  await page.getByRole("searchbox").fill("");
  await timed("the last row opened", async () => {
    await page.getByTestId("line-row").last().getByRole("button").click();
    await page.getByTestId("sheet-actions").waitFor();
  });
  await device.close();
});

describe("how it looks", () => {
  for (const [name, viewport] of Object.entries({
    phone: SCREENS.phone,
    tablet: SCREENS.tablet,
    tv: SCREENS.tv,
    "tablet at 200 %": { width: 590, height: 410 },
    "phone at 320": SCREENS.narrow,
  })) {
    test(`${name}: nothing is cut, in either language`, async () => {
      const shop = await openShop();
      await shop.join({ name: "김하늘", phone: "010-1234-5678", adults: 3, children: 2 });
      await shop.join({ channel: "remote", items: [{ item: "stew", quantity: 2 }] });
      await shop.callNext();
      for (const lang of ["ko", "en"]) {
        const { device, page } = await openConsole(shop, { viewport, at: `?lang=${lang}` });
        await fitsAcross(page);
        await page.getByTestId("call-next").scrollIntoViewIfNeeded();
        const box = await page.getByTestId("call-next").boundingBox();
        assert.ok(box && box.height >= 48 && box.x >= 0 && box.x + box.width <= viewport.width);
        await page.getByTestId("stock").click();
        await page.getByTestId("sheet-stock").waitFor();
        await fitsAcross(page);
        await device.close();
      }
    });
  }

  test("the language is switched and kept, the sound muted and kept", async () => {
    const shop = await openShop();
    const { device, page } = await openConsole(shop);
    await page.getByTestId("sound").click();
    await page.getByTestId("menu").click();
    await page.getByRole("button", { name: "English" }).click();
    await page.getByRole("heading", { name: "More" }).waitFor();
    await page.reload();
    await page.getByTestId("call-next").getByText("Call next").waitFor();
    assert.equal(await page.getByTestId("sound").getAttribute("aria-pressed"), "false");
    assert.equal(await page.evaluate(() => document.documentElement.lang), "en");
    await device.close();
  });

  test("axe finds nothing: the page, each sheet, light and dark", async () => {
    const shop = await openShop();
    await shop.join({ name: "김하늘", phone: "010-1234-5678", adults: 3, children: 2, items: [{ item: "stew", quantity: 2 }] });
    await shop.crowd(4, { channel: "remote" });
    await shop.callNext();
    const { ticket } = await shop.callNext();
    await shop.act(ticket.id, "seat");
    await shop.put("/announcement", { text: "안내" });
    for (const colorScheme of /** @type {const} */ (["light", "dark"])) {
      const { device, page } = await openConsole(shop, { bypassCSP: true, colorScheme, reducedMotion: "reduce" });
      await check(page, `main ${colorScheme}`);
      for (const name of ["opening", "stock", "announce", "add", "menu"]) {
        await page.getByTestId(name).click();
        await page.getByTestId(`sheet-${name}`).waitFor();
        await check(page, `${name} ${colorScheme}`);
        await page.keyboard.press("Escape");
        await page.locator("dialog").waitFor({ state: "detached" });
      }
      await page.getByTestId("line-row").last().getByRole("button").click();
      await page.getByTestId("sheet-actions").waitFor();
      await check(page, `actions ${colorScheme}`);
      await page.getByTestId("do-call").click();
      await page.getByTestId("sheet-reason").waitFor();
      await check(page, `reason ${colorScheme}`);
      await device.close();
    }
  });
});

/** @param {Page} page @param {string} what */
async function check(page, what) {
  await page.evaluate(axeSource);
  const findings = await page.evaluate(async () => {
    const { violations } = await /** @type {any} */ (globalThis).axe.run(document);
    return violations.map((/** @type {any} */ { id, nodes }) => `${id}: ${nodes.map((/** @type {any} */ node) => node.target).join(" ")}`);
  });
  assert.deepEqual(findings, [], what);
}
