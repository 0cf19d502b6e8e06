/** The tickets that were taken on this device, until they are over. */
import { ask, Refused } from "../../lib/api.js";
import { remember, rememberedJson } from "../../lib/memory.js";

/** @import { TicketFrame } from "#api" */

/**
 * @typedef {object} Mine
 * @property {string} id
 * @property {string} number
 * @property {string} name the restaurant's
 * @property {string} slug
 * @property {number} at when it was taken
 * @property {TicketFrame | null} frame null: not read yet
 * @property {boolean} [isLost] its place was lost: its page says what to do
 */

const NAME = "home-tickets";

/** Nobody keeps more. */
const COUNT_MAX = 20;

const OVER = new Set(["completed", "cancelled", "seated"]);

/** @returns {Mine[]} */
export function myTickets() {
  /** @type {Mine[]} */
  const list = rememberedJson(NAME) ?? [];
  return list.map((mine) => ({ ...mine, frame: null }));
}

/** @param {Mine[]} list */
function keep(list) {
  const plain = list.slice(0, COUNT_MAX).map(({ frame: _, ...mine }) => mine);
  remember(NAME, plain.length > 0 ? JSON.stringify(plain) : null);
}

/** @param {Omit<Mine, "frame">} taken */
export function rememberTicket(taken) {
  keep([{ ...taken, frame: null }, ...myTickets().filter(({ id }) => id !== taken.id)]);
}

/**
 * How they are now; those that are over are forgotten. What cannot be read stays as it is known.
 *
 * @param {Mine[]} shown
 * @returns {Promise<Mine[]>}
 */
export async function checked(shown) {
  const known = myTickets().map((mine) => shown.find(({ id }) => id === mine.id) ?? mine);
  const read = await Promise.all(known.map(current));
  const open = read.filter((mine) => mine !== null);
  keep(open);
  return open;
}

/**
 * @param {Mine} mine
 * @returns {Promise<Mine | null>}
 */
async function current(mine) {
  try {
    const frame = await ask(`/tickets/${mine.id}`);
    return OVER.has(frame.state) ? null : { ...mine, frame, isLost: false };
  } catch (error) {
    if (!(error instanceof Refused)) return mine;
    return error.status === 404 ? null : { ...mine, isLost: error.status === 410 || mine.isLost };
  }
}
