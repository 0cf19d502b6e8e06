/** The hero: who is called, and where to go; or, with nobody called, what is going on. */
import { html, repeat } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { STATE_WORDS, until } from "./bands.js";
import { callKey, LARGE_LEN_MAX } from "./numbers.js";

/**
 * @import { BoardFrame, LineView } from "#api"
 * @import { Call } from "./numbers.js"
 * @import { State } from "./state.js"
 */

/**
 * @param {State} state
 * @param {BoardFrame} frame
 * @param {LineView[]} lines
 * @param {Call[]} calls
 */
export function stage(state, frame, lines, calls) {
  return html`<div class="stage">
    <section class="now" data-testid="now-calling" aria-labelledby="now-calling">
      <h2 id="now-calling">${t("board.now")}</h2>
      <p class="aside" role="status">${calls.length > 0 ? `${calls[0].number} ${placeOf(calls[0])}` : ""}</p>
      ${calls.length > 0 ? called(state, calls) : ""}
    </section>
    ${calls.length > 0 ? "" : nobody(state, frame, lines)}
  </div>`;
}

/** @param {Pick<Call, "to" | "name">} call */
function placeOf({ to, name }) {
  return to ?? name;
}

/**
 * @param {State} state
 * @param {Call[]} calls
 */
function called(state, calls) {
  const large = calls.slice(0, LARGE_LEN_MAX);
  const others = calls.slice(LARGE_LEN_MAX);
  return html`<ol class="calls">
      ${repeat(large, callKey, (call) => {
        const fresh = !state.old?.has(callKey(call));
        return html`<li class="call" data-fresh=${fresh} data-long=${call.number.length > 4} data-testid="call">
          <div class="call-inside">
            <span class="call-number" data-testid="number">${call.number}</span>
            <span class="call-place" data-long=${placeOf(call).length > 12}>
              <bdi>${placeOf(call)}</bdi> ${call.calls > 1 ? html`<span class="again">${t("board.again")}</span>` : ""}
            </span>
          </div>
        </li>`;
      })}
    </ol>
    ${others.length > 0
      ? html`<div class="others">
          <h3>${t("board.others")}</h3>
          <ol>
            ${repeat(others, callKey, ({ number }) => html`<li data-testid="other-call">${number}</li>`)}
          </ol>
        </div>`
      : ""}`;
}

/**
 * @param {State} state
 * @param {BoardFrame} frame
 * @param {LineView[]} lines
 */
function nobody({ timeZone }, { restaurant }, lines) {
  const waiting = lines.reduce((sum, line) => sum + line.waiting, 0);
  const isOpen = restaurant.state === "open";
  return html`<div class="nobody" data-testid="nobody" data-state=${restaurant.state}>
    <p class="nobody-title">
      ${isOpen ? t(waiting > 0 ? "board.soon" : "board.none_waiting") : t(STATE_WORDS[restaurant.state] ?? "open.other")}
    </p>
    ${isOpen
      ? waiting > 0
        ? nextOf(lines)
        : html`<p class="nobody-text">${t("board.welcome")}</p>`
      : html`<p class="nobody-text">
            ${until(restaurant, timeZone)} ${restaurant.reason ? html`<bdi>${restaurant.reason}</bdi>` : ""}
          </p>
          ${waiting > 0 ? html`<p class="nobody-text">${t("board.still_called")}</p>` : ""}`}
  </div>`;
}

/** @param {LineView[]} lines */
function nextOf(lines) {
  const next = lines.filter((line) => line.next.length > 0).slice(0, LARGE_LEN_MAX);
  return html`<dl class="upcoming">
    ${next.map(
      (line) => html`<div>
        <dt><bdi>${line.name}</bdi></dt>
        <dd>${line.next.map((number) => html`<span class="upcoming-number">${number}</span>`)}</dd>
      </div>`,
    )}
  </dl>`;
}
