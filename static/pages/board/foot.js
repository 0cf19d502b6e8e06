/** Every line in a few figures, and how to join. */
import { range } from "../../lib/format.js";
import { html, repeat } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { isLoopback, qr } from "../../lib/qr.js";
import { until } from "./bands.js";

/**
 * @import { BoardFrame, LineView } from "#api"
 * @import { State } from "./state.js"
 */

/** More lines than this are written closely. */
const MANY = 3;

/**
 * @param {State} state
 * @param {BoardFrame} frame
 * @param {LineView[]} lines
 */
export function foot({ timeZone }, frame, lines) {
  return html`<footer class="foot">
    <h2 class="aside">${t("board.lines")}</h2>
    <ul class="lines" data-many=${lines.length > MANY}>
      ${repeat(lines, ({ line }) => line, (line) => card(line, frame, timeZone))}
    </ul>
    ${joining(frame)}
  </footer>`;
}

/**
 * @param {LineView} line
 * @param {BoardFrame} frame
 * @param {string | undefined} timeZone
 */
function card(line, { restaurant }, timeZone) {
  return html`<li class="line" data-testid="board-line" data-line=${line.line} data-state=${line.state}>
    <h3><span class="letter">${line.line}</span> <bdi class="line-name">${line.name}</bdi></h3>
    <p class="count">
      <strong data-testid="waiting">${t("board.waiting", { n: line.waiting })}</strong>
      <span class="muted">${t("board.split", { onsite: line.onsite, remote: line.remote })}</span>
    </p>
    ${line.state !== "open" ? closed(line, timeZone) : restaurant.state === "open" ? wait(line) : ""}
    ${line.next.length > 0
      ? html`<p class="next">
          <span class="muted">${t("board.next")}</span>
          ${line.next.map((number) => html`<span class="next-number">${number}</span>`)}
        </p>`
      : ""}
  </li>`;
}

/** @param {LineView} line */
function wait({ eta }) {
  return html`<p class=${eta ? "wait" : "wait unknown"} data-testid="range">${range(eta)}</p>`;
}

/**
 * @param {LineView} line
 * @param {string | undefined} timeZone
 */
function closed(line, timeZone) {
  return html`<p class="wait closed" data-testid="line-state">
    ${t(`open.${line.state}`)} ${until(line, timeZone)} ${line.reason ? html`<bdi>${line.reason}</bdi>` : ""}
  </p>`;
}

/** @param {BoardFrame} frame */
function joining({ restaurant, join_url, door }) {
  const isOpen = restaurant.state === "open";
  if (!isOpen && !door) return "";
  return html`<section class="joining" aria-label=${t("board.join")}>
    ${isOpen ? (isLoopback(join_url) ? loopback() : code(join_url)) : ""}
    ${door
      ? html`<p class="door">
          <span class="muted">${t("board.door")}</span> <strong data-testid="door">${door}</strong>
        </p>`
      : ""}
  </section>`;
}

/** @param {string} url */
function code(url) {
  return html`<figure class="join" data-testid="join-qr">
    ${qr(url, t("board.qr"))}
    <figcaption>${t("board.join")}</figcaption>
  </figure>`;
}

function loopback() {
  return html`<p class="loopback" data-testid="loopback"><strong>${t("board.loopback")}</strong> ${t("board.loopback_why")}</p>`;
}
