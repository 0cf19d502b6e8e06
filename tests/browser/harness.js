/**
 * What browser tests stand on: one `waitless dev` for the whole run, a restaurant of its own for each test, Chromium.
 *
 * `run.js` starts the server and tells the tests by WAITLESS_TEST_URL and WAITLESS_TEST_DATA; `node --test some.test.js` with
 * those set runs one file by hand.
 */
import { execFile, spawn } from "node:child_process";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { chromium } from "playwright-core";

/** @import { Browser, BrowserContextOptions } from "playwright-core" */

const run = promisify(execFile);
const root = fileURLToPath(new URL("../..", import.meta.url));

/** A condition that does not come true fails after this, ms. */
export const PATIENCE_MS = 15_000;

// --- The server. ---

/**
 * Starts `waitless dev` on a free port with a data folder of its own.
 *
 * @param {{ binary?: string, environment?: Record<string, string> }} [options]
 */
export async function startServer({ binary, environment = {} } = {}) {
  const data = await mkdtemp(join(tmpdir(), "waitless-browser-"));
  const program = binary ?? join(process.env.CARGO_TARGET_DIR ?? join(root, "target"), "debug/waitless");
  const listen = `127.0.0.1:${await freePort()}`;
  const child = spawn(program, ["dev"], {
    env: {
      ...process.env,
      WAITLESS_LISTEN: listen,
      WAITLESS_DATA: data,
      WAITLESS_LIMITS: "off",
      WAITLESS_DRAIN_MS: "100",
      ...environment,
    },
    stdio: ["ignore", "pipe", "inherit"],
  });
  const exited = new Promise((resolve) => child.once("exit", resolve));
  await new Promise((resolve, reject) => {
    createInterface({ input: child.stdout }).on("line", (line) => {
      if (line.startsWith("ready ")) resolve(line);
    });
    child.once("exit", (code) => reject(new Error(`waitless dev ended with ${code}`)));
    child.once("error", reject);
  });
  return {
    // Not what it says after `ready`: a public URL may be one that leads nowhere from here.
    url: `http://${listen}`,
    data,
    async stop() {
      child.kill("SIGTERM");
      await exited;
      await rm(data, { recursive: true, force: true });
    },
  };
}

/** @returns {Promise<number>} */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => (address && typeof address === "object" ? resolve(address.port) : reject(new Error("no port"))));
    });
  });
}

/** The server of this run. */
export function base() {
  const url = process.env.WAITLESS_TEST_URL;
  if (!url) throw new Error("WAITLESS_TEST_URL is not set: run `npm run browser`");
  return url;
}

// --- A restaurant of one's own. ---

/**
 * @typedef {object} ShopOptions
 * @property {string} [name]
 * @property {Record<string, string>} [lines] letter → name
 * @property {{ id: string, name: string, price: number, stock: number | null }[]} [menu]
 * @property {Record<string, unknown>} [policy]
 */

let shops = 0;

/**
 * Makes a restaurant, and people who use it through the API.
 *
 * @param {ShopOptions} [options]
 */
export async function openShop({ name = "시험 식당", lines = { A: "홀", B: "테라스" }, menu, policy = {} } = {}) {
  shops += 1;
  const slug = `t${process.pid}-${shops}-${Date.now().toString(36)}`;
  const items = menu ?? [
    { id: "stew", name: "갈비찜", price: 24_000, stock: 50 },
    { id: "rice", name: "돌솥밥", price: 18_000, stock: 3 },
    { id: "tea", name: "식혜", price: 4_000, stock: null },
  ];
  const rows = [
    `INSERT INTO restaurants (slug, name, time_zone, currency, policy)
       VALUES (${sql(slug)}, ${sql(name)}, 'Asia/Seoul', 'KRW', ${sql(JSON.stringify(policy))})`,
    ...Object.entries(lines).map(
      ([letter, line], position) => `INSERT INTO lines (restaurant_id, letter, name, position)
        SELECT id, ${sql(letter)}, ${sql(line)}, ${position} FROM restaurants WHERE slug = ${sql(slug)}`,
    ),
    ...items.map(
      (item, position) => `INSERT INTO menu_items (restaurant_id, id, name, price, stock, position)
        SELECT id, ${sql(item.id)}, ${sql(item.name)}, ${item.price}, ${item.stock ?? "NULL"}, ${position}
        FROM restaurants WHERE slug = ${sql(slug)}`,
    ),
  ];
  const database = await readFile(join(process.env.WAITLESS_TEST_DATA ?? "", "postgres.url"), "utf8");
  await run("psql", ["-q", "-v", "ON_ERROR_STOP=1", "-d", database.trim(), "-c", `BEGIN; ${rows.join("; ")}; COMMIT`]);
  const staff = await signIn();
  const at = `/restaurants/${slug}`;
  // The server answers 503 `restoring` until it has loaded a restaurant that it has never heard of.
  await until("the restaurant is loaded", async () => (await fetch(`${base()}/v1${at}/board`)).ok);

  return {
    slug,
    name,
    /** @param {Record<string, unknown>} [body] */
    join: (body = {}) => post(`${at}/tickets`, { line: "A", adults: 2, channel: "onsite", ...body }),
    /** @param {string} [line] @param {Record<string, unknown>} [body] */
    callNext: (line = "A", body = {}) => post(`${at}/lines/${line}/call-next`, body, staff),
    /** @param {string} ticket @param {string} verb @param {Record<string, unknown>} [body] */
    act: (ticket, verb, body = {}) => post(`${at}/tickets/${ticket}/${verb}`, body, staff),
    /** @param {string} path below the restaurant @param {unknown} body */
    put: (path, body) => request("PUT", `${at}${path}`, body, staff),
    /** @param {string} path below the restaurant */
    get: (path) => request("GET", `${at}${path}`, undefined, staff),
    /**
     * Says that the line was rebuilt then, behind the scripts' back; screens hear of it with the next change of the
     * restaurant itself, which is made.
     *
     * @param {number} [at]
     */
    async sayRebuilt(at = Date.now()) {
      const { id } = await this.get("");
      const key = await redis("--scan", "--pattern", `wl:*:${id}:meta`);
      const script = `local record = cmsgpack.unpack(redis.call("HGET", KEYS[1], "restaurant"))
        record.rebuilt_at = tonumber(ARGV[1])
        return redis.call("HSET", KEYS[1], "restaurant", cmsgpack.pack(record))`;
      await redis("EVAL", script, "1", key, String(at));
      await this.put("/announcement", { text: "" });
    },
    /** Joins many; answers them in order. @param {number} count @param {Record<string, unknown>} [body] */
    async crowd(count, body = {}) {
      const tickets = [];
      for (let n = 0; n < count; n += 1) tickets.push(await this.join(body));
      return tickets;
    },
  };
}

