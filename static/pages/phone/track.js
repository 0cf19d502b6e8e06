/**
 * The way from joining to the door, filling as parties leave.
 *
 * @import { TicketFrame } from "#api"
 */
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";

/**
 * How much of the way is done, 0 to 1. Who was put back or let others go first may be further away than at joining.
 *
 * @param {{ ahead?: number | null, ahead_at_join: number }} ticket
 */
export function wayDone({ ahead, ahead_at_join: start }) {
  const left = ahead ?? 0;
  return left === 0 ? 1 : Math.max(0, 1 - left / Math.max(start, left));
}

/** @param {TicketFrame} frame */
export function track(frame) {
  const done = wayDone(frame);
  const gone = Math.max(0, frame.ahead_at_join - (frame.ahead ?? 0));
  return html`<div class="way">
    <svg role="img" aria-label=${t("phone.way", { start: frame.ahead_at_join, gone })} width="100%">
      <rect class="way-all" width="100%" height="100%"></rect>
      <rect class="way-done" width="${Math.round(done * 100)}%" height="100%"></rect>
    </svg>
    <p class="way-ends" aria-hidden="true"><span>${t("phone.way_start")}</span><span>${t("phone.way_end")}</span></p>
  </div>`;
}
