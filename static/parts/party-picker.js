/** How many people: adults and children, each between two buttons. */
import { html } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { sizeOf, stepped } from "./party.js";

/** @import { Policy } from "#api" */
/** @import { Party } from "./party.js" */

/**
 * @param {Party} party
 * @param {Pick<Policy, "party_min" | "party_max"> | null} policy
 * @param {(who: keyof Party, by: number) => void} step
 */
export function partyPicker(party, policy, step) {
  const full = policy !== null && sizeOf(party) >= policy.party_max;
  return html`<div class="party">
    ${count("adults", t("join.adults"), party, policy, step)}
    ${count("children", t("join.children"), party, policy, step)}
    <p class="party-hint muted" role="status">
      ${full ? t("join.party_max", { n: /** @type {Policy} */ (policy).party_max }) : t("join.infants")}
    </p>
  </div>`;
}

/**
 * @param {keyof Party} who
 * @param {string} label
 * @param {Party} party
 * @param {Pick<Policy, "party_min" | "party_max"> | null} policy
 * @param {(who: keyof Party, by: number) => void} step
 */
function count(who, label, party, policy, step) {
  const canStep = (/** @type {number} */ by) => stepped(party, who, by, policy) !== party;
  const button = (/** @type {number} */ by, /** @type {string} */ sign, /** @type {string} */ words) =>
    html`<button
      type="button"
      class="button"
      data-testid="${who}-${by > 0 ? "more" : "fewer"}"
      aria-label=${words}
      aria-disabled=${canStep(by) ? "false" : "true"}
      @click=${() => step(who, by)}
    >
      ${sign}
    </button>`;
  return html`<div class="party-count" role="group" aria-label=${label}>
    <span class="party-label" aria-hidden="true">${label}</span>
    <span class="stepper">
      ${button(-1, "−", t("join.fewer", { who: label }))}
      <output data-testid=${who} aria-live="polite">${party[who]}</output>
      ${button(1, "+", t("join.more", { who: label }))}
    </span>
  </div>`;
}
