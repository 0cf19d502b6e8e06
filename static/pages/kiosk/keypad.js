/** Ten digits, a step back, and away with all of it. */
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";

const DIGITS = ["1", "2", "3", "4", "5", "6", "7", "8", "9"];

/** @param {(key: string) => void} press */
export function keypad(press) {
  const key = (/** @type {string} */ digit) =>
    html`<button type="button" class="button kiosk-key" @click=${() => press(digit)}>${digit}</button>`;
  return html`<div class="kiosk-keypad" role="group" aria-label=${t("kiosk.keypad")}>
    ${DIGITS.map(key)}
    <button type="button" class="button kiosk-key small-words" @click=${() => press("clear")}>${t("kiosk.clear")}</button>
    ${key("0")}
    <button type="button" class="button kiosk-key" aria-label=${t("kiosk.erase")} @click=${() => press("back")}>⌫</button>
  </div>`;
}
