/** Where a guest stands, in words. */
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
