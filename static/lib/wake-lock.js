/** Keeps a screen awake. Browsers allow it only over https or on the same machine, and take it back when the page is left. */

/** @type {WakeLockSentinel | null} */
let held = null;
let wanted = false;

/** Whether this browser can, here. */
export function canStayAwake() {
  return "wakeLock" in navigator;
}

/**
 * From now on the screen stays awake, or may sleep.
 *
 * @param {boolean} awake
 */
export function stayAwake(awake) {
  wanted = awake;
  if (awake) void hold();
  else void held?.release();
}

async function hold() {
  if (held || !canStayAwake() || document.hidden) return;
  try {
    const lock = await navigator.wakeLock.request("screen");
    held = lock;
    lock.addEventListener("release", () => {
      held = null;
    });
    if (!wanted) await lock.release();
  } catch {
    // Low battery, for one. The page says which alerts to expect, not this one.
  }
}

document.addEventListener("visibilitychange", () => {
  if (wanted) void hold();
});
