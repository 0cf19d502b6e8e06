/** The server dies and comes back: every page says so, greys what it shows, and is right again. */
import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { openBrowser, openDevice, openShop, SCREENS, startServer, until } from "../harness.js";

/** @import { Browser } from "playwright-core" */

/** @type {Browser} */
let browser;
/** @type {Awaited<ReturnType<typeof startServer>>} */
let server;
before(async () => {
  server = await startServer();
  process.env.WAITLESS_TEST_URL = server.url;
  process.env.WAITLESS_TEST_DATA = server.data;
  browser = await openBrowser();
});
after(async () => {
  await browser?.close();
  await server?.stop();
});

test("a server that is killed is back on every page, and nothing old is shown as new", async () => {
  const shop = await openShop();
  const [first, second] = await shop.crowd(2);
  // A connection that breaks is told in the console by the browser itself.
  const device = await openDevice(browser, { viewport: SCREENS.tablet, expected: /WebSocket|ERR_|Failed to load/ });
  await device.signIn();
  const paths = [`/kiosk/${shop.slug}`, `/board/${shop.slug}`, `/t/${second.id}`, `/console/${shop.slug}`];
  const pages = await Promise.all(paths.map((path) => device.open(path)));
  const states = () => Promise.all(pages.map((page) => page.getByTestId("live-state").getAttribute("data-state")));
  await until("all are live", async () => (await states()).every((state) => state === "live"));

  const pid = Number(await readFile(join(server.data, "server.pid"), "utf8"));
  process.kill(pid, "SIGSTOP");
  await until("all say that they are old", async () => (await states()).every((state) => state === "old"));
  process.kill(pid, "SIGKILL");
  await until("all are live again", async () => (await states()).every((state) => state === "live"));
  await shop.act(first.id, "cancel");
  const phone = pages[2];
  await until("the phone is next", async () => (await phone.getByTestId("ahead").innerText()) === "다음 순서예요");
  const [, board, , console] = pages;
  await until("one row", async () => (await console.getByTestId("line-row").count()) === 1);
  await until("the board shows one", async () => !(await board.locator("body").innerText()).includes(first.number));
  assert.equal((await shop.get("/queue")).tickets.filter((/** @type {{ state: string }} */ t) => t.state === "waiting").length, 1);
  await device.close();
});
