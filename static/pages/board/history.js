/** Who was called before, and who did not come. */
import { ago } from "../../lib/format.js";
import { html, repeat } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { missed, recent } from "./numbers.js";
import { serverNow } from "./state.js";

/**
 * @import { LineView, NumberAt } from "#api"
 * @import { State } from "./state.js"
 */

/**
 * @param {State} state
 * @param {LineView[]} lines
 */
export function history(state, lines) {
  const now = serverNow(state);
  const gone = missed(lines);
  const before = recent(lines);
  if (gone.length + before.length === 0) return "";
  return html`<div class="history">
    <section class="recent" aria-labelledby="recent" data-testid="recent">
      <h2 id="recent">${t("board.recent")}</h2>
      ${numbers(before, now)}
    </section>
    ${gone.length === 0
      ? ""
      : html`<section class="missed" aria-labelledby="missed" data-testid="missed">
          <header>
            <h2 id="missed">${t("board.missed")}</h2>
            <p class="muted">${t("board.missed_hint")}</p>
          </header>
          <ol class="chips">
            ${repeat(gone, ({ number }) => number, ({ number }) => html`<li>${number}</li>`)}
          </ol>
        </section>`}
  </div>`;
}

/**
 * @param {NumberAt[]} list
 * @param {number} now the server's
 */
function numbers(list, now) {
  if (list.length === 0) return html`<p class="muted">${t("board.none_yet")}</p>`;
  return html`<ol class="times">
    ${repeat(
      list,
      ({ number }) => number,
      ({ number, at }) => html`<li><strong>${number}</strong> <span class="muted">${ago(now - at)}</span></li>`,
    )}
  </ol>`;
}
