/**
 * Taking a number, exactly once. The intent is written down before it is sent, sent with one key until it is answered,
 * and forgotten only then. One that was given up is looked after in the background: if it turns out that a number was
 * given, that is cancelled.
 */
import { ask, askUntilAnswered, newKey, Refused } from "../lib/api.js";
import { remember, rememberedJson } from "../lib/memory.js";
import { aged, marked, verdict, waitedFor } from "./pending.js";

/** @import { Join, Joined } from "#api" */
/** @import { Pending } from "./pending.js" */

/** How often a given-up join is asked after, ms. */
const SETTLE_EVERY_MS = 5_000;

/**
 * @param {string} name of the list on this device
 */
export function joinsOf(name) {
  /** @returns {Pending[]} */
  const read = () => aged(rememberedJson(name) ?? [], Date.now());
  /** @param {Pending[]} list */
  const write = (list) => remember(name, list.length > 0 ? JSON.stringify(list) : null);
  /** @param {string} key */
  const forget = (key) => write(read().filter((pending) => pending.key !== key));
  /** @param {string} key */
  const isWaitedFor = (key) => read().some((pending) => pending.key === key && !pending.abandoned);

  /** @type {Map<string, AbortController>} by key */
  const asking = new Map();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;

  async function settle() {
    clearTimeout(timer);
    const list = read();
    write(list);
    for (const pending of list) {
      if (pending.abandoned && (await isSettled(pending))) forget(pending.key);
    }
    if (read().some((pending) => pending.abandoned)) timer = setTimeout(settle, SETTLE_EVERY_MS);
  }

  return {
    /**
     * What somebody here still waits for.
     *
     * @param {string | null} slug
     */
    unfinished: (slug) => waitedFor(read(), slug),

    /**
     * Writes an intent down.
     *
     * @param {string} slug
     * @param {Join} body
     * @returns {Pending}
     */
    begin(slug, body) {
      const now = Date.now();
      const pending = { slug, key: newKey(), body, at: now, triedAt: now, abandoned: false };
      write([...read(), pending]);
      return pending;
    },

    /**
     * Asks until there is an answer. Null when it was given up meanwhile.
     *
     * @param {Pending} pending
     * @param {(attempt: number) => void} onWait nobody has answered so far
     * @returns {Promise<Joined | null>}
     */
    async finish({ slug, key, body }, onWait) {
      const stop = new AbortController();
      asking.set(key, stop);
      const call = /** @type {const} */ ({ method: "POST", body, key });
      /** @param {number} attempt */
      const waiting = (attempt) => {
        if (!isWaitedFor(key)) return stop.abort();
        write(marked(read(), key, { triedAt: Date.now() }));
        onWait(attempt);
      };
      try {
        const joined = await askUntilAnswered(pathOf(slug), call, { onWait: waiting, signal: stop.signal });
        if (!isWaitedFor(key)) return null;
        forget(key);
        return joined;
      } catch (error) {
        if (!isWaitedFor(key)) return null;
        forget(key);
        throw error;
      } finally {
        asking.delete(key);
      }
    },

    /**
     * The guest gives it up. Whatever comes of it is undone in the background.
     *
     * @param {string} key
     */
    abandon(key) {
      write(marked(read(), key, { abandoned: true, triedAt: Date.now() }));
      asking.get(key)?.abort();
      void settle();
    },

    settle,
  };
}

/** @param {string} slug */
function pathOf(slug) {
  return `/restaurants/${encodeURIComponent(slug)}/tickets`;
}

/**
 * Finds out, without taking a number, whether one was given, and cancels it.
 *
 * @param {Pending} pending
 */
async function isSettled({ slug, key, body, triedAt }) {
  try {
    const code = await refusalOf(pathOf(slug), key);
    const found = verdict(code, Date.now() - triedAt);
    if (found !== "given") return found === "not_given";
    const { id } = await ask(pathOf(slug), { method: "POST", body, key });
    await ask(`/tickets/${id}`, { method: "DELETE" });
    return true;
  } catch (error) {
    // Cancelled, seated or gone already: nobody waits under it any more.
    return error instanceof Refused && [404, 409, 410].includes(error.status);
  }
}

/**
 * The code with which a body that cannot succeed is refused; null when nobody answers.
 *
 * @param {string} path
 * @param {string} key
 */
async function refusalOf(path, key) {
  try {
    await ask(path, { method: "POST", body: {}, key });
    return null;
  } catch (error) {
    return error instanceof Refused ? error.code : null;
  }
}
