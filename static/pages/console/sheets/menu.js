/**
 * The rest: language, shortcuts, help, sign out.
 *
 * @import { Scene } from "../views/parts.js"
 */
import { html, nothing } from "../../../lib/html.js";
import { LANGUAGES, spoken, t } from "../../../lib/i18n.js";
import { SHORTCUTS } from "../keys.js";
import { choice } from "../views/parts.js";

/** @param {Scene} scene */
export function menu({ state, on }) {
  return {
    label: t("console.menu"),
    body: html`<div class="stack">
      <div class="field" role="group" aria-label=${t("language")}>
        <span class="label">${t("language")}</span>
        <div class="choices">
          ${Object.entries(LANGUAGES).map(([language, { name }]) =>
            choice(
              html`<span lang=${language}>${name}</span>`,
              spoken() === language,
              () => void on.speak(/** @type {import("../../../lib/i18n.js").Language} */ (language)),
            ),
          )}
        </div>
      </div>
      <label class="check">
        <input type="checkbox" .checked=${state.keys} @change=${(/** @type {any} */ event) => on.change({ keys: event.target.checked })} />
        <span>${t("console.keys_on")}</span>
      </label>
      <div class="action-grid">
        <button type="button" class="button" @click=${on.askHelp}>${t("console.help")}</button>
        <a class="button" href="/board/${state.slug}" target="_blank" rel="noopener">${t("console.open_board")}</a>
        <a class="button" href="/kiosk/${state.slug}" target="_blank" rel="noopener">${t("console.open_kiosk")}</a>
        <button type="button" class="button" data-testid="sign-out" @click=${() => void on.signOut()}>${t("console.sign_out")}</button>
      </div>
    </div>`,
  };
}

/** @param {Scene} scene */
export function help({ state }) {
  return {
    label: t("console.help"),
    body: html`<div class="stack">
      <dl class="shortcuts">
        ${SHORTCUTS.map(([keys, what]) => html`<div><dt><kbd>${keys}</kbd></dt><dd>${t(`console.key.${what}`)}</dd></div>`)}
      </dl>
      ${state.keys ? nothing : html`<p class="notice soon">${t("console.keys_off")}</p>`}
    </div>`,
  };
}
