/** The board, in a real browser on a real server: what is seen, what is heard, what stays hidden. */
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { openBrowser, openDevice, openShop, SCREENS, until } from "../harness.js";
import { findings } from "../axe.js";

/**
 * @import { Browser, Page } from "playwright-core"
 */

/** @type {Browser} */
let browser;
before(async () => {
  browser = await openBrowser();
});
after(() => browser.close());

/**
 * Replaces what sounds by something that notes what was asked of it, and ends only when told to.
 *
 * @param {Page} page
 * @param {{ languages?: string[] }} [options]
 */
async function withEars(page, { languages = ["ko-KR"] } = {}) {
  await page.addInitScript((languages) => {
    /** @type {{ kind: string, text: string, over: boolean, end: () => void }[]} */
    const heard = [];
    /** @type {any} */ (window).heard = heard;
    class Note {
      frequency = { value: 0 };
      /** @type {() => void} */
      onended = () => {};
      connect() {
        return { connect() {} };
      }
      /** @param {number} at */
      start(at) {
        // Two notes make one chime: the first begins now, the second ends with it.
        if (at === 0) heard.push({ kind: "chime", text: "", over: false, end: () => {} });
        const chime = heard[heard.length - 1];
        const before = chime.end;
        chime.end = () => {
          before();
          chime.over = true;
          this.onended();
        };
      }
      stop() {}
    }
    const gain = { setValueAtTime() {}, linearRampToValueAtTime() {}, exponentialRampToValueAtTime() {} };
    Object.defineProperty(window, "AudioContext", {
      value: class {
        state = "running";
        destination = {};
        currentTime = 0;
        async resume() {}
        createOscillator() {
          return new Note();
        }
        createGain() {
          return { gain, connect() {} };
        }
      },
    });
    Object.defineProperty(window, "SpeechSynthesisUtterance", {
      value: class {
        /** @param {string} text */
        constructor(text) {
          this.text = text;
        }
      },
    });
    Object.defineProperty(window, "speechSynthesis", {
      value: {
        getVoices: () => [
          { lang: "ko-KR", localService: false, default: true, name: "far away" },
          ...languages.map((lang) => ({ lang, localService: true, default: false, name: lang })),
        ],
        addEventListener() {},
        cancel() {},
        /** @param {any} utterance */
        speak(utterance) {
          const said = { kind: utterance.voice.name, text: utterance.text, over: false, end: () => {} };
          said.end = () => {
            said.over = true;
            utterance.onend();
          };
          heard.push(said);
        },
      },
    });
  }, languages);
}

/** What was heard so far. @param {Page} page @returns {Promise<{ kind: string, text: string, over: boolean }[]>} */
function heard(page) {
  return page.evaluate(() =>
    /** @type {any} */ (window).heard.map((/** @type {any} */ { kind, text, over }) => ({ kind, text, over })),
  );
}

/** The last sound ends. @param {Page} page */
function itEnds(page) {
  return page.evaluate(() => /** @type {any} */ (window).heard.at(-1).end());
}

/** Waits for the n-th sound, answers its text, `chime` for a chime. @param {Page} page @param {number} n */
async function sound(page, n) {
  const all = await until(`${n} sounds`, async () => {
    const sounds = await heard(page);
    return sounds.length >= n ? sounds : null;
  });
  assert.equal(all.length, n, JSON.stringify(all));
  assert.ok(
    all.slice(0, -1).every(({ over }) => over),
    "a sound began before the one before it had ended",
  );
  return all[n - 1].text || all[n - 1].kind;
}

/** @param {Page} page */
function board(page) {
  return {
    numbers: () => page.getByTestId("now-calling").getByTestId("number").allTextContents(),
    others: () => page.getByTestId("other-call").allTextContents(),
    /** @param {string} part `recent` or `missed` */
    listed: async (part) => (await page.getByTestId(part).locator("li").allTextContents()).map((text) => text.trim().slice(0, 4)),
    /** @param {string} line */
    line: (line) => page.locator(`[data-testid=board-line][data-line=${line}]`),
  };
}

