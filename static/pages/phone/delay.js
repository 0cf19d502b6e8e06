/**
 * Letting others go first: how many, and where that leads, before it is done.
 *
 * @import { State } from "./state.js"
 * @import { Act } from "../phone.js"
 * @import { TicketFrame } from "#api"
 */
import { range } from "../../lib/format.js";
import { html, nothing } from "../../lib/template.js";
import { t } from "../../lib/i18n.js";
import { reason } from "../../lib/refusal.js";
import { behind, landing, placesMax } from "./landing.js";
import { aheadOf } from "./place.js";

/**
 * @param {State} state
 * @param {Act} act
 */
export function delaySheet(state, act) {
  const frame = /** @type {TicketFrame} */ (state.frame);
  const stop =
    frame.delays_left === 0 ? t("refusal.no_delays_left") : behind(frame, state.crowd) === 0 ? t("refusal.nobody_behind") : null;
  return html`<form class="stack" @submit=${(/** @type {Event} */ event) => submitted(event, stop === null, act)}>
    <h2>${t("phone.delay")}</h2>
    ${stop === null ? choice(state, frame, act) : html`<p class="notice" role="status">${stop}</p>`}
    ${state.failure ? html`<p class="notice now" role="alert">${reason(state.failure.error)}</p>` : nothing}
    ${stop === null
      ? html`<button class="button leading" data-testid="delay-confirm" aria-disabled=${state.busy !== null}>
          ${state.busy ? t("phone.sending") : t("phone.delay_confirm")}
        </button>`
      : nothing}
    <button class="button" type="button" @click=${() => act.show(null)}>${t("close")}</button>
  </form>`;
}

/**
 * @param {Event} event
 * @param {boolean} isPossible
 * @param {Act} act
 */
function submitted(event, isPossible, act) {
  event.preventDefault();
  if (isPossible) void act.delay();
}

/**
 * @param {State} state
 * @param {TicketFrame} frame
 * @param {Act} act
 */
function choice(state, frame, act) {
  const most = placesMax(frame, state.crowd);
  const places = Math.min(state.places, most);
  const to = landing(frame, places, state.crowd);
  const now = frame.state === "called" ? t("state.called") : aheadOf(frame.ahead ?? 0);
  return html`<p>${t("phone.delay_text")}</p>
    <div class="stepper" role="group" aria-label=${t("phone.delay_places")}>
      ${step("−", t("phone.fewer"), places > 1, () => act.choose(places - 1))}
      <output aria-live="polite" data-testid="places">${t("phone.parties", { n: places })}</output>
      ${step("+", t("phone.more"), places < most, () => act.choose(places + 1))}
    </div>
    <div class="landing" data-testid="landing" aria-live="polite">
      ${to
        ? html`<p class="strong">${now} <span aria-hidden="true">→</span> ${aheadOf(to.ahead)}</p>
            ${to.eta ? html`<p class="muted">${t("phone.delay_range", { range: range(to.eta) })}</p>` : nothing}`
        : html`<p class="muted">${t("phone.delay_unknown")}</p>`}
    </div>
    <p class="muted small">${t("phone.delays_left", { n: frame.delays_left })}</p>`;
}

/**
 * @param {string} sign
 * @param {string} label
 * @param {boolean} isPossible
 * @param {() => void} onClick
 */
function step(sign, label, isPossible, onClick) {
  return html`<button
    class="button"
    type="button"
    aria-label=${label}
    aria-disabled=${!isPossible}
    @click=${() => isPossible && onClick()}
  >
    ${sign}
  </button>`;
}
