/** Nobody has answered yet: what happens next, and the way out. */
import { duration } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";

/** @import { View } from "./page.js" */

/** Shorter waits are not worth counting, ms. */
const SHORT_MS = 2_000;

/** @type {View} */
export function joining({ guest, now }, dispatch) {
  const sinceMs = guest.joining ? now - guest.joining.sinceMs : 0;
  return {
    show: html`<h1 class="kiosk-title" tabindex="-1">${t("kiosk.cut")}</h1>
      <p class="kiosk-lead" role="status">${t("kiosk.cut_then")}</p>
      <p class="kiosk-lead">${t("kiosk.cut_once")}</p>`,
    touch: html`<p class="muted">${sinceMs < SHORT_MS ? "" : t("kiosk.cut_since", { time: duration(sinceMs) })}</p>
      <button
        type="button"
        class="button kiosk-wide"
        data-testid="give-up"
        @click=${() => dispatch({ type: "sheet", sheet: "give_up" })}
      >
        ${t("kiosk.give_up")}
      </button>`,
  };
}
