/**
 * Open, walk straight in, paused, closed: the restaurant or one line, for a time or until further notice.
 *
 * @import { Scene } from "../views/parts.js"
 */
import { timeOfDay } from "../../../lib/format.js";
import { html, live, nothing } from "../../../lib/html.js";
import { t } from "../../../lib/i18n.js";
import { choice, commandButton } from "../views/parts.js";

const STATES = /** @type {const} */ (["open", "direct", "paused", "closed"]);

/** Minutes after which it opens again by itself; 0 for never. */
export const MINUTES = [0, 10, 20, 30, 60];

const REASON_LEN_MAX = 200;

/** @param {Scene} scene @param {Record<string, any>} draft */
export function opening(scene, draft) {
  const { queue, state, at, on } = scene;
  const place = queue.lines.find(({ line }) => line === draft.line) ?? queue.restaurant;
  const choose = (/** @type {string | null} */ line) => {
    const next = queue.lines.find((each) => each.line === line) ?? queue.restaurant;
    on.draft({ line, state: next.state, minutes: 0, why: next.reason ?? "" });
  };
  return {
    label: t("console.opening_title"),
    body: html`<div class="stack">
      <div class="choices" role="group" aria-label=${t("console.opening_of")}>
        ${choice(t("console.whole"), draft.line === null, () => choose(null))}
        ${queue.lines.map(({ line, name }) => choice(html`<bdi>${t("console.line_name", { line, name })}</bdi>`, draft.line === line, () => choose(line)))}
      </div>
      <p class="muted">
        ${t("console.now_is", { state: t(`open.${place.state}`) })}${place.until
          ? html` · ${t("console.until", { time: timeOfDay(place.until, state.shop.timeZone) })}`
          : nothing}
      </p>
      <div class="states" role="group" aria-label=${t("console.opening_title")}>
        ${STATES.map((each) =>
          choice(
            html`<b>${t(`open.${each}`)}</b><small>${t(`console.means.${each}`)}</small>`,
            draft.state === each,
            () => on.draft({ state: each }),
            "two-line",
          ),
        )}
      </div>
      ${draft.state === "open" ? nothing : html`${minutes(draft.minutes, on.draft, at, state.shop.timeZone)} ${reasonField(scene, draft)}`}
      ${commandButton(scene, {
        label: t("console.apply"),
        press: () => void on.setState(/** @type {any} */ (draft)),
        kind: "leading",
        busy: "opening" in state.pending,
        testid: "opening-do",
      })}
    </div>`,
  };
}

/**
 * For how long, with the time at which that ends.
 *
 * @param {number} chosen
 * @param {(draft: Record<string, any>) => void} set
 * @param {number} at
 * @param {string | undefined} timeZone
 */
export function minutes(chosen, set, at, timeZone) {
  return html`<div class="field" role="group" aria-label=${t("console.how_long")}>
    <span class="label">${t("console.how_long")}</span>
    <div class="choices">
      ${MINUTES.map((n) => choice(n === 0 ? t("console.no_end") : t("duration.minutes", { n }), chosen === n, () => set({ minutes: n })))}
    </div>
    ${chosen ? html`<small class="muted">${t("console.until", { time: timeOfDay(at + chosen * 60_000, timeZone) })}</small>` : nothing}
  </div>`;
}

/** @param {Scene} scene @param {Record<string, any>} draft */
function reasonField({ on }, { why }) {
  return html`<div class="field">
    <label for="opening-why">${t("console.opening_why")}</label>
    <input
      id="opening-why"
      class="input"
      maxlength=${REASON_LEN_MAX}
      autocomplete="off"
      .value=${live(why)}
      @input=${(/** @type {any} */ event) => on.draft({ why: event.target.value })}
    />
  </div>`;
}
