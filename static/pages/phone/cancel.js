/**
 * Giving up one's place: what is lost, before it is.
 *
 * @import { State } from "./state.js"
 * @import { Act } from "../phone.js"
 * @import { TicketFrame } from "#api"
 */
import { html, nothing } from "../../lib/template.js";
import { t } from "../../lib/i18n.js";
import { reason } from "../../lib/refusal.js";
import { aheadWords } from "./place.js";

/**
 * @param {State} state
 * @param {Act} act
 */
export function cancelSheet(state, act) {
  const frame = /** @type {TicketFrame} */ (state.frame);
  const ordered = frame.items.reduce((sum, { quantity, lost = 0 }) => sum + quantity - lost, 0);
  const place = frame.state === "called" ? t("state.called") : aheadWords(frame);
  return html`<div class="stack">
    <h2>${t("phone.cancel_title")}</h2>
    <ul class="bullets">
      <li>${t("phone.cancel_place", { number: frame.number, place })}</li>
      ${ordered > 0 ? html`<li>${t("phone.cancel_order", { n: ordered })}</li>` : nothing}
    </ul>
    <p class="muted small">${t("phone.cancel_undo")}</p>
    ${state.failure ? html`<p class="notice now" role="alert">${reason(state.failure.error)}</p>` : nothing}
    <button class="button leading" type="button" @click=${() => act.show(null)}>${t("phone.cancel_keep")}</button>
    <button
      class="button danger"
      type="button"
      data-testid="cancel-confirm"
      aria-disabled=${state.busy !== null}
      @click=${act.cancel}
    >
      ${state.busy ? t("phone.sending") : t("phone.cancel_confirm")}
    </button>
  </div>`;
}
