/** Every line in a few figures, and how to join. */
import { range } from "../../lib/format.js";
import { html, repeat } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { isLoopback, qr } from "../../lib/qr.js";
import { until } from "./bands.js";

/** @import { BoardFrame, LineView } from "#api" */

/**
 * @param {BoardFrame} frame
 * @param {LineView[]} lines
 */
export function foot(frame, lines) {
  return html`<footer class="foot">
    <h2 class="aside">${t("board.lines")}</h2>
    <ul class="lines" data-count=${Math.min(lines.length, 7)}>
      ${repeat(lines, ({ line }) => line, lineCard)}
    </ul>
    ${joining(frame)}
  </footer>`;
}

/** @param {LineView} line */
function lineCard(line) {
  return html`<li class="line" data-testid="board-line" data-line=${line.line} data-state=${line.state}>
    <h3><span class="letter">${line.line}</span> <bdi class="line-name">${line.name}</bdi></h3>
    <p class="count">
      <strong data-testid="waiting">${t("board.waiting", { n: line.waiting })}</strong>
      <span class="muted">${t("board.split", { onsite: line.onsite, remote: line.remote })}</span>
    </p>
    ${line.state === "open"
      ? html`<p class="wait" data-testid="range">${range(line.eta)}</p>`
      : html`<p class="wait closed">
          ${t(`open.${line.state}`)} ${until(line)} ${line.reason ? html`<bdi>${line.reason}</bdi>` : ""}
        </p>`}
    ${line.next.length > 0
      ? html`<p class="next">
          <span class="muted">${t("board.next")}</span>
          ${line.next.map((number) => html`<span class="next-number">${number}</span>`)}
        </p>`
      : ""}
  </li>`;
}

/** @param {BoardFrame} frame */
function joining({ restaurant, join_url, door }) {
  const isOpen = restaurant.state === "open";
  if (!isOpen && !door) return "";
  return html`<aside class="joining" aria-label=${t("board.join")}>
    ${isOpen ? (isLoopback(join_url) ? loopback() : code(join_url)) : ""}
    ${door
      ? html`<p class="door">
          <span class="muted">${t("board.door")}</span> <strong data-testid="door">${door}</strong>
        </p>`
      : ""}
  </aside>`;
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
