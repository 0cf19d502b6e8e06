/** The languages there are, each in its own name. */
import { html } from "../lib/html.js";
import { LANGUAGES, spoken, t } from "../lib/i18n.js";

/** @import { Language } from "../lib/i18n.js" */

/** @param {(language: Language) => void} choose */
export function languageSwitch(choose) {
  const languages = /** @type {[Language, { name: string }][]} */ (Object.entries(LANGUAGES));
  return html`<div class="languages" role="group" aria-label=${t("language")}>
    ${languages.map(
      ([language, { name }]) =>
        html`<button
          type="button"
          class="button"
          lang=${language}
          aria-pressed=${language === spoken() ? "true" : "false"}
          @click=${() => choose(language)}
        >
          ${name}
        </button>`,
    )}
  </div>`;
}
