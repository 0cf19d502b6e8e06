/** The whole board, from top to bottom. */
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { announcement, closedBand, cutBand } from "./bands.js";
import { foot } from "./foot.js";
import { history } from "./history.js";
import { calling, shownLines } from "./numbers.js";
import { stage } from "./stage.js";
import { isOld } from "./state.js";
import { top } from "./top.js";

/** @import { State } from "./state.js" */

/**
 * @param {State} state
 * @param {{ toggleSound: () => void }} acts
 */
export function board(state, acts) {
  const { frame, link } = state;
  if (!frame) return link.phase === "ended" ? notFound() : loading();
  const lines = shownLines(frame, state.letters);
  const calls = calling(lines);
  return html`<div class="board" data-old=${isOld(state)} data-calls=${calls.length}>
    ${top(state, frame.restaurant, acts)}
    <div class="bands">${cutBand(state)} ${announcement(frame)} ${calls.length > 0 ? closedBand(state, frame) : ""}</div>
    <main class="middle">${stage(state, frame, lines, calls)} ${history(state, lines)}</main>
    ${foot(state, frame, lines)}
  </div>`;
}

function loading() {
  return html`<main class="board-alone">
    <h1>${t("board.title")}</h1>
    <p class="muted" role="status">${t("loading")}</p>
  </main>`;
}

function notFound() {
  return html`<main class="board-alone">
    <h1>${t("not_found.title")}</h1>
    <p class="muted">${t("not_found.text")}</p>
    <p><a class="button" href="/">${t("to_start")}</a></p>
  </main>`;
}
