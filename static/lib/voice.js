/**
 * The device's own voices. Only those that speak on the device itself are used: the others send what they say to somebody
 * else's server, and fall silent with the network.
 */

/** @import { Language } from "./i18n.js" */

/** A little slower than in conversation, for a full waiting room. */
const RATE = 0.95;

/** Browsers forget to tell the end of an utterance that nobody holds. @type {Set<SpeechSynthesisUtterance>} */
const held = new Set();

/**
 * The voice for a language, or none. Pure.
 *
 * @template {{ lang: string, localService: boolean, default: boolean }} Voice
 * @param {readonly Voice[]} voices
 * @param {string} language
 * @returns {Voice | undefined}
 */
export function voiceFor(voices, language) {
  const fit = voices.filter(({ lang, localService }) => localService && lang.toLowerCase().split(/[-_]/)[0] === language);
  return fit.find((voice) => voice.default) ?? fit[0];
}

/** The voices there are by now; a browser may learn of them only after a while. */
function voices() {
  return globalThis.speechSynthesis?.getVoices() ?? [];
}

/**
 * Whether this device speaks a language by itself.
 *
 * @param {Language} language
 */
export function canSay(language) {
  return voiceFor(voices(), language) !== undefined;
}

/**
 * Calls back when the device learns voices.
 *
 * @param {() => void} callback
 */
export function onVoices(callback) {
  globalThis.speechSynthesis?.addEventListener?.("voiceschanged", callback);
}

/**
 * Says something; done when it was said, or could not be.
 *
 * @param {string} text
 * @param {Language} language
 * @returns {Promise<void>}
 */
export function say(text, language) {
  const voice = voiceFor(voices(), language);
  if (!voice) return Promise.resolve();
  return new Promise((resolve) => {
    const utterance = new SpeechSynthesisUtterance(text);
    utterance.voice = voice;
    utterance.lang = voice.lang;
    utterance.rate = RATE;
    const done = () => {
      held.delete(utterance);
      resolve();
    };
    utterance.onend = done;
    utterance.onerror = done;
    held.add(utterance);
    speechSynthesis.speak(utterance);
  });
}

/** Says no more. */
export function hush() {
  globalThis.speechSynthesis?.cancel();
}
