/**
 * Says aloud who is called: a chime, then words, one call after the other, never two at once.
 *
 * It is told the numbers that are called now, again and again, and works out by itself which of them are news: a number
 * that was not called before, or one called anew (a later `since`, more `calls`). What was called before it was first told
 * is no news. A call that is over before its turn came is not announced; one that has begun is never cut.
 *
 * It knows nothing of sound or speech: those are handed in, and given up when they do not end.
 */

/** @typedef {{ number: string, since: number, calls: number }} Called */

/** Calls that wait for their turn; beyond it the oldest is left out: it stands on the board anyway. */
export const QUEUE_LEN_MAX = 12;

/** A chime or a sentence that has not ended after this is given up, ms: some speech engines never say that they are done. */
export const GIVEN_UP_MS = 15_000;

/**
 * @template {Called} Call
 * @param {{ chime: () => Promise<unknown>, words: (call: Call) => (() => Promise<unknown>)[], hush: () => void }} sound
 */
export function createAnnouncer({ chime, words, hush }) {
  /** @type {Map<string, Called> | null} null: not told anything yet */
  let known = null;
  /** @type {Call[]} */
  let queue = [];
  let speaking = false;
  let on = false;

  /**
   * Tells who is called now.
   *
   * @param {Call[]} called
   */
  function tell(called) {
    const now = new Map(called.map((call) => [call.number, call]));
    const before = known;
    known = now;
    if (!before || !on) return;
    const news = called.filter((call) => isNews(before.get(call.number), call));
    const still = queue.filter((call) => now.has(call.number) && !news.some(({ number }) => number === call.number));
    queue = [...still, ...news.sort((a, b) => a.since - b.since)].slice(-QUEUE_LEN_MAX);
    void speak();
  }

  async function speak() {
    if (speaking) return;
    speaking = true;
    for (let call = queue.shift(); call; call = queue.shift()) {
      for (const sound of [chime, ...words(call)]) {
        if (on && !(await ends(sound))) hush();
      }
    }
    speaking = false;
  }

  /**
   * From now on calls are announced, or not. What was called while it was off stays unannounced.
   *
   * @param {boolean} wanted
   */
  function turn(wanted) {
    if (on === wanted) return;
    on = wanted;
    if (on) return;
    queue = [];
    hush();
  }

  return { tell, turn };
}

/**
 * @param {Called | undefined} before
 * @param {Called} call
 */
function isNews(before, call) {
  return !before || call.since > before.since || call.calls > before.calls;
}

/**
 * Whether it came to an end by itself, and in time.
 *
 * @param {() => Promise<unknown>} sound
 * @returns {Promise<boolean>}
 */
function ends(sound) {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, GIVEN_UP_MS, false);
    const done = () => {
      clearTimeout(timer);
      resolve(true);
    };
    sound().then(done, done);
  });
}
