/** Where a guest stands, in words and as a share of the way. */
import { t } from "../../lib/i18n.js";

/** @import { TicketFrame } from "#api" */

/** @param {number} ahead */
export function aheadOf(ahead) {
  return ahead === 0 ? t("ahead.next") : t("ahead.n", { n: ahead });
}

/** @param {TicketFrame} frame */
export function aheadWords(frame) {
  return aheadOf(frame.ahead ?? 0);
}

/** Adults and children. @param {{ adults: number, children: number }} party */
export function partyWords({ adults, children }) {
  if (children === 0) return t("party.people", { n: adults });
  return `${t("party.adults", { n: adults })}, ${t("party.children", { n: children })}`;
}

/**
 * How much of the way is done, 0 to 1. Who was put back or let others go first may be further away than at joining.
 *
 * @param {{ ahead?: number | null, ahead_at_join: number }} ticket
 */
export function wayDone({ ahead, ahead_at_join: start }) {
  const left = ahead ?? 0;
  return left === 0 ? 1 : Math.max(0, 1 - left / Math.max(start, left));
}

/**
 * Number and place for the title, so that a tab in the background tells them.
 *
 * @param {TicketFrame | null} frame
 * @param {boolean} [isLost]
 */
export function titleOf(frame, isLost = false) {
  if (!frame) return t("phone.title");
  if (isLost) return t("phone.title_lost", { number: frame.number });
  if (frame.state === "called") return t("phone.title_called", { number: frame.number });
  const place = frame.state === "waiting" ? aheadWords(frame) : t(`state.${frame.state}`);
  return `${frame.number} · ${place}`;
}
