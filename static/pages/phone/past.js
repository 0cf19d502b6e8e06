/**
 * What this phone knew of its tickets the last time: shown grey until the server speaks, and when the server knows no more.
 *
 * @import { TicketFrame } from "#api"
 * @import { State } from "./state.js"
 */
import { remember, remembered, rememberedJson } from "../../lib/memory.js";

/** Tickets that are remembered, the newest first. */
const TICKETS_LEN_MAX = 8;

/** @typedef {{ frame: TicketFrame, heardAt: number, acknowledged: string | null }} Past */

/**
 * What a page begins with.
 *
 * @param {State} initial
 * @param {string} ticket
 * @returns {State}
 */
export function withPast(initial, ticket) {
  const sound = { ...initial.sound, wanted: remembered("phone-sound") !== "off" };
  const past = all().find(({ frame }) => frame.id === ticket);
  if (!past) return { ...initial, sound };
  const link = { ...initial.link, freshAt: past.heardAt };
  return { ...initial, ...past, sound, link, isRemembered: true };
}

/**
 * Keeps what a reload should know.
 *
 * @param {State} state
 * @param {State} before
 */
export function keepPast({ frame, heardAt, acknowledged, isRemembered }, before) {
  if (!frame || isRemembered) return;
  if (frame === before.frame && acknowledged === before.acknowledged) return;
  const others = all().filter((past) => past.frame.id !== frame.id);
  const kept = [{ frame, heardAt, acknowledged }, ...others].slice(0, TICKETS_LEN_MAX);
  remember("phone-tickets", JSON.stringify(kept));
}

/** @returns {Past[]} */
function all() {
  const known = rememberedJson("phone-tickets");
  return Array.isArray(known) ? known.filter((past) => past?.frame?.type === "ticket") : [];
}
