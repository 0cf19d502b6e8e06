/**
 * The top: where one is and whether it is current, search, open or paused, the drawers, undo.
 *
 * @import { LineView, BoardRestaurant } from "#api"
 * @import { Scene } from "./parts.js"
 */
import { countdown } from "../../../lib/format.js";
import { html, live, nothing } from "../../../lib/html.js";
import { t, tOr } from "../../../lib/i18n.js";
import { liveState } from "../../../lib/live-state.js";
import { lastDone } from "../selectors.js";
import { commandButton, icon } from "./parts.js";

/** @param {Scene} scene */
export function top(scene) {
  const { state, queue, at, on } = scene;
  const last = lastDone(state, at);
  const soldOut = Object.values(queue.stock).filter((left) => left === 0).length;
  return html`<header class="top">
    <div class="where">
      <h1>${queue.restaurant.name}</h1>
      ${liveState(state.link)}
    </div>
    <form class="search" role="search" @submit=${openSelected(scene)}>
      ${icon("search")}
      <input
        id="search"
        class="input"
        type="search"
        autocomplete="off"
        aria-label=${t("console.search")}
        placeholder=${t("console.search")}
        .value=${live(state.search)}
        @input=${(/** @type {any} */ event) => on.search(event.target.value)}
      />
    </form>
    <div class="tools">
      ${commandButton(scene, { label: openingWords(scene), press: on.askOpening, kind: `opening ${queue.restaurant.state}`, testid: "opening" })}
      ${commandButton(scene, {
        label: html`${icon("dish")}<span>${t("console.stock")}</span>${soldOut > 0 ? html`<span class="tag now">${t("console.sold_out_n", { n: soldOut })}</span>` : nothing}`,
        press: on.askStock,
        testid: "stock",
      })}
      ${commandButton(scene, { label: html`${icon("speech")}<span>${t("console.announce")}</span>`, press: on.askAnnounce, testid: "announce" })}
      ${commandButton(scene, {
        label: html`${icon("undo")}<span>${last ? t(`console.undo.${last.did}`, { number: last.number }) : t("console.undo")}</span>`,
        press: on.undoLast,
        kind: "undo",
        off: !last,
        busy: Boolean(last && state.pending[last.id] === "undo"),
        testid: "undo",
      })}
      <button
        type="button"
        class="button only-icon"
        aria-pressed=${state.sound ? "true" : "false"}
        aria-label=${t("console.sound")}
        title=${state.sound ? t("console.sound_on") : t("console.sound_off")}
        data-testid="sound"
        @click=${() => on.change({ sound: !state.sound })}
      >
        ${icon(state.sound ? "sound" : "mute")}
      </button>
      <button type="button" class="button only-icon" aria-label=${t("console.menu")} data-testid="menu" @click=${on.askMenu}>${icon("menu")}</button>
    </div>
  </header>`;
}

/** Enter in the search opens what it found. @param {Scene} scene */
function openSelected({ on }) {
  return (/** @type {Event} */ event) => {
    event.preventDefault();
    const ticket = on.selected();
    if (ticket) on.actions(ticket);
  };
}

/** `접수 중`, and every line that is otherwise. @param {Scene} scene */
function openingWords({ queue, at }) {
  const others = queue.lines.filter(({ state }) => state !== "open");
  return html`<span class="dot" aria-hidden="true"></span>
    <span class="opening-words"
      ><span>${stateWords(queue.restaurant, at)}</span>${others.length > 0
        ? html`<small>${others.map((line) => `${line.line} ${stateWords(line, at)}`).join(" · ")}</small>`
        : nothing}</span
    >`;
}

/** @param {Pick<LineView | BoardRestaurant, "state" | "until">} place @param {number} at */
function stateWords({ state, until }, at) {
  const words = tOr(`open.${state}`, "open.open");
  return until ? `${words} ${countdown(until - at)}` : words;
}
