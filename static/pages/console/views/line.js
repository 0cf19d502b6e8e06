/**
 * The left column: whose line, which list, and its rows.
 *
 * @import { Scene } from "./parts.js"
 * @import { List } from "../state.js"
 */
import { html, nothing, repeat } from "../../../lib/html.js";
import { t } from "../../../lib/i18n.js";
import { ended, missed, rows, waiting } from "../selectors.js";
import { choice, commandButton, icon } from "./parts.js";
import { row } from "./row.js";

/** @param {Scene} scene */
export function lineColumn(scene) {
  const { state, queue, on } = scene;
  const shown = rows(state);
  const isSearch = state.search.trim() !== "";
  const tabStop = shown.some(({ id }) => id === state.selected) ? state.selected : shown[0]?.id;
  return html`<section class="column line" aria-label=${t("console.line")}>
    <div class="spread column-head">
      ${queue.lines.length > 1 ? lineTabs(scene) : nothing}
      <div class="choices" role="group" aria-label=${t("console.which_list")}>
        ${lists(scene).map(([list, label, count]) =>
          choice(
            html`${label} <span class="count">${count}</span>`,
            !isSearch && state.list === list,
            () => on.list(list),
            "small",
          ),
        )}
      </div>
      ${commandButton(scene, { label: html`${icon("plus")}${t("console.add")}`, press: on.askAdd, kind: "add", testid: "add" })}
    </div>
    ${isSearch ? html`<p class=${shown.length > 0 ? "found muted" : "aside"} role="status">${t("console.found", { n: shown.length })}</p>` : nothing}
    ${shown.length === 0
      ? html`<p class="empty muted">${emptyWords(scene)}</p>`
      : html`<ul class="rows" data-list="line">
          ${repeat(
            shown,
            ({ id }) => id,
            (ticket) => row(scene, ticket, ticket.id === tabStop),
          )}
        </ul>`}
  </section>`;
}

/** @param {Scene} scene */
function lineTabs({ state, queue, on }) {
  const tabs = [{ line: "all", name: t("console.all") }, ...queue.lines];
  return html`<div class="choices" role="group" aria-label=${t("console.which_line")}>
    ${tabs.map(({ line, name }) =>
      choice(
        html`<bdi>${line === "all" ? name : t("console.line_name", { line, name })}</bdi> <span class="count">${waiting(queue, line).length}</span>`,
        state.tab === line,
        () => on.tab(line),
      ),
    )}
  </div>`;
}

/**
 * @param {Scene} scene
 * @returns {[List, string, number][]}
 */
function lists({ state, queue }) {
  return [
    ["waiting", t("console.list_waiting"), waiting(queue, state.tab).length],
    ["no_show", t("console.list_missed"), missed(queue, state.tab).length],
    ["ended", t("console.list_ended"), ended(queue, state.tab).length],
  ];
}

/** @param {Scene} scene */
function emptyWords({ state }) {
  if (state.search.trim()) return t("console.empty_search");
  if (state.list === "no_show") return t("console.empty_missed");
  return state.list === "ended" ? t("console.empty_ended") : t("console.empty_line");
}
