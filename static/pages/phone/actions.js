/**
 * The three things a guest can do, within the thumb.
 *
 * @import { State } from "./state.js"
 * @import { Act } from "../phone.js"
 */
import { html, nothing } from "../../lib/template.js";
import { t } from "../../lib/i18n.js";
import { reason } from "../../lib/refusal.js";

/**
 * @param {State} state
 * @param {Act} act
 */
export function actions({ frame, busy, failure, sheet, link }, act) {
  if (!frame || link.phase === "ended" || !["waiting", "called"].includes(frame.state)) return nothing;
  const isBusy = busy !== null;
  return html`<nav class="actions" aria-label=${t("phone.actions")}>
    ${failure && !sheet ? html`<p class="notice now" role="alert">${reason(failure.error)}</p>` : nothing}
    <button class="button" type="button" data-testid="delay" aria-haspopup="dialog" @click=${() => act.show("delay")}>
      ${t("phone.delay")}
    </button>
    ${frame.checked_in
      ? html`<p class="button here" data-testid="checked-in">${t("phone.checked_in")}</p>`
      : html`<button
          class="button leading"
          type="button"
          data-testid="check-in"
          aria-disabled=${isBusy}
          @click=${() => act.checkIn()}
        >
          ${busy === "check-in" ? t("phone.sending") : t("phone.check_in")}
        </button>`}
    <button class="button danger" type="button" data-testid="cancel" aria-haspopup="dialog" @click=${() => act.show("cancel")}>
      ${t("phone.cancel")}
    </button>
  </nav>`;
}
