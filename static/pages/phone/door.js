/**
 * The code at the door, where being there has to be shown.
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
export function doorSheet({ failure, busy }, act) {
  return html`<form class="stack" @submit=${(/** @type {Event} */ event) => submitted(event, act)}>
    <h2>${t("phone.door_title")}</h2>
    <p id="door-hint">${t("phone.door_text")}</p>
    <div class="field">
      <label for="door">${t("phone.door")}</label>
      <input
        class="input code"
        id="door"
        name="door"
        inputmode="numeric"
        autocomplete="one-time-code"
        maxlength="4"
        autofocus
        aria-describedby="door-hint door-error"
        aria-invalid=${failure !== null}
      />
      <p class="error" id="door-error" role="alert">${failure ? failureWords(failure.error) : nothing}</p>
    </div>
    <button class="button leading" data-testid="door-confirm" aria-disabled=${busy !== null}>
      ${busy ? t("phone.sending") : t("phone.check_in")}
    </button>
    <button class="button" type="button" @click=${() => act.show(null)}>${t("close")}</button>
  </form>`;
}

/** @param {unknown} error */
function failureWords(error) {
  const { code } = /** @type {{ code?: string }} */ (error);
  return code === "door_code" || code === "invalid" ? t("phone.door_wrong") : reason(error);
}

/**
 * @param {Event} event
 * @param {Act} act
 */
function submitted(event, act) {
  event.preventDefault();
  const input = /** @type {HTMLFormElement} */ (event.currentTarget).querySelector("input");
  if (!input) return;
  void act.checkIn(input.value.trim());
  input.select();
  input.focus();
}
