/** One card per line: who waits and how long it takes for this party, before anybody joins. One is chosen. */
import { range } from "../lib/format.js";
import { html, live, repeat } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { barrier, because, etaOf } from "./openness.js";

/** @import { BoardFrame, LineView } from "#api" */

/**
 * @typedef {object} LineChoice
 * @property {BoardFrame} frame
 * @property {string | null} chosen a line's letter
 * @property {number} party how many people
 * @property {boolean} old whether the counts are from before
 * @property {string} [timeZone] the restaurant's
 * @property {(line: string) => void} choose
 */

/** @param {LineChoice} choice */
export function lineChoice(choice) {
  return html`<fieldset class="lines">
    <legend class="aside">${t("join.which_line")}</legend>
    ${repeat(
      choice.frame.lines,
      (line) => line.line,
      (line) => card(line, choice),
    )}
  </fieldset>`;
}

/**
 * @param {LineView} line
 * @param {LineChoice} choice
 */
function card(line, { frame, chosen, party, old, timeZone, choose }) {
  const closed = barrier(frame.restaurant, line);
  const why = closed ? because(closed, timeZone) : "";
  return html`<label class="line-card" data-line=${line.line} data-open=${closed ? "false" : "true"}>
    <input
      type="radio"
      name="line"
      value=${line.line}
      .checked=${live(line.line === chosen)}
      ?disabled=${closed !== null}
      @change=${() => choose(line.line)}
    />
    <span class="line-letter" aria-hidden="true">${line.line}</span>
    <span class="line-name">${line.name}</span>
    ${closed
      ? html`<span class="tag soon">${t(`open.${closed.state}`)}</span>
          ${why ? html`<span class="line-why muted">${why}</span>` : ""}`
      : html`<span class="line-wait ${old ? "old" : ""}">
          <span class="line-count">${t("join.waiting", { n: line.waiting })}</span>
          <span class="line-range" data-testid="range">${line.waiting === 0 ? t("join.nobody") : range(etaOf(line, party))}</span>
        </span>`}
  </label>`;
}
