/**
 * The foot: from which line, for which table, where to, and the one large button.
 *
 * @import { Scene } from "./parts.js"
 */
import { html, live, nothing } from "../../../lib/html.js";
import { t } from "../../../lib/i18n.js";
import { BAND_NAMES, people, upNext } from "../selectors.js";
import { choice, commandButton } from "./parts.js";

/** Longest text the server takes for where to come to. */
const TO_LEN_MAX = 60;

/** @param {Scene} scene */
export function foot(scene) {
  const { state, queue, on } = scene;
  const next = upNext(state);
  return html`<section class="foot" aria-label=${t("console.call_next")}>
    <div class="foot-ways">
      ${queue.lines.length > 1
        ? html`<div class="choices" role="group" aria-label=${t("console.from_line")}>
            ${queue.lines.map(({ line, name }) =>
              choice(html`<bdi>${t("console.line_name", { line, name })}</bdi>`, state.line === line, () => on.change({ line })),
            )}
          </div>`
        : nothing}
      <div class="choices" role="group" aria-label=${t("console.for_table")}>
        ${BAND_NAMES.map((band) => choice(t(`console.band.${band}`), state.band === band, () => on.change({ band })))}
      </div>
      <div class="to">
        <label for="to">${t("console.to")}</label>
        <input
          id="to"
          class="input"
          list="places"
          autocomplete="off"
          maxlength=${TO_LEN_MAX}
          placeholder=${t("console.to_example")}
          .value=${live(state.to)}
          @input=${(/** @type {any} */ event) => on.change({ to: event.target.value })}
        />
        <datalist id="places">${state.places.map((place) => html`<option value=${place}></option>`)}</datalist>
      </div>
    </div>
    ${commandButton(scene, {
      label: html`<span class="call-words">${t("console.call_next")}</span>
        <span class="call-who"
          >${next ? html`${next.number} · ${t("party.people", { n: people(next) })}` : state.band === "all" ? t("refusal.line_empty") : t("console.none_fits")}</span
        >`,
      press: on.callNext,
      kind: "leading call-next",
      busy: "call-next" in state.pending,
      testid: "call-next",
    })}
  </section>`;
}
