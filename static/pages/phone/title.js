/**
 * Number and place in the title, so that a tab in the background tells them.
 *
 * @import { TicketFrame } from "#api"
 */
import { t } from "../../lib/i18n.js";
import { aheadWords } from "./place.js";

/** @param {TicketFrame | null} frame */
export function titleOf(frame) {
  if (!frame) return t("phone.title");
  if (frame.state === "called") return t("phone.title_called", { number: frame.number });
  const place = frame.state === "waiting" ? aheadWords(frame) : t(`state.${frame.state}`);
  return `${frame.number} · ${place}`;
}
