/**
 * The page as a function of its state: which of the screens, and the sheet over it.
 *
 * @import { State } from "./state.js"
 * @import { Act } from "../phone.js"
 */
import { html } from "../../lib/html.js";
import { LANGUAGES, spoken, t } from "../../lib/i18n.js";
import { liveState } from "../../lib/live-state.js";
import { actions } from "./actions.js";
import { alerts } from "./alerts.js";
import { calledScreen } from "./called.js";
import { endedScreen } from "./ended.js";
import { others } from "./language.js";
import { lostScreen, nothingScreen } from "./lost.js";
import { openSheet } from "./sheets.js";
import { isOld } from "./state.js";
import { waitingScreen } from "./waiting.js";

/**
 * @param {State} state
 * @param {Act} act
 * @param {number} now
 */
export function page(state, act, now) {
  const mood = state.frame?.state === "called" && !isGone(state) ? "called" : "calm";
  return html`<div class="phone" data-mood=${mood} data-old=${isOld(state, now)}>
    ${header(state, act, now)}
    <main>${screen(state, act, now)}</main>
    ${actions(state, act, now)} ${openSheet(state, act)}
    <p class="aside" aria-live="assertive" data-testid="alarm">${mood === "called" ? calledWords(state) : ""}</p>
  </div>`;
}

/**
 * @param {State} state
 * @param {Act} act
 * @param {number} now
 */
function screen(state, act, now) {
  if (isGone(state)) return state.link.code === 410 ? lostScreen(state, now) : nothingScreen();
  switch (state.frame?.state) {
    case undefined:
      return html`<p class="notice" role="status">${t("loading")}</p>`;
    case "waiting":
      return [waitingScreen(state, act, now), alerts(state, act)];
    case "called":
      return [calledScreen(state, act, now), alerts(state, act)];
    default:
      return endedScreen(state, act, now);
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
      ${liveState(link, now)}
      <nav aria-label=${t("language")}>
        ${others(spoken()).map(
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
 * Whether the server knows this ticket no more.
 *
 * @param {State} state
 */
function isGone({ link }) {
  return link.phase === "ended" && link.code !== 1000;
}

/** @param {State} state */
function calledWords({ frame }) {
  return frame ? t("phone.called_aloud", { number: frame.number, to: frame.to ?? frame.line_name }) : "";
}
