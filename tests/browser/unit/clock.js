/** Time that passes only when told to: `setTimeout`, `clearTimeout` and `Date.now`, in every version of node. */

/**
 * Replaces the clock until the test is over.
 *
 * @param {{ after: (fn: () => void) => void }} context of the test
 */
export function fakeClock(context) {
  const real = { setTimeout, clearTimeout, now: Date.now };
  let now = 1_700_000_000_000;
  let ids = 0;
  /** @type {Map<number, { at: number, run: () => void }>} */
  const timers = new Map();
  Object.assign(globalThis, {
    /** @param {(...values: any[]) => void} run @param {number} ms @param {any[]} values */
    setTimeout: (run, ms, ...values) => {
      ids += 1;
      timers.set(ids, { at: now + ms, run: () => run(...values) });
      return ids;
    },
    /** @param {number} id */
    clearTimeout: (id) => timers.delete(id),
  });
  Date.now = () => now;
  context.after(() => {
    const { now: realNow, ...functions } = real;
    Object.assign(globalThis, functions);
    Date.now = realNow;
  });

  return {
    now: () => now,
    /** Timers that are still to come. */
    pending: () => timers.size,
    /** Lets time pass, timer by timer, with all that follows from each. @param {number} ms */
    async pass(ms) {
      const until = now + ms;
      for (;;) {
        await settled();
        const [next] = [...timers].filter(([, { at }]) => at <= until).sort(([, a], [, b]) => a.at - b.at);
        if (!next) break;
        timers.delete(next[0]);
        now = Math.max(now, next[1].at);
        next[1].run();
      }
      now = until;
    },
  };
}

/** Everything that was promised has happened. */
export async function settled() {
  for (let n = 0; n < 20; n += 1) await Promise.resolve();
}
