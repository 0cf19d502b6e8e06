/**
 * Which sheet is open. A sheet is a name and what stands in it; the dialog around them is the same one, so that going from
 * one to the next neither flickers nor loses the focus. Words are said inside: what is behind a modal dialog is inert.
 *
 * @import { Scene } from "../views/parts.js"
 */
import { html, nothing } from "../../../lib/html.js";
import { t } from "../../../lib/i18n.js";
import { sheet } from "../../../lib/sheet.js";
import { ticketOf } from "../selectors.js";
import { actions } from "./actions.js";
import { add, added } from "./add.js";
import { announce } from "./announce.js";
import { cancel, places, reasons } from "./ask.js";
import { edit, note } from "./edit.js";
import { handOver } from "./handover.js";
import { help, menu } from "./menu.js";
import { opening } from "./opening.js";
import { stock } from "./stock.js";

/** @typedef {{ label: string, body: unknown, kind?: string }} SheetView */

/** @type {Record<string, (scene: Scene, draft: Record<string, any>) => SheetView>} */
const SHEETS = { add, added, announce, help, menu, opening, stock };

/** @type {Record<string, (scene: Scene, ticket: import("#api").TicketView, draft: Record<string, any>) => SheetView>} */
const OF_A_TICKET = {
  actions,
  reason: reasons,
  put_back: (scene, ticket, draft) => places(scene, ticket, draft, "put_back"),
  restore: (scene, ticket, draft) => places(scene, ticket, draft, "restore"),
  cancel,
  edit,
  note,
  handover: handOver,
};

/** @param {Scene} scene */
export function sheetOf(scene) {
  const { state, on } = scene;
  const view = viewOf(scene);
  // The event comes a moment later: one that was closed by the state, and is gone, must not take the next one with it.
  const onClose = (/** @type {any} */ event) => event.currentTarget.isConnected && on.shut();
  const content =
    view &&
    html`<div class="sheet-body ${view.kind ?? ""}" data-testid="sheet-${state.sheet?.kind}">
      <div class="spread sheet-head">
        <h2 tabindex="-1">${view.label}</h2>
        <button type="button" class="button quiet" @click=${on.shut}>${t("close")}</button>
      </div>
      ${view.body}
      <div class="sheet-words" role="status">${state.sheet?.error ?? (state.toast?.text || nothing)}</div>
    </div>`;
  return sheet(view?.label ?? "", content, /** @type {() => void} */ (onClose));
}

/**
 * @param {Scene} scene
 * @returns {SheetView | null}
 */
function viewOf(scene) {
  const { sheet } = scene.state;
  if (!sheet) return null;
  if (!sheet.ticket) return SHEETS[sheet.kind](scene, sheet.draft);
  const ticket = ticketOf(scene.state, sheet.ticket);
  if (!ticket) return { label: t("console.gone_title"), body: html`<p>${t("console.gone_text")}</p>` };
  return OF_A_TICKET[sheet.kind](scene, ticket, sheet.draft);
}
