/** What one page does, the others show: the main path from the kiosk to the table, across all four. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openBrowser, openDevice, openShop, SCREENS, until } from "../harness.js";

/** @import { Browser, Page } from "playwright-core" */

const HOSTILE = `<img src=x onerror="document.title='broken'">`;

/** @type {Browser} */
let browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

/** Notes every buzz of the phone. @param {Page} page */
function buzzes(page) {
  return page.evaluate(() => /** @type {any} */ (window).buzzes?.length ?? 0);
}

/** @param {Page} page */
function text(page) {
  return page.locator("body").innerText();
}

/**
 * The text of what is called on a board.
 *
 * @param {Page} board
 */
function calling(board) {
  return board.getByTestId("now-calling").innerText();
}

test("a number is taken at the kiosk, called at the console, shown on the board, and the phone rings", async () => {
  const shop = await openShop();
  const [kioskDevice, boardDevice, consoleDevice, phoneDevice] = await Promise.all([
    openDevice(browser, { viewport: SCREENS.portrait, hasTouch: true }),
    openDevice(browser, { viewport: SCREENS.tv }),
    openDevice(browser, { viewport: SCREENS.tablet }),
    openDevice(browser, { viewport: SCREENS.phone, hasTouch: true }),
  ]);
  await phoneDevice.context.addInitScript(() => {
    const record = /** @type {any} */ (window);
    record.buzzes = [];
    navigator.vibrate = (pattern) => record.buzzes.push(pattern) > 0;
  });
  await consoleDevice.signIn();
  const kiosk = await kioskDevice.open(`/kiosk/${shop.slug}`);
  const board = await boardDevice.open(`/board/${shop.slug}`);
  const staff = await consoleDevice.open(`/console/${shop.slug}`);

  // The kiosk: no more than three touches, no longer than ten seconds.
  await kiosk.getByTestId("join").waitFor();
  const answered = kiosk.waitForResponse((response) => /\/tickets$/.test(response.url()) && response.status() === 201);
  const began = Date.now();
  let touches = 0;
  const given = kiosk.getByTestId("number");
  const ready = kiosk.locator('[data-testid="join"]:not([aria-disabled="true"])');
  while (!(await given.isVisible())) {
    assert.ok(touches < 3, "three touches are enough");
    await ready.tap();
    touches += 1;
    await until("the next screen", async () => (await given.isVisible()) || ready.isVisible());
  }
  const tookMs = Date.now() - began;
  console.log(`a join at the kiosk: ${touches} touches, ${tookMs} ms`);
  assert.ok(tookMs <= 10_000);
  const number = (await kiosk.getByTestId("number").innerText()).trim();
  assert.match(number, /A001/);
  const { url } = await (await answered).json();

  // Everybody sees it.
  const phone = await phoneDevice.open(new URL(url).pathname);
  await until("the phone shows its place", async () => (await phone.getByTestId("ahead").innerText()) === "다음 순서예요");
  assert.equal((await phone.getByTestId("number").innerText()).trim(), "A001");
  await until("the console has its row", async () => (await staff.getByTestId("line-row").count()) === 1);
  await until("the board has it next", async () => (await text(board)).includes("A001"));

  // The call.
  await phone.locator("body").tap({ position: { x: 5, y: 5 } });
  assert.equal(await buzzes(phone), 0);
  await staff.getByTestId("call-next").click();
  await until("the phone is called", async () => (await text(phone)).includes("지금 입장해 주세요"));
  await until("the phone buzzes", async () => (await buzzes(phone)) > 0);
  await until("the board calls it", async () => (await calling(board)).includes("A001"));
  assert.match(await phone.title(), /A001/);

  // The wrong button, undone, then in.
  await staff.getByTestId("undo").click();
  await until("the phone waits again", async () => !(await text(phone)).includes("지금 입장해 주세요"));
  await until("the board calls nobody", async () => !(await calling(board)).includes("A001"));
  const [ticket] = (await shop.get("/queue")).tickets;
  assert.equal(ticket.state, "waiting");
  await shop.callNext();
  await until("called again", async () => (await text(phone)).includes("지금 입장해 주세요"));
  await shop.act(ticket.id, "seat");
  await until("the phone is done", async () => !(await text(phone)).includes("지금 입장해 주세요"));
  await until("the board is free", async () => !(await calling(board)).includes("A001"));

  await Promise.all([kioskDevice, boardDevice, consoleDevice, phoneDevice].map((device) => device.close()));
});

test("a guest at home joins, lets others go first, cancels, and staff see each step", async () => {
  const shop = await openShop();
  const [first] = await shop.crowd(1);
  const guestDevice = await openDevice(browser, { hasTouch: true });
  const staffDevice = await openDevice(browser, { viewport: SCREENS.tablet });
  await staffDevice.signIn();
  const staff = await staffDevice.open(`/console/${shop.slug}`);
  const guest = await guestDevice.open(`/?r=${shop.slug}`);
  await guest.getByTestId("join").tap();
  await guest.waitForURL(/\/t\//);
  await until("one ahead", async () => (await guest.getByTestId("ahead").innerText()).includes("앞에 1팀"));
  await until("two rows", async () => (await staff.getByTestId("line-row").count()) === 2);
  const queue = await shop.get("/queue");
  const mine = queue.tickets.find((/** @type {{ id: string }} */ ticket) => ticket.id !== first.id);
  assert.equal(mine.channel, "remote");
  await shop.act(first.id, "cancel");
  await until("next", async () => (await guest.getByTestId("ahead").innerText()) === "다음 순서예요");
  await until("one row", async () => (await staff.getByTestId("line-row").count()) === 1);
  await Promise.all([guestDevice.close(), staffDevice.close()]);
});

test("names are text, whatever they contain, on every page", async () => {
  const name = HOSTILE.slice(0, 100);
  const shop = await openShop({
    name,
    lines: { A: name, B: '"><svg onload=alert(1)>' },
    menu: [{ id: "stew", name, price: 1_000, stock: 5 }],
  });
  const ticket = await shop.join({ items: [{ item: "stew", quantity: 1 }] });
  await shop.act(ticket.id, "call", { to: "<b>문</b>" });
  await shop.put("/announcement", { text: `${HOSTILE} 안내` });
  await shop.join();
  const device = await openDevice(browser, { viewport: SCREENS.tablet });
  await device.signIn();
  const paths = ["/", `/?r=${shop.slug}`, `/kiosk/${shop.slug}`, `/board/${shop.slug}`, `/t/${ticket.id}`, `/console/${shop.slug}`];
  for (const path of paths) {
    const page = await device.open(path);
    page.on("dialog", () => assert.fail(`${path} opened a dialog`));
    await until(`${path} shows it as text`, async () => (await text(page)).includes("onerror"));
    assert.equal(await page.locator("img[src=x], svg[onload]").count(), 0, path);
    assert.notEqual(await page.title(), "broken", path);
    await page.close();
  }
  await device.close();
});
