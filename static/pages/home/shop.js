/** One restaurant: how it is there now, and the form to join. */
import { html } from "../../lib/html.js";
import { t, tOr } from "../../lib/i18n.js";
import { freshness } from "../../lib/link.js";
import { liveState } from "../../lib/live-state.js";
import { because } from "../../parts/openness.js";
import { find } from "./find.js";
import { form } from "./form.js";
import { shutBy } from "./state.js";

/** @import { BoardFrame } from "#api" */
/** @import { Openness } from "../../parts/openness.js" */
/** @import { Commands } from "./commands.js" */
/** @import { Action, Shop, State } from "./state.js" */

/**
 * @param {State & { shop: Shop }} state
 * @param {(action: Action) => void} dispatch
 * @param {Commands} commands
 * @param {() => void} back
 */
export function shop({ shop: here, now }, dispatch, commands, back) {
  const { frame, link } = here;
  const gone = link.phase === "ended" && link.code === 404;
  return html`<main class="home-main">
    <div class="spread">
      <button type="button" class="button quiet home-back" @click=${back}>← ${t("home.all")}</button>
      ${gone ? "" : liveState(link, now)}
    </div>
    ${gone ? nothingHere() : frame ? body(here, frame, now, dispatch, commands) : loading()}
  </main>`;
}

function nothingHere() {
  return html`<h1 class="home-title">${t("not_found.title")}</h1>
    <p>${t("not_found.text")}</p>`;
}

function loading() {
  return html`<h1 class="home-title">${t("home.title")}</h1>
    <p class="muted" role="status">${t("loading")}</p>`;
}

/**
 * @param {Shop} here
 * @param {BoardFrame} frame
 * @param {number} now
 * @param {(action: Action) => void} dispatch
 * @param {Commands} commands
 */
function body(here, frame, now, dispatch, commands) {
  const shut = shutBy(frame);
  const old = freshness(here.link, now).state !== "live";
  return html`<h1 class="home-title">${frame.restaurant.name}</h1>
    ${frame.announcement ? html`<p class="notice">${frame.announcement.text}</p>` : ""}
    ${shut && !here.joining ? closed(shut, here) : form(here, frame, old, dispatch, commands)}
    ${find(here, dispatch, commands)}`;
}

/**
 * @param {Openness} shut
 * @param {Shop} here
 */
function closed(shut, here) {
  const why = because(shut, here.restaurant?.time_zone);
  const words = tOr(`shut.${shut.state}`, "shut.closed");
  return html`<div class="notice ${shut.state === "direct" ? "fine" : "soon"} home-shut" role="status" data-state=${shut.state}>
    <p class="strong">${words}</p>
    ${why ? html`<p>${why}</p>` : ""}
  </div>`;
}