/**
 * @param {string} what
 * @param {() => Promise<unknown>} actual
 * @param {unknown} expected
 */
async function becomes(what, actual, expected) {
  /** @type {unknown} */
  let last;
  await until(what, async () => {
    last = await actual();
    return JSON.stringify(last) === JSON.stringify(expected);
  }).catch((error) => assert.deepEqual(last, expected, error.message));
}

test("calls, other calls, recent, missed, counts and next numbers", async () => {
  const shop = await openShop();
  const [, , , , gone, missed] = await shop.crowd(9);
  await shop.join({ line: "B", channel: "remote" });
  const device = await openDevice(browser, { viewport: SCREENS.tv });
  const page = await device.open(`/board/${shop.slug}`);
  const { numbers, others, listed, line } = board(page);
  await page.getByText("곧 불러드릴게요").waitFor();
  assert.match(await page.getByTestId("nobody").innerText(), /A001\s+A002\s+A003/);

  await shop.callNext("A", { to: "홀 입구" });
  await becomes("the first call", numbers, ["A001"]);
  assert.match(await page.getByTestId("call").innerText(), /홀 입구/);
  await shop.callNext("A");
  await shop.callNext("A");
  await shop.callNext("A");
  await becomes("the newest three large", numbers, ["A004", "A003", "A002"]);
  await becomes("the others in a row", others, ["A001"]);

  await shop.act(gone.id, "call", { reason: "other" });
  await shop.act(gone.id, "seat");
  await shop.act(missed.id, "call", { reason: "other" });
  await shop.act(missed.id, "no-show");
  await becomes("recent", () => listed("recent"), ["A005"]);
  await becomes("missed", () => listed("missed"), ["A006"]);
  assert.match(await page.getByTestId("recent").innerText(), /A005\s+\d+초 전/);
  await becomes("those who wait", () => line("A").getByTestId("waiting").innerText(), "대기 3팀");
  assert.match(await line("A").innerText(), /매장 3 · 원격 0[\s\S]*A007\s+A008\s+A009/);
  assert.match(await line("B").innerText(), /대기 1팀\s+매장 0 · 원격 1/);
  assert.equal(await page.title(), "대기 현황 · 시험 식당");
  await device.close();
});

test("announcements: chime, then words, one after the other, each once", async () => {
  const shop = await openShop();
  await shop.crowd(6);
  await shop.callNext();
  const device = await openDevice(browser, { viewport: SCREENS.tv });
  const page = await device.context.newPage();
  await withEars(page);
  await page.goto(`${process.env.WAITLESS_TEST_URL}/board/${shop.slug}`);
  const { numbers } = board(page);
  await becomes("what was called before", numbers, ["A001"]);
  await page.getByRole("button", { name: "소리 켜기" }).click();
  await page.getByRole("button", { name: "소리 켜짐" }).waitFor();

  const second = await shop.callNext("A", { to: "4번 테이블" });
  await shop.callNext("A");
  assert.equal(await sound(page, 1), "chime", "what was called before is not announced");
  await becomes("both on the board", numbers, ["A003", "A002", "A001"]);
  await itEnds(page);
  assert.equal(await sound(page, 2), "A 2번 손님, 4번 테이블로 와 주세요.");
  await itEnds(page);
  assert.equal(await sound(page, 3), "chime");
  await itEnds(page);
  assert.equal(await sound(page, 4), "A 3번 손님, 홀 입구로 와 주세요.");

  // While it speaks: one is called again, another is called and seated at once.
  await shop.act(second.ticket.id, "recall");
  const fourth = await shop.callNext("A");
  await becomes("the fourth", async () => (await numbers())[0], "A004");
  await shop.act(fourth.ticket.id, "seat");
  await becomes("seated", numbers, ["A002", "A003", "A001"]);
  await page.getByText("다시 호출", { exact: true }).waitFor();
  await itEnds(page);
  assert.equal(await sound(page, 5), "chime");
  await itEnds(page);
  assert.equal(await sound(page, 6), "A 2번 손님, 4번 테이블로 와 주세요.");
  await itEnds(page);
  await shop.callNext("A");
  assert.equal(await sound(page, 7), "chime", "a call that was over is not announced");
  await itEnds(page);
  assert.equal(await sound(page, 8), "A 5번 손님, 홀 입구로 와 주세요.");

  // Muted: nothing more, and nothing later of what was called meanwhile.
  await page.getByRole("button", { name: "소리 켜짐" }).click();
  await page.getByRole("button", { name: "소리 꺼짐" }).waitFor();
  await itEnds(page);
  await shop.callNext("A");
  await becomes("the sixth", async () => (await numbers())[0], "A006");
  await page.getByRole("button", { name: "소리 꺼짐" }).click();
  await page.getByRole("button", { name: "소리 켜짐" }).waitFor();
  assert.equal((await heard(page)).length, 8);
  await device.close();
});

