/** The restaurants, with what waits in them. */
import { range } from "../../lib/format.js";
import { html, repeat } from "../../lib/html.js";
import { t, tOr } from "../../lib/i18n.js";
import { because } from "../../parts/openness.js";
import { mine } from "./mine.js";
import { matching } from "./state.js";

/** @import { LineBody, RestaurantBody } from "#api" */
/** @import { State } from "./state.js" */

/** From here on a search is of use. */
const MANY = 6;

/**
 * @typedef {object} ListActs
 * @property {(slug: string) => void} open
 * @property {(query: string) => void} search
 * @property {() => void} more
 * @property {() => void} retry
 */

/**
 * @param {State} state
 * @param {ListActs} acts
 */
export function list(state, acts) {
  return html`<main class="home-main">
    ${mine(state.mine)}
    <h1 class="home-title">${t("home.title")}</h1>
    ${restaurants(state, acts)}
  </main>`;
}

/**
 * @param {State} state
 * @param {ListActs} acts
 */
function restaurants({ restaurants: known, next, failure, query }, acts) {
  const failed = failure
    ? html`<div class="notice soon spread" role="alert">
        <span>${tOr(`refusal.${failure}`, "refusal.internal")}</span>
        <button type="button" class="button" @click=${acts.retry}>${t("retry")}</button>
      </div>`
    : "";
  if (!known) return failed || html`<p class="muted" role="status">${t("loading")}</p>`;
  if (known.length === 0) return html`${failed}<p class="muted">${t("home.none")}</p>`;
  const shown = matching(known, query);
  return html`${failed}
    ${known.length >= MANY || next || query
      ? html`<input
          class="input"
          type="search"
          aria-label=${t("home.search")}
          placeholder=${t("home.search")}
          .value=${query}
          @input=${(/** @type {InputEvent} */ event) =>
            acts.search(/** @type {HTMLInputElement} */ (event.currentTarget).value)}
        />`
      : ""}
    <p class=${shown.length === 0 ? "muted" : "aside"} role="status">
      ${shown.length === 0 ? t("home.no_match", { query }) : ""}
    </p>
    <ul class="home-list">
      ${repeat(
        shown,
        ({ id }) => id,
        (restaurant) => html`<li>${card(restaurant, acts)}</li>`,
      )}
    </ul>
    ${next ? html`<button type="button" class="button" @click=${acts.more}>${t("home.more")}</button>` : ""}`;
}

/**
 * @param {RestaurantBody} restaurant
 * @param {ListActs} acts
 */
function card(restaurant, { open }) {
  const { state, slug, name, lines } = restaurant;
  const why = state ? because({ ...restaurant, state }, restaurant.time_zone) : "";
  const kind = state === "open" || state === "direct" ? "fine" : "soon";
  return html`<a
    class="card home-card"
    href="/?r=${encodeURIComponent(slug)}"
    @click=${(/** @type {MouseEvent} */ event) => {
      if (event.metaKey || event.ctrlKey || event.shiftKey) return;
      event.preventDefault();
      open(slug);
    }}
  >
    <span class="spread">
      <span class="home-name">${name}</span>
      ${state ? html`<span class="tag ${kind}">${t(`open.${state}`)}</span>` : ""}
    </span>
    ${why ? html`<span class="muted small">${why}</span>` : ""}
    ${state === null ? html`<span class="muted small">${t("home.unknown")}</span>` : ""}
    ${state === "open" ? html`<span class="home-lines">${lines.map(line)}</span>` : ""}
  </a>`;
}

/** @param {LineBody} line */
function line({ name, state, waiting, eta }) {
  const wait = waiting === 0 ? t("join.nobody") : range(eta);
  return html`<span class="home-line">
    <span class="home-line-name">${name}</span>
    ${state === "open"
      ? html`<span class="muted">${t("join.waiting", { n: waiting })}</span><span>${wait}</span>`
      : html`<span class="muted">${t(`open.${state}`)}</span>`}
  </span>`;
}
