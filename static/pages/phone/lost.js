/**
 * The server knows no such ticket: never did, or lost it. What this phone remembers is what the guest has left to show.
 *
 * @import { State } from "./state.js"
 */
import { ago, timeOfDay } from "../../lib/format.js";
import { html, nothing } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { partyWords } from "./place.js";

/** Nothing at this address. */
export function nothingScreen() {
  return html`<section class="end" data-testid="not-found">
    <h2>${t("phone.not_found")}</h2>
    <p>${t("phone.not_found_text")}</p>
    <a class="button wide" href="/">${t("to_start")}</a>
  </section>`;
}

/**
 * The restaurant's records were rebuilt without this ticket.
 *
 * @param {State} state
 * @param {number} now
 */
export function lostScreen({ frame, heardAt }, now) {
  return html`<section class="end" data-testid="place-lost">
    ${frame ? html`<p class="number" data-testid="number">${frame.number}</p>` : nothing}
    <h2>${t("phone.lost")}</h2>
    <p>${t("phone.lost_text")}</p>
    ${frame
      ? html`<dl class="facts">
          <div><dt>${t("phone.line")}</dt><dd>${frame.line_name}</dd></div>
          <div><dt>${t("phone.party")}</dt><dd>${partyWords(frame)}</dd></div>
          <div><dt>${t("phone.joined")}</dt><dd>${timeOfDay(frame.joined_at)}</dd></div>
          <div><dt>${t("phone.known_at")}</dt><dd>${t("live.as_of", { ago: ago(now - heardAt) })}</dd></div>
        </dl>`
      : nothing}
  </section>`;
}
