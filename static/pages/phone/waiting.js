/**
 * Waiting: the number, how many are ahead, how long, and what just moved.
 *
 * @import { State } from "./state.js"
 * @import { Act } from "../phone.js"
 * @import { TicketFrame } from "#api"
 */
import { range, timeOfDay } from "../../lib/format.js";
import { html, nothing } from "../../lib/template.js";
import { t } from "../../lib/i18n.js";
import { announcement, newsLines, standing } from "./notices.js";
import { order } from "./order.js";
import { aheadWords, partyWords, wayDone } from "./place.js";

/**
 * @param {State} state
 * @param {Act} act
 * @param {number} now
 */
export function waitingScreen(state, act, now) {
  const frame = /** @type {TicketFrame} */ (state.frame);
  return html`${announcement(frame)}
    <section class="ticket" aria-label=${t("phone.my_place")}>
      <p class="number" data-testid="number">${frame.number}</p>
      <p class="may-differ">${t("order.may_differ")}</p>
      <hr />
      <p class="ahead" data-testid="ahead" aria-live="polite">${aheadWords(frame)}</p>
      ${wait(frame)} ${track(frame)}
    </section>
    ${standing(frame)} ${newsLines(state, now)} ${askForSound(state, act)} ${facts(frame)} ${order(state, act)}`;
}

/** @param {TicketFrame} frame */
function wait(frame) {
  const { eta, eta_record: record } = frame;
  const { hit, n } = /** @type {{ hit?: number, n?: number }} */ (record ?? {});
  return html`<div class="wait">
    <p class="range ${eta ? "" : "unknown"}" data-testid="range">${range(eta)}</p>
    ${eta ? html`<p class="muted small" data-testid="trust">${trust(eta)}</p>` : nothing}
    ${eta && hit !== undefined && n ? html`<p class="muted small">${t("phone.record", { hit, n })}</p>` : nothing}
  </div>`;
}

/** The way from joining to the door, filling as parties leave. @param {TicketFrame} frame */
function track(frame) {
  const done = wayDone(frame);
  const gone = Math.max(0, frame.ahead_at_join - (frame.ahead ?? 0));
  return html`<div class="way">
    <svg role="img" aria-label=${t("phone.way", { start: frame.ahead_at_join, gone })} width="100%">
      <rect class="way-all" width="100%" height="100%"></rect>
      <rect class="way-done" width="${Math.round(done * 100)}%" height="100%"></rect>
    </svg>
    <p class="way-ends" aria-hidden="true"><span>${t("phone.way_start")}</span><span>${t("phone.way_end")}</span></p>
  </div>`;
}

/** How far to trust a range. @param {{ rough: boolean, target: number }} eta */
function trust({ rough, target }) {
  if (rough) return t("phone.rough");
  return target === 80 ? t("phone.four_of_five") : t("phone.target", { target });
}

/**
 * A page may sound only after a touch, so it is asked for as long as there is time.
 *
 * @param {State} state
 * @param {Act} act
 */
function askForSound({ sound }, act) {
  if (!sound.wanted || sound.allowed) return nothing;
  return html`<section class="ask-sound">
    <p>${t("phone.sound_ask")}</p>
    <button class="button leading" type="button" data-testid="sound-on" @click=${() => act.wantSound(true)}>
      ${t("phone.sound_on")}
    </button>
  </section>`;
}

/** @param {TicketFrame} frame */
export function facts(frame) {
  const joined = timeOfDay(frame.joined_at);
  const { eta_at_join: promised } = frame;
  return html`<dl class="facts">
    <div><dt>${t("phone.line")}</dt><dd>${frame.line_name}</dd></div>
    <div><dt>${t("phone.party")}</dt><dd>${partyWords(frame)}</dd></div>
    <div><dt>${t("phone.where")}</dt><dd>${frame.checked_in ? t("phone.here") : t("phone.not_here_yet")}</dd></div>
    <div>
      <dt>${t("phone.joined")}</dt>
      <dd>${joined}${promised ? html`<span class="muted"> · ${t("phone.said", { range: range(promised) })}</span>` : nothing}</dd>
    </div>
  </dl>`;
}
