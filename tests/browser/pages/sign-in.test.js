/** Signing in and out, and where it leads. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { base, openBrowser, openDevice, openShop, SCREENS, until } from "../harness.js";
import { findings } from "../axe.js";

/** @import { Browser, Page } from "playwright-core" */

const PASSWORD = "waitless-demo";

/** @type {Browser} */
let browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

/** @param {Page} page @param {string} email @param {string} [password] */
async function signIn(page, email, password = PASSWORD) {
  await page.getByLabel("이메일").fill(email);
  await page.getByLabel("비밀번호", { exact: true }).fill(password);
  await page.getByLabel("비밀번호", { exact: true }).press("Enter");
}

test("staff of one restaurant come to its console", async () => {
  const device = await openDevice(browser, { viewport: SCREENS.tablet, expected: /./ });
  const page = await device.open("/sign-in");
  await signIn(page, "staff@demo.test");
  await page.waitForURL("**/console/demo");
  const [cookie] = await device.context.cookies();
  assert.deepEqual([cookie.name, cookie.httpOnly, cookie.sameSite], ["wl_session", true, "Strict"]);
  await device.close();
});

test("whoever works in several chooses", async () => {
  const shop = await openShop({ name: "둘째 집" });
  const device = await openDevice(browser, { expected: /./ });
  const page = await device.open("/sign-in");
  await signIn(page, "admin@demo.test");
  await page.getByRole("heading", { name: "어느 매장으로 갈까요?" }).waitFor();
  const link = page.getByRole("link", { name: shop.name }).and(page.locator(`[href$="${shop.slug}"]`));
  assert.equal(await link.getAttribute("href"), `/console/${shop.slug}`);
  await device.close();
});

test("after signing in only a path of ours is followed", async () => {
  const away = [
    "https://evil.example/",
    "//evil.example/",
    "/\\evil.example",
    "\\\\evil.example",
    "/\t/evil.example",
    "/..//evil.example",
    "javascript:alert(1)",
    "evil.example",
  ];
  const device = await openDevice(browser, { expected: /./ });
  const page = await device.open("/sign-in?next=/board/demo%3Flang%3Den");
  await signIn(page, "staff@demo.test");
  await page.waitForURL("**/board/demo?lang=en");
  for (const next of away) {
    await device.context.clearCookies();
    await page.goto(`${base()}/sign-in?next=${encodeURIComponent(next)}`);
    await page.evaluate(() => localStorage.clear());
    await signIn(page, "staff@demo.test");
    await until(next, () => new URL(page.url()).pathname !== "/sign-in");
    assert.equal(new URL(page.url()).origin, base(), next);
  }
  await device.close();
});

test("wrong, empty, too often, no connection: in words", async () => {
  const device = await openDevice(browser, { expected: /401|429|ERR_|Failed to load/ });
  const page = await device.open("/sign-in");
  const problem = page.getByTestId("problem");
  await page.getByRole("button", { name: "로그인" }).click();
  await problem.getByText("모두 입력해 주세요").waitFor();
  await signIn(page, "staff@demo.test", "wrong-password");
  await problem.getByText("맞지 않아요").waitFor();
  assert.equal(await page.getByLabel("이메일").inputValue(), "staff@demo.test", "what was typed stays");

  await page.route("**/v1/auth/sign-in", (route) =>
    route.fulfill({
      status: 429,
      headers: { "retry-after": "2", "content-type": "application/problem+json" },
      body: JSON.stringify({ status: 429, code: "too_many_requests" }),
    }),
  );
  await signIn(page, "staff@demo.test");
  await problem.getByText("여러 번 시도하셨어요").waitFor();
  assert.match(await page.getByTestId("countdown").innerText(), /[12]초 뒤에/);
  const button = page.getByRole("button", { name: "로그인" });
  assert.equal(await button.getAttribute("aria-disabled"), "true");
  await page.getByTestId("countdown").waitFor({ state: "detached" });
  assert.equal(await button.getAttribute("aria-disabled"), "false");

  await page.unroute("**/v1/auth/sign-in");
  await device.context.setOffline(true);
  await signIn(page, "staff@demo.test");
  await problem.getByText("연결되지 않았어요").waitFor();
  await device.close();
});

test("signed in already: on, or out", async () => {
  const device = await openDevice(browser, { expected: /./ });
  await device.signIn();
  const page = await device.open("/sign-in?next=/console/demo");
  await page.getByRole("heading", { name: "이미 로그인되어 있어요" }).waitFor();
  assert.equal(await page.getByRole("link", { name: "계속하기" }).getAttribute("href"), "/console/demo");
  await page.getByRole("button", { name: "로그아웃" }).click();
  await page.getByText("로그아웃했어요").waitFor();
  assert.deepEqual(await device.context.cookies(), []);

  await device.signIn();
  await page.goto(`${base()}/sign-in?out`);
  await page.getByText("로그아웃했어요").waitFor();
  assert.deepEqual(await device.context.cookies(), []);
  assert.equal(new URL(page.url()).search, "", "a reload does not sign out again");
  await device.close();
});

test("password managers, screen readers, narrow screens", async () => {
  const device = await openDevice(browser, { bypassCSP: true, viewport: SCREENS.narrow });
  for (const lang of ["ko", "en"]) {
    const page = await device.open(`/sign-in?lang=${lang}`);
    const [email, password] = [page.locator("#email"), page.locator("#password")];
    await email.waitFor();
    assert.equal(await email.getAttribute("autocomplete"), "username");
    assert.equal(await password.getAttribute("autocomplete"), "current-password");
    await page.keyboard.press("Tab");
    await page.keyboard.type("a@b.kr");
    assert.equal(await email.inputValue(), "a@b.kr", "the first stop is the e-mail");
    await page.getByRole("button", { name: lang === "ko" ? "비밀번호 보기" : "Show password" }).click();
    assert.equal(await password.getAttribute("type"), "text");
    assert.equal(await page.evaluate(() => document.documentElement.scrollWidth > innerWidth), false);
    assert.deepEqual(await findings(page), []);
    await page.close();
  }
  await device.close();
});
