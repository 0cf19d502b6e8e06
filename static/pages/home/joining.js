/** Nobody has answered yet. */
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { sheet } from "../../lib/sheet.js";

/** @import { Commands } from "./commands.js" */
/** @import { Action, Shop } from "./state.js" */

/**
 * @param {Shop} shop
 * @param {(action: Action) => void} dispatch
 * @param {Commands} commands
 */
export function joining(shop, dispatch, commands) {
  const ask = (/** @type {boolean} */ asks) => () => dispatch({ type: "give_up", asks });
  const question = html`<div class="stack">
    <h2>${t("home.give_up")}</h2>
    <p>${t("home.give_up_means")}</p>
    <div class="home-ways">
      <button type="button" class="button" @click=${ask(false)}>${t("back")}</button>
      <button type="button" class="button urgent" data-testid="give-up-yes" @click=${commands.giveUp}>${t("home.give_up")}</button>
    </div>
  </div>`;
  return html`<div class="notice soon home-cut" role="status">
      <p class="strong">${t("home.cut")}</p>
      <p>${t("home.cut_then")}</p>
      <button type="button" class="button" data-testid="give-up" @click=${ask(true)}>${t("home.give_up")}</button>
    </div>
    ${sheet(t("home.give_up"), shop.asksToGiveUp ? question : null, ask(false))}`;
}
