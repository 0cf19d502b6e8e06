/**
 * A chime of two notes, made on the spot: nothing to load, nothing to fetch. Browsers let a page sound only after somebody
 * touched it, so `unlock` belongs into the first touch.
 */

const NOTES_HZ = [784, 523.25];
const NOTE_S = 0.45;
const LOUD = 0.35;

/** @type {AudioContext | undefined} */
let context;

/** Lets the page sound from now on. To be called in a touch or a key press. */
export async function unlock() {
  context ??= new AudioContext();
  if (context.state === "suspended") await context.resume();
  return context.state === "running";
}

/** Whether a chime would be heard. */
export function canSound() {
  return context?.state === "running";
}

/**
 * Chimes; done when it has faded. A page that was never touched stays silent.
 *
 * @returns {Promise<void>}
 */
export async function chime() {
  if (!context || context.state !== "running") return;
  const from = context.currentTime;
  const ended = NOTES_HZ.map((hz, index) => note(/** @type {AudioContext} */ (context), hz, from + index * NOTE_S));
  await Promise.all(ended);
}

/**
 * @param {AudioContext} audio
 * @param {number} hz
 * @param {number} at
 * @returns {Promise<void>}
 */
function note(audio, hz, at) {
  const oscillator = audio.createOscillator();
  const gain = audio.createGain();
  oscillator.type = "sine";
  oscillator.frequency.value = hz;
  gain.gain.setValueAtTime(0, at);
  gain.gain.linearRampToValueAtTime(LOUD, at + 0.02);
  gain.gain.exponentialRampToValueAtTime(0.001, at + 2 * NOTE_S);
  oscillator.connect(gain).connect(audio.destination);
  oscillator.start(at);
  oscillator.stop(at + 2 * NOTE_S);
  return new Promise((resolve) => {
    oscillator.onended = () => resolve();
  });
}