test("two languages are spoken; a voice that is missing is told", async () => {
  const shop = await openShop();
  await shop.crowd(2);
  const device = await openDevice(browser, { viewport: SCREENS.tv });
  const page = await device.context.newPage();
  await withEars(page, { languages: ["ko-KR", "en-GB"] });
  await page.goto(`${process.env.WAITLESS_TEST_URL}/board/${shop.slug}?voice=en,ko`);
  await page.getByTestId("sound").click();
  await page.getByRole("button", { name: "소리 켜짐" }).waitFor();
  await shop.callNext("A", { to: "Table 4" });
  assert.equal(await sound(page, 1), "chime");
  await itEnds(page);
  assert.equal(await sound(page, 2), "Number A 1, please come to Table 4.");
  await itEnds(page);
  assert.equal(await sound(page, 3), "A 1번 손님, Table 4로 와 주세요.");
  await itEnds(page);
  assert.equal(await page.locator(".voiceless").count(), 0);

  const mute = await device.context.newPage();
  await withEars(mute, { languages: ["fr-FR"] });
  await mute.goto(`${process.env.WAITLESS_TEST_URL}/board/${shop.slug}?lang=en`);
  await mute.getByText("Chime only. Voices this device lacks: English").waitFor();
  await device.close();
});

test("a cut: a band, grey numbers, then right again and announced once", async () => {
  const shop = await openShop();
  await shop.crowd(4);
  await shop.callNext();
  const device = await openDevice(browser, { viewport: SCREENS.tv, expected: /ERR_INTERNET_DISCONNECTED|closed before the connection/ });
  const page = await device.context.newPage();
  await withEars(page);
  await page.goto(`${process.env.WAITLESS_TEST_URL}/board/${shop.slug}`);
  const { numbers } = board(page);
  await page.getByTestId("sound").click();
  await becomes("the first", numbers, ["A001"]);
  const colour = () => page.getByTestId("number").first().evaluate((element) => getComputedStyle(element).color);
  const proud = await colour();

  await device.context.setOffline(true);
  await page.getByTestId("cut").waitFor();
  assert.match(await page.getByTestId("cut").innerText(), /연결이 끊겼어요[\s\S]*직원에게/);
  assert.notEqual(await colour(), proud, "an old number stays proud");
  assert.equal(await page.getByTestId("live-state").getAttribute("data-state"), "old");
  await shop.callNext();
  await device.context.setOffline(false);
  await becomes("right again", numbers, ["A002", "A001"]);
  await page.getByTestId("cut").waitFor({ state: "detached" });
  assert.equal(await colour(), proud);
  assert.equal(await sound(page, 1), "chime");
  await itEnds(page);
  assert.equal(await sound(page, 2), "A 2번 손님, 홀 입구로 와 주세요.");
  await device.close();
});

