/**
 * The page as a function of its state: which of the screens, and what is always there.
 *
 * @import { State } from "./state.js"
 * @import { Act } from "../phone.js"
 *
 * @typedef {typeof import("./later.js")} Later
 */
import { html } from "../../lib/template.js";
import { LANGUAGES, spoken, t } from "../../lib/i18n.js";
import { liveState } from "../../lib/live-state.js";
import { actions } from "./actions.js";
import { calledScreen } from "./called.js";
import { titleOf } from "./place.js";
import { isOld } from "./state.js";
import { waitingScreen } from "./waiting.js";

/**
 * @param {State} state
 * @param {Act} act
 * @param {number} now
 * @param {Later | undefined} later what opens over it and what comes at the end, once loaded
 */
export function page(state, act, now, later) {
  const mood = state.frame?.state === "called" && !isGone(state) ? "called" : "calm";
  return html`<div class="phone" data-mood=${mood} data-old=${isOld(state, now)}>
    ${header(state, act, now)}
    <main>${screen(state, act, now, later)}</main>
    ${actions(state, act)} ${later?.openSheet(state, act)}
    <p class="aside" aria-live="assertive" data-testid="alarm">${mood === "called" ? calledWords(state) : ""}</p>
  </div>`;
}

/**
 * @param {State} state
 * @param {Act} act
 * @param {number} now
 * @param {Later | undefined} later
 */
function screen(state, act, now, later) {
  if (isGone(state)) return later?.goneScreen(state, now);
  switch (state.frame?.state) {
    case undefined:
      return html`<p class="notice" role="status">${t("loading")}</p>`;
    case "waiting":
      return [waitingScreen(state, act, now), alerts(state, act)];
    case "called":
      return [calledScreen(state, act, now), alerts(state, act)];
    default:
      return later?.endedScreen(state, act, now) ?? html`<p class="end">${titleOf(state.frame)}</p>`;
  }
}

/**
 * @param {State} state
 * @param {Act} act
 * @param {number} now
 */
function header({ frame, link }, act, now) {
  return html`<header class="top">
    <h1>${frame?.restaurant.name ?? t("phone.title")}</h1>
    <div class="spread">
      ${link.code === 404 ? html`<span></span>` : liveState(link, now)}
      <nav aria-label=${t("language")}>
        ${others().map(
          (language) =>
            html`<button class="button quiet small" type="button" lang=${language} @click=${() => act.speakIn(language)}>
              ${LANGUAGES[language].name}
            </button>`,
        )}
      </nav>
    </div>
  </header>`;
}

/**
 * The way to which alerts reach this phone.
 *
 * @param {State} state
 * @param {Act} act
 */
function alerts({ sound }, act) {
  const isHeard = sound.wanted && sound.allowed;
  return html`<button class="button quiet wide alerts" type="button" data-testid="alerts" aria-haspopup="dialog" @click=${() => act.show("alerts")}>
    <span>${t("phone.alerts")}</span>
    <span class="small">${isHeard ? t("phone.sound_is_on") : t("phone.sound_is_off")} ›</span>
  </button>`;
}

/** The languages that could be spoken instead. */
function others() {
  const all = /** @type {(keyof typeof LANGUAGES)[]} */ (Object.keys(LANGUAGES));
  return all.filter((language) => language !== spoken());
}

/**
 * Whether the server knows this ticket no more.
 *
 * @param {State} state
 */
export function isGone({ link }) {
  return link.phase === "ended" && link.code !== 1000;
}

/** @param {State} state */
function calledWords({ frame }) {
  return frame ? t("phone.called_aloud", { number: frame.number, to: frame.to ?? frame.line_name }) : "";
}
