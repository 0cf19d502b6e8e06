/** The frame of every screen: where one is, the screen itself, and what is always in reach. */
import { html } from "../../lib/html.js";
import { liveState } from "../../lib/live-state.js";
import { t } from "../../lib/i18n.js";
import { found } from "./found.js";
import { find } from "./find.js";
import { isNobody } from "./guest.js";
import { joining } from "./joining.js";
import { options } from "./options.js";
import { sheets } from "./sheets.js";
import { start } from "./start.js";
import { ticket } from "./ticket.js";
import { tools } from "./tools.js";

/** @import { Commands } from "./commands.js" */
/** @import { Action, State } from "./state.js" */

/**
 * A screen: what is shown, and what is touched. They stand over or beside each other, and in the low position the second
 * keeps to the lower half.
 *
 * @typedef {{ show: unknown, touch: unknown }} Parts
 * @typedef {(state: State, dispatch: (action: Action) => void, commands: Commands) => Parts} View
 */

/** @type {Record<State["guest"]["screen"], View>} */
const SCREENS = { start, options, joining, ticket, find, found };

/**
 * @param {State} state
 * @param {(action: Action) => void} dispatch
 * @param {Commands} commands
 */
export function page(state, dispatch, commands) {
  const { guest, link } = state;
  document.title = t("kiosk.title");
  if (link.phase === "ended" && link.code === 404) return notFound();
  const { show, touch } = SCREENS[guest.screen](state, dispatch, commands);
  const away = guest.screen !== "start" || !isNobody(guest, state.language);
  return html`<div class="kiosk" data-screen=${guest.screen} data-low=${guest.low ? "true" : "false"}>
    <div class="kiosk-screen">
      <header class="kiosk-head">
        <p class="kiosk-name">${state.frame?.restaurant.name ?? ""}</p>
        <div class="kiosk-status">
          ${state.frame?.door
            ? html`<p class="kiosk-door muted">${t("kiosk.door", { code: state.frame.door })}</p>`
            : ""}
          ${liveState(link, state.now)}
        </div>
      </header>
      <main class="kiosk-main">
        <section class="kiosk-show">${show}</section>
        <section class="kiosk-touch">${touch}</section>
      </main>
    </div>
    ${tools(guest, dispatch, away)} ${sheets(state, dispatch, commands)}
  </div>`;
}

function notFound() {
  return html`<main class="kiosk-nothing">
    <h1>${t("not_found.title")}</h1>
    <p>${t("not_found.text")}</p>
    <a class="button" href="/">${t("to_start")}</a>
  </main>`;
}