test("announcement, states, lines of one's own, the way to join", async () => {
  const shop = await openShop();
  await shop.join();
  const device = await openDevice(browser, { viewport: SCREENS.tv });
  const page = await device.open(`/board/${shop.slug}?lines=B`);
  await page.getByTestId("loopback").waitFor();
  assert.equal(await page.getByTestId("door").count(), 0, "the door code is for staff");
  await becomes("one line", () => page.getByTestId("board-line").count(), 1);
  await shop.callNext("A");
  await shop.put("/announcement", { text: "오늘은 9시까지예요" });
  await becomes("announced", () => page.getByTestId("announcement").innerText(), "오늘은 9시까지예요");
  assert.deepEqual(await board(page).numbers(), [], "another line's call");

  await shop.put("/lines/B/state", { state: "paused", reason: "비가 와요" });
  await page.getByTestId("line-state").getByText("비가 와요").waitFor();
  for (const [state, words] of /** @type {const} */ ([
    ["paused", "잠시 접수를 멈췄어요"],
    ["closed", "접수를 마감했어요"],
    ["direct", "기다리지 말고 바로 들어오세요"],
  ])) {
    await shop.put("/state", { state });
    await page.getByTestId("nobody").getByText(words).waitFor();
    assert.equal(await page.getByTestId("loopback").count(), 0, "nobody can join now");
  }
  await shop.put("/state", { state: "paused", reason: "재료 준비" });
  const all = await device.open(`/board/${shop.slug}`);
  await all.getByTestId("state-band").getByText("재료 준비").waitFor();
  assert.deepEqual(await board(all).numbers(), ["A001"], "who is called is still shown");
  await device.close();
});

test("the door code is there for staff", async () => {
  const shop = await openShop();
  await shop.join();
  const device = await openDevice(browser, { viewport: SCREENS.tv });
  await device.signIn();
  const page = await device.open(`/board/${shop.slug}`);
  assert.match(await page.getByTestId("door").innerText(), /^\d{4}$/);
  await device.close();
});

test("no ticket id, no name, no markup of others", async () => {
  const hostile = `<img src=x onerror="document.title='owned'">`;
  const shop = await openShop({ name: hostile, lines: { A: `"><script>alert(1)</script>` } });
  const tickets = [await shop.join({ name: "김하늘", phone: "010-1234-5678" }), await shop.join(), await shop.join()];
  await shop.callNext("A", { to: "<b>굵게</b> ‮뒤집기" });
  await shop.act(tickets[1].id, "call");
  await shop.act(tickets[1].id, "no-show");
  await shop.put("/announcement", { text: hostile });
  const device = await openDevice(browser, { viewport: SCREENS.tv });
  /** @type {string[]} */
  const frames = [];
  const page = await device.context.newPage();
  page.on("websocket", (socket) => socket.on("framereceived", ({ payload }) => frames.push(String(payload))));
  await page.goto(`${process.env.WAITLESS_TEST_URL}/board/${shop.slug}`);
  await becomes("called", board(page).numbers, ["A001"]);
  await shop.callNext("A");
  await becomes("called", board(page).numbers, ["A003", "A001"]);
  const seen = (await page.content()) + frames.join("");
  assert.ok(frames.length >= 2);
  for (const secret of [...tickets.map(({ id }) => id), "김하늘", "5678"]) assert.ok(!seen.includes(secret), secret);
  assert.equal(await page.locator("#page img, #page script, #page b").count(), 0);
  assert.equal(await page.getByRole("heading", { level: 1 }).innerText(), hostile);
  assert.match(await page.getByTestId("call").last().innerText(), /<b>굵게<\/b>/);
  await device.close();
});

