/**
 * The HTTP API as pages use it. An answer is data; a refusal is a `Refused` with the server's stable code; no answer at all
 * is `Unreachable`. `askUntilAnswered` is for what must not happen twice: the same key, again and again, until it is known.
 */
import { delayMs } from "./backoff.js";

/** A request without an answer is given up after this, ms: more than the server allows itself. */
const TIMEOUT_MS = 20_000;

/** The server said no. */
export class Refused extends Error {
  /**
   * @param {number} status
   * @param {{ code?: string, detail?: string, errors?: { field: string, code: string }[], items?: string[] }} problem
   * @param {number | null} retryAfterMs
   */
  constructor(status, problem, retryAfterMs) {
    super(problem.detail ?? `HTTP ${status}`);
    this.status = status;
    this.code = problem.code ?? "internal";
    this.errors = problem.errors ?? [];
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }

  /** Whether the same request may succeed a little later. */
  get isTransient() {
    return this.status === 429 || this.status >= 500;
  }
}

/** Nobody answered: it may or may not have happened. */
export class Unreachable extends Error {}

/**
 * @typedef {object} Call
 * @property {"GET" | "POST" | "PUT" | "PATCH" | "DELETE"} [method]
 * @property {unknown} [body] sent as JSON
 * @property {string} [key] idempotency key
 */

/**
 * Asks the API; `path` without `/v1`.
 *
 * @param {string} path
 * @param {Call} [call]
 * @returns {Promise<any>}
 */
export async function ask(path, { method = "GET", body, key } = {}) {
  /** @type {Record<string, string>} */
  const headers = {};
  if (body !== undefined) headers["content-type"] = "application/json";
  if (key) headers["idempotency-key"] = key;
  let response;
  let text;
  try {
    response = await fetch(`/v1${path}`, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    text = await response.text();
  } catch (cause) {
    throw new Unreachable("no answer", { cause });
  }
  const data = parsed(text);
  if (response.ok) return data;
  const retryAfterS = Number(response.headers.get("retry-after"));
  throw new Refused(response.status, data ?? {}, retryAfterS > 0 ? retryAfterS * 1_000 : null);
}

/**
 * The status with which the API answers, 0 when it does not: for `connect`'s probe.
 *
 * @param {string} path
 */
export async function statusOf(path) {
  try {
    await ask(path);
    return 200;
  } catch (error) {
    return error instanceof Refused ? error.status : 0;
  }
}

/**
 * Asks with one key until somebody answers yes or no. A server that is busy, restoring or unsure of the outcome is asked
 * again; with the same key, nothing happens twice.
 *
 * @param {string} path
 * @param {Call & { key: string }} call
 * @param {{ onWait?: (attempt: number) => void, signal?: AbortSignal }} [options]
 */
export async function askUntilAnswered(path, call, { onWait, signal } = {}) {
  for (let attempt = 0; ; attempt += 1) {
    try {
      return await ask(path, call);
    } catch (error) {
      const again = error instanceof Unreachable || (error instanceof Refused && error.isTransient);
      if (!again || signal?.aborted) throw error;
      onWait?.(attempt + 1);
      const asked = error instanceof Refused ? (error.retryAfterMs ?? 0) : 0;
      await pause(Math.max(asked, delayMs(attempt)), signal);
      if (signal?.aborted) throw error;
    }
  }
}

/** A key that cannot be guessed, also where `crypto.randomUUID` is missing because the page came without https. */
export function newKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

/** @param {string} text */
function parsed(text) {
  try {
    return text ? JSON.parse(text) : null;
  } catch {
    return null;
  }
}

/**
 * Time passes; a network that comes back cuts it short.
 *
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
function pause(ms, signal) {
  return new Promise((resolve) => {
    const done = () => {
      clearTimeout(timer);
      removeEventListener("online", done);
      signal?.removeEventListener("abort", done);
      resolve();
    };
    const timer = setTimeout(done, ms);
    addEventListener("online", done);
    signal?.addEventListener("abort", done);
  });
}
