/** Two ways to come back to a number: its page on the own phone, or its code. */
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { isLoopback, qr } from "../../lib/qr.js";

/**
 * @param {string} url of the ticket's page
 * @param {string} code
 */
export function follow(url, code) {
  return html`<div class="kiosk-follow">
      ${qr(url, t("kiosk.qr_label"))}
      <div class="kiosk-follow-words">
        <p class="kiosk-follow-title">${t("kiosk.on_phone")}</p>
        <p class="muted">${t("kiosk.on_phone_how")}</p>
        <p class="kiosk-code"><span>${t("kiosk.code")}</span> <strong data-testid="code">${code}</strong></p>
        <p class="muted">${t("kiosk.code_why")}</p>
      </div>
    </div>
    ${isLoopback(url) ? html`<p class="notice soon" data-testid="loopback">${t("kiosk.loopback")}</p>` : ""}`;
}