/** What the private Redis of this run answers. @param {string[]} words */
export async function redis(...words) {
  const url = (await readFile(join(process.env.WAITLESS_TEST_DATA ?? "", "redis.url"), "utf8")).trim();
  const { stdout } = await run("redis-cli", ["--no-auth-warning", "-u", url, ...words]);
  return stdout.trim();
}

/** @param {string} text */
function sql(text) {
  return `'${text.replaceAll("'", "''")}'`;
}

/** @type {Promise<string> | undefined} */
let token;

/** An access token of the demo's admin, who may do everything everywhere. */
function signIn() {
  token ??= post("/auth/sign-in", { email: "admin@demo.test", password: "waitless-demo" }).then(
    (tokens) => tokens.access_token,
  );
  return token;
}

/** @param {string} path @param {unknown} body @param {string} [bearer] */
export function post(path, body, bearer) {
  return request("POST", path, body, bearer);
}

/**
 * @param {string} method
 * @param {string} path
 * @param {unknown} [body]
 * @param {string} [bearer]
 * @returns {Promise<any>}
 */
export async function request(method, path, body, bearer) {
  const response = await fetch(`${base()}/v1${path}`, {
    method,
    headers: {
      ...(body === undefined ? {} : { "content-type": "application/json" }),
      ...(bearer ? { authorization: `Bearer ${bearer}` } : {}),
    },
    body: body === undefined ? undefined : JSON.stringify(body),
  });
  const text = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${text}`);
  return text ? JSON.parse(text) : null;
}

// --- The browser. ---

/**
 * @param {{ args?: string[] }} [options] further switches
 * @returns {Promise<Browser>}
 */
export function openBrowser({ args = [] } = {}) {
  return chromium.launch({
    executablePath: process.env.WAITLESS_TEST_CHROMIUM ?? "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-dev-shm-usage",
      "--disable-background-networking",
      "--disable-component-update",
      "--autoplay-policy=no-user-gesture-required",
      ...args,
    ],
  });
}

/** @type {Record<string, { width: number, height: number }>} */
export const SCREENS = {
  narrow: { width: 320, height: 640 },
  phone: { width: 360, height: 800 },
  tablet: { width: 1180, height: 820 },
  portrait: { width: 1080, height: 1920 },
  tv: { width: 1920, height: 1080 },
};

/**
 * A device: its own cookies and memory. Whatever a page complains about in the console, and every request to another host,
 * is noted in `complaints`; `close` fails when there are any that `expected` does not match.
 *
 * @param {Browser} browser
 * @param {BrowserContextOptions & { expected?: RegExp }} [options]
 */
export async function openDevice(browser, { expected, ...options } = {}) {
  const context = await browser.newContext({ locale: "ko-KR", viewport: SCREENS.phone, ...options });
  context.setDefaultTimeout(PATIENCE_MS);
  /** @type {string[]} */
  const complaints = [];
  const host = new URL(base()).host;
  context.on("request", (request) => {
    const url = new URL(request.url());
    if (/^(http|ws)/.test(url.protocol) && url.host !== host) complaints.push(`request to ${url.host}`);
  });
  context.on("weberror", (error) => complaints.push(String(error.error())));
  context.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  return {
    context,
    /** @param {string} path */
    async open(path) {
      const page = await context.newPage();
      await page.goto(`${base()}${path}`);
      return page;
    },
    /** Signs in as the demo's admin, by cookie. */
    async signIn() {
      const data = { email: "admin@demo.test", password: "waitless-demo" };
      const answer = await context.request.post(`${base()}/v1/auth/sign-in`, { data, headers: { origin: base() } });
      if (!answer.ok()) throw new Error(`sign-in: ${answer.status()}`);
    },
    async close() {
      await context.close();
      const unexpected = complaints.filter((complaint) => !expected?.test(complaint));
      if (unexpected.length > 0) throw new Error(`the pages complained:\n${unexpected.join("\n")}`);
    },
  };
}

/**
 * Waits until a function answers something true.
 *
 * @template T
 * @param {string} what
 * @param {() => Promise<T> | T} condition
 * @returns {Promise<NonNullable<T>>}
 */
export async function until(what, condition) {
  const deadline = Date.now() + PATIENCE_MS;
  for (;;) {
    const answer = await condition();
    if (answer) return answer;
    if (Date.now() > deadline) throw new Error(`not within ${PATIENCE_MS} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 30));
  }
}
