/** Whose board it is, whether it can be heard, whether it is live. */
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { liveState } from "../../lib/live-state.js";

/**
 * @import { BoardRestaurant } from "#api"
 * @import { Key } from "../../lib/i18n.js"
 * @import { State } from "./state.js"
 */

/** @type {Record<State["sound"], Key>} */
const SOUND_WORDS = { off: "board.sound_off", on: "board.sound_on", muted: "board.sound_muted" };

/**
 * @param {State} state
 * @param {BoardRestaurant} restaurant
 * @param {{ toggleSound: () => void }} acts
 */
export function top({ sound, voiceless, link, now }, restaurant, { toggleSound }) {
  return html`<header class="top">
    <h1><bdi>${restaurant.name}</bdi></h1>
    <span class="open-state" data-state=${restaurant.state}>${t(`open.${restaurant.state}`)}</span>
    <div class="hearing">
      ${sound === "on" && voiceless.length > 0
        ? html`<p class="voiceless">${t("board.voiceless", { languages: voiceless.join(" · ") })}</p>`
        : ""}
      <button
        type="button"
        class=${sound === "off" ? "button" : "button quiet"}
        data-testid="sound"
        data-state=${sound}
        aria-pressed=${sound === "on"}
        @click=${toggleSound}
      >
        ${speaker(sound)} ${t(SOUND_WORDS[sound])}
      </button>
    </div>
    ${liveState(link, now)}
  </header>`;
}

/** @param {State["sound"]} sound */
function speaker(sound) {
  return html`<svg class="speaker" viewBox="0 0 24 24" aria-hidden="true">
    <path d="M4 9v6h4l5 4V5L8 9z"></path>
    <path d=${sound === "on" ? "M16 8.5a5 5 0 0 1 0 7M18.5 5.5a9 9 0 0 1 0 13" : "M16.5 9.5l5 5M21.5 9.5l-5 5"}></path>
  </svg>`;
}
