/** What this device keeps between visits: its own acts for undo and its ways of calling, per restaurant; sound and keys. */
import { remember, remembered, rememberedJson } from "../../lib/memory.js";
import { kept } from "./state.js";

/** @import { Kept, State } from "./state.js" */

/**
 * @param {string} slug
 * @returns {Partial<Kept> & { sound: boolean, keys: boolean }}
 */
export function recall(slug) {
  const here = rememberedJson(`console.${slug}`);
  const sound = remembered("console-sound") !== "off";
  const keys = remembered("console-shortcuts") !== "off";
  return { ...(here && typeof here === "object" ? here : {}), sound, keys };
}

/**
 * Keeps what changed.
 *
 * @param {State} state
 * @param {State} before
 */
export function keep(state, before) {
  const now = JSON.stringify(kept(state));
  if (now !== JSON.stringify(kept(before))) remember(`console.${state.slug}`, now);
  if (state.sound !== before.sound) remember("console-sound", state.sound ? "on" : "off");
  if (state.keys !== before.keys) remember("console-shortcuts", state.keys ? "on" : "off");
}
