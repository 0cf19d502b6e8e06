/** What everybody in the room should know first: the connection, the announcement, no new numbers. */
import { ago, timeOfDay } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { freshness } from "../../lib/link.js";
import { isOld } from "./state.js";

/**
 * @import { BoardFrame } from "#api"
 * @import { Key } from "../../lib/i18n.js"
 * @import { State } from "./state.js"
 */

/** What it means for guests. @type {Record<BoardFrame["restaurant"]["state"], Key>} */
export const STATE_WORDS = {
  open: "open.open",
  paused: "board.paused",
  closed: "board.closed",
  direct: "board.direct",
  other: "open.other",
};

/**
 * The connection is gone: what is shown is from before.
 *
 * @param {State} state
 */
export function cutBand(state) {
  if (!isOld(state)) return "";
  const { ageMs } = freshness(state.link, state.now);
  return html`<div class="band cut" data-testid="cut">
    <strong role="alert">${t("board.cut")}</strong>
    ${ageMs === null ? "" : html`<span>${t("board.cut_age", { ago: ago(ageMs) })}</span>`}
    <span>${t("board.cut_ask")}</span>
  </div>`;
}

/** @param {BoardFrame} frame */
export function announcement({ announcement: said }) {
  if (!said) return "";
  return html`<p class="band announcement" data-testid="announcement" data-long=${said.text.length > 80} role="status">
    <bdi>${said.text}</bdi>
  </p>`;
}

/**
 * No new numbers, while numbers given out before are still called.
 *
 * @param {State} state
 * @param {BoardFrame} frame
 */
export function closedBand({ timeZone }, { restaurant }) {
  if (restaurant.state === "open") return "";
  return html`<p class="band state" data-testid="state-band">
    <strong>${t(STATE_WORDS[restaurant.state] ?? "open.other")}</strong> ${until(restaurant, timeZone)}
    ${restaurant.reason ? html`<bdi>${restaurant.reason}</bdi>` : ""}
  </p>`;
}

/**
 * When it goes on, if that is known.
 *
 * @param {{ until?: number | null }} thing
 * @param {string} [timeZone]
 */
export function until({ until: time }, timeZone) {
  return time ? html`<span>${t("board.until", { time: timeOfDay(time, timeZone) })}</span>` : "";
}
