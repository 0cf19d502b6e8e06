/**
 * Rings and vibrates: again and again while this guest is called and has not touched "on my way", once when it is close.
 *
 * @import { State } from "./state.js"
 */
import { canSound, chime, unlock } from "../../lib/chime.js";
import { remember } from "../../lib/memory.js";
import { isNear, isRinging } from "./state.js";

/** A chime and its echo, and a breath. */
const EVERY_MS = 3_000;
const CALL_PATTERN_MS = [400, 150, 400, 150, 700];
const NUDGE_PATTERN_MS = [200, 100, 200];

/** Whether this phone can vibrate for a page: iPhones cannot. */
export function canVibrate() {
  return "vibrate" in navigator;
}

/** Whether a chime would be heard if the phone is not muted. */
export { canSound };

/** @typedef {{ readonly state: State, dispatch: (action: any) => void, watch: (watcher: (state: State, before: State) => void) => void }} Store */

/**
 * Rings when the state says so.
 *
 * @param {Store} store
 */
export function ringWith(store) {
  /** @type {ReturnType<typeof setInterval> | undefined} */
  let timer;
  const follow = () => {
    const rings = isRinging(store.state, Date.now());
    if (rings && timer === undefined) {
      ring(store.state, CALL_PATTERN_MS);
      timer = setInterval(() => (isRinging(store.state, Date.now()) ? ring(store.state, CALL_PATTERN_MS) : follow()), EVERY_MS);
    } else if (!rings && timer !== undefined) {
      clearInterval(timer);
      timer = undefined;
      vibrate([0]);
    }
  };
  store.watch((state, before) => {
    follow();
    const wasTold = before.frame === null || before.isRemembered || isNear(before);
    if (state.frame?.state === "waiting" && isNear(state) && !wasTold) ring(state, NUDGE_PATTERN_MS);
  });
}

/**
 * Once, so that a guest knows what to expect.
 *
 * @param {Store} store
 */
export async function rehearse(store) {
  await allow(store);
  store.dispatch({ type: "rehearsal", rehearsal: "ringing" });
  vibrate(CALL_PATTERN_MS);
  if (store.state.sound.wanted) await chime();
  store.dispatch({ type: "rehearsal", rehearsal: "done" });
}

/**
 * Sound on or off, by a touch.
 *
 * @param {Store} store
 * @param {boolean} wanted
 */
export async function want(store, wanted) {
  remember("phone-sound", wanted ? null : "off");
  store.dispatch({ type: "sound", sound: { ...store.state.sound, wanted } });
  if (!wanted) return;
  await allow(store);
  await chime();
}

/**
 * Browsers let a page sound only after a touch, so every touch is used; and they take it back, so it is asked again.
 *
 * @param {Store} store
 */
export function allowWithAnyTouch(store) {
  for (const name of ["click", "keydown"]) {
    document.addEventListener(name, () => store.state.sound.wanted && !canSound() && void allow(store), { capture: true });
  }
}

/**
 * Whether sound is allowed now; to be asked from time to time, because a phone that was locked may have taken it back.
 *
 * @param {Store} store
 */
export function noticeSound(store) {
  const allowed = canSound();
  if (allowed !== store.state.sound.allowed) store.dispatch({ type: "sound", sound: { ...store.state.sound, allowed } });
}

/** @param {Store} store */
async function allow(store) {
  try {
    await unlock();
  } catch {
    // No sound on this device; the page says so.
  }
  noticeSound(store);
}

/**
 * @param {State} state
 * @param {number[]} pattern
 */
function ring(state, pattern) {
  vibrate(pattern);
  if (state.sound.wanted) void chime();
}

/**
 * Before the first touch it would be refused, with a complaint in the console.
 *
 * @param {number[]} pattern
 */
function vibrate(pattern) {
  if (canVibrate() && navigator.userActivation?.hasBeenActive !== false) navigator.vibrate(pattern);
}
