/** What a kiosk knows of the guest in front of it: all of it goes when the guest does. Pure. */
import { USUAL } from "../../parts/party.js";
import { KOREAN_MOBILE } from "../../parts/phone-number.js";

/** @import { Joined, TicketFrame } from "#api" */
/** @import { Language } from "../../lib/i18n.js" */
/** @import { Cart } from "../../parts/cart.js" */
/** @import { Pending } from "../../parts/pending.js" */

/** Without a touch the screen returns to the start after this, ms. */
export const IDLE_MS = 30_000;

/** The last part of it is counted down, ms. */
export const WARN_MS = 10_000;

/** The number stays this long, ms. */
export const TICKET_MS = 20_000;

/**
 * @typedef {"start" | "options" | "joining" | "ticket" | "find" | "found"} Screen
 *
 * @typedef {object} Refusal
 * @property {string} code
 * @property {string[]} items sold out ones
 * @property {boolean} withPhone whether the refused join had a phone number
 *
 * @typedef {object} Finding
 * @property {"number" | "code"} field
 * @property {string | null} letter
 * @property {string} number its digits
 * @property {string} code
 *
 * @typedef {object} Guest
 * @property {Screen} screen
 * @property {Language} language
 * @property {boolean} large
 * @property {boolean} low controls in the lower half
 * @property {string | null} line the chosen one
 * @property {number} adults
 * @property {number} children
 * @property {"phone" | "order"} panel
 * @property {string} phone digits
 * @property {Cart} cart
 * @property {{ pending: Pending, sinceMs: number, waits: number } | null} joining
 * @property {Refusal | null} refusal
 * @property {Joined | null} ticket
 * @property {Finding} finding
 * @property {{ frame: TicketFrame, url: string, code: string } | null} found
 * @property {string | null} busy the command that is under way
 * @property {"give_up" | "cancel" | "delay" | null} sheet
 * @property {number} places to let pass
 * @property {number | null} leaveAt local time of the return to the start
 */

/**
 * Nobody yet.
 *
 * @param {Language} language the kiosk's own
 * @returns {Guest}
 */
export function nobody(language) {
  return {
    screen: "start",
    language,
    large: false,
    low: false,
    line: null,
    ...USUAL,
    panel: "phone",
    phone: firstDigits(language),
    cart: {},
    joining: null,
    refusal: null,
    ticket: null,
    finding: { field: "number", letter: null, number: "", code: "" },
    found: null,
    busy: null,
    sheet: null,
    places: 1,
    leaveAt: null,
  };
}

/**
 * What is typed already: guests who speak Korean mostly have Korean numbers.
 *
 * @param {Language} language
 */
export function firstDigits(language) {
  return language === "ko" ? KOREAN_MOBILE : "";
}

/**
 * How long a screen waits for the next touch; null when it waits for the network.
 *
 * @param {Screen} screen
 */
export function patienceMs(screen) {
  if (screen === "joining") return null;
  return screen === "ticket" ? TICKET_MS : IDLE_MS;
}

/**
 * Whether nobody has chosen anything yet.
 *
 * @param {Guest} guest
 * @param {Language} language the kiosk's own
 */
export function isNobody(guest, language) {
  return JSON.stringify({ ...guest, leaveAt: null }) === JSON.stringify(nobody(language));
}

/**
 * Seconds to the return when it is near enough to be told, else null.
 *
 * @param {Pick<Guest, "screen" | "leaveAt">} guest
 * @param {number} now
 */
export function secondsToLeave({ screen, leaveAt }, now) {
  if (leaveAt === null) return null;
  const leftMs = Math.min(Math.max(0, leaveAt - now), patienceMs(screen) ?? 0);
  return screen === "ticket" || leftMs <= WARN_MS ? Math.ceil(leftMs / 1_000) : null;
}
