/** Always in reach, at the foot where also a seated guest gets at it: language, large type, low position, the start. */
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { languageSwitch } from "../../parts/languages.js";

/** @import { Guest } from "./guest.js" */
/** @import { Action } from "./state.js" */

/**
 * @param {Guest} guest
 * @param {(action: Action) => void} dispatch
 * @param {boolean} away there is something to go back to the start from
 */
export function tools(guest, dispatch, away) {
  return html`<footer class="kiosk-tools">
    ${languageSwitch((language) => dispatch({ type: "language", language }))}
    <div class="kiosk-switches">
      ${toggle("large", "가", t("kiosk.large"), guest, dispatch)} ${toggle("low", "♿︎", t("kiosk.low"), guest, dispatch)}
    </div>
    ${away && !guest.joining ? wayBack(guest, dispatch) : ""}
  </footer>`;
}

/**
 * One step back keeps what was chosen; the start keeps nothing.
 *
 * @param {Guest} guest
 * @param {(action: Action) => void} dispatch
 */
function wayBack({ screen }, dispatch) {
  const step = screen === "options";
  const back = () => dispatch(step ? { type: "go", screen: "start", now: Date.now() } : { type: "left" });
  return html`<button type="button" class="button" data-testid="back" @click=${back}>
    ${step ? t("back") : t("to_start")}
  </button>`;
}

/**
 * @param {"large" | "low"} what
 * @param {string} sign
 * @param {string} label
 * @param {Guest} guest
 * @param {(action: Action) => void} dispatch
 */
function toggle(what, sign, label, guest, dispatch) {
  return html`<button
    type="button"
    class="button"
    data-testid=${what}
    aria-pressed=${guest[what] ? "true" : "false"}
    @click=${() => dispatch({ type: "toggle", what })}
  >
    <span class="kiosk-sign" aria-hidden="true">${sign}</span> ${label}
  </button>`;
}