test("nothing is lost on any screen, in both languages, and axe finds nothing", async () => {
  const lines = { A: "홀", B: "가".repeat(60), C: "Terrace", D: "룸", E: "바", F: "키즈" };
  const shop = await openShop({ name: "가나다라마바사아자차".repeat(6), lines });
  for (const line of Object.keys(lines)) await shop.crowd(4, { line });
  await shop.crowd(12);
  for (let n = 0; n < 10; n += 1) await shop.act((await shop.callNext()).ticket.id, n % 2 ? "seat" : "no-show");
  for (const line of Object.keys(lines)) {
    await shop.callNext(line, { to: "나".repeat(60) });
    await shop.callNext(line);
  }
  await shop.put("/announcement", { text: "알려 드려요 ".repeat(40).trim() });
  const sizes = [SCREENS.tv, SCREENS.portrait, SCREENS.tablet, SCREENS.phone, SCREENS.narrow];
  const zoomed = [SCREENS.tv, SCREENS.tablet].map(({ width, height }) => ({ width: width / 2, height: height / 2 }));
  const device = await openDevice(browser, { bypassCSP: true });
  await device.signIn();
  const page = await device.open(`/board/${shop.slug}`);
  for (const lang of ["ko", "en"]) {
    await page.goto(`${process.env.WAITLESS_TEST_URL}/board/${shop.slug}?lang=${lang}`);
    await becomes("three large", async () => (await board(page).numbers()).length, 3);
    for (const size of [...sizes, ...zoomed, { width: 3840, height: 2160 }]) {
      await page.setViewportSize(size);
      const where = `${lang} ${size.width}×${size.height}`;
      assert.deepEqual(await cut(page), [], where);
    }
    await page.setViewportSize(SCREENS.tv);
    assert.deepEqual(await findings(page), [], lang);
  }
  await page.setViewportSize(SCREENS.narrow);
  assert.deepEqual(await findings(page), []);
  await device.close();
});

/** Numbers and lines that cannot be seen whole, and whether the page is wider than the screen. @param {Page} page */
function cut(page) {
  return page.evaluate(() => {
    const found = [];
    const { scrollWidth, clientWidth } = document.documentElement;
    if (scrollWidth > clientWidth) found.push(`the page is ${scrollWidth} wide on ${clientWidth}`);
    for (const number of document.querySelectorAll("[data-testid=number]")) {
      const call = /** @type {Element} */ (number.closest("[data-testid=call]")).getBoundingClientRect();
      const box = number.getBoundingClientRect();
      const fits = box.left >= call.left && box.right <= call.right && box.top >= call.top && box.bottom <= call.bottom;
      if (!fits) found.push(`${number.textContent} does not fit its card`);
      if (box.height < 16) found.push(`${number.textContent} is ${box.height} high`);
    }
    return found;
  });
}

test("a new call moves; nothing moves for who does not want it, nor for what was there", async () => {
  const shop = await openShop();
  await shop.crowd(3);
  await shop.callNext();
  for (const reducedMotion of /** @type {const} */ (["no-preference", "reduce"])) {
    const device = await openDevice(browser, { viewport: SCREENS.tv, reducedMotion });
    const page = await device.open(`/board/${shop.slug}`);
    const first = page.getByTestId("call").last();
    const name = () => first.evaluate((element) => getComputedStyle(element).animationName);
    assert.equal(await name(), "none");
    const { ticket } = await shop.callNext();
    const fresh = page.getByTestId("call").filter({ hasText: ticket.number });
    await fresh.waitFor();
    const style = await fresh.evaluate((element) => {
      const { animationName, animationDuration, animationIterationCount } = getComputedStyle(element);
      return [animationName, animationDuration, animationIterationCount];
    });
    if (reducedMotion === "reduce") assert.equal(style[0], "none");
    else assert.deepEqual(style, ["come-in, flash", "0.2s, 0.6s", "1, 2"]);
    await device.close();
  }
});

test("a restaurant that is not there", async () => {
  const device = await openDevice(browser, { viewport: SCREENS.tv, expected: /404|WebSocket/ });
  const page = await device.open("/board/nobody-here");
  await page.getByText("찾을 수 없어요").waitFor();
  await device.close();
});
