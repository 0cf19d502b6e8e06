/** Whether a guest may take a number here, and what stands in the way. Pure, but for the words at the end. */
import { timeOfDay } from "../lib/format.js";
import { t } from "../lib/i18n.js";

/** @import { BoardFrame, Eta, LineView, OpenState } from "#api" */

/** @typedef {{ state: OpenState, reason?: string | null, until?: number | null }} Openness */

/**
 * What keeps guests from joining a line: the restaurant's state, or else its own. Null: nothing.
 *
 * @param {Openness} restaurant
 * @param {Openness} line
 * @returns {Openness | null}
 */
export function barrier(restaurant, line) {
  if (restaurant.state !== "open") return restaurant;
  return line.state === "open" ? null : line;
}

/**
 * The line a guest means: the chosen one while it is open, else the first that is.
 *
 * @param {BoardFrame | null} frame
 * @param {string | null} chosen
 * @returns {LineView | null}
 */
export function lineMeant(frame, chosen) {
  if (!frame) return null;
  const open = frame.lines.filter((line) => !barrier(frame.restaurant, line));
  return open.find((line) => line.line === chosen) ?? open[0] ?? null;
}

/**
 * The wait of a party of this size. Sizes beyond those listed wait like the largest listed.
 *
 * @param {LineView} line
 * @param {number} party
 * @returns {Eta | null}
 */
export function etaOf(line, party) {
  const listed = line.eta_by_party.filter((entry) => entry.party <= party).sort((a, b) => b.party - a.party)[0];
  return listed?.eta ?? null;
}

/** @param {BoardFrame} frame */
export function totals(frame) {
  return {
    waiting: frame.lines.reduce((sum, line) => sum + line.waiting, 0),
    today: frame.lines.reduce((sum, line) => sum + line.today, 0),
  };
}

/**
 * Until when, and why, in one line; empty when neither is known.
 *
 * @param {Openness} openness
 * @param {string} [timeZone] the restaurant's
 */
export function because({ reason, until }, timeZone) {
  const time = until ? t("join.until", { time: timeOfDay(until, timeZone) }) : "";
  return [reason, time].filter(Boolean).join(" · ");
}
