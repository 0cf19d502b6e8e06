/** "I have a number": the number and its code. */
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { keypad } from "./keypad.js";
import { refusal } from "./refusal.js";

/** @import { LineView } from "#api" */
/** @import { View } from "./page.js" */
/** @import { Action } from "./state.js" */

/** @type {View} */
export function find(state, dispatch, commands) {
  const { finding, busy } = state.guest;
  const lines = state.frame?.lines ?? [];
  const letter = finding.letter ?? lines[0]?.line ?? "A";
  const complete = finding.number.length >= 3 && finding.code.length === 4;
  const field = (/** @type {"number" | "code"} */ name, /** @type {string} */ label, /** @type {string} */ value) =>
    html`<button
      type="button"
      class="button kiosk-field"
      data-testid="field-${name}"
      aria-pressed=${finding.field === name ? "true" : "false"}
      @click=${() => dispatch({ type: "field", field: name })}
    >
      <span class="kiosk-field-label">${label}</span><span class="kiosk-field-value">${value}</span>
    </button>`;
  return {
    show: html`<h1 class="kiosk-title" tabindex="-1">${t("join.have_number")}</h1>
      <p class="kiosk-lead">${t("kiosk.find_how")}</p>`,
    touch: html`${refusal(state, dispatch, commands)}
      <div class="kiosk-asked">
        ${lines.length > 1 ? letters(lines, letter, dispatch) : ""}
        <div class="kiosk-fields">
          ${field("number", t("join.number"), `${letter}${finding.number.padEnd(3, "_")}`)}
          ${field("code", t("kiosk.code"), finding.code.padEnd(4, "_"))}
        </div>
      </div>
      ${keypad((key) => dispatch({ type: "key", key }))}
      <div class="kiosk-ways one">
        <button
          type="button"
          class="button leading kiosk-leading"
          data-testid="find"
          aria-disabled=${complete && !busy ? "false" : "true"}
          @click=${() => complete && commands.find()}
        >
          ${t("join.find")}
        </button>
      </div>`,
  };
}

/**
 * The lines' letters, one chosen.
 *
 * @param {LineView[]} lines
 * @param {string} chosen
 * @param {(action: Action) => void} dispatch
 */
function letters(lines, chosen, dispatch) {
  return html`<div class="kiosk-letters" role="group" aria-label=${t("join.which_line")}>
    ${lines.map(
      ({ line }) =>
        html`<button
          type="button"
          class="button"
          aria-pressed=${line === chosen ? "true" : "false"}
          @click=${() => dispatch({ type: "letter", letter: line })}
        >
          ${line}
        </button>`,
    )}
  </div>`;
}
