/** How many people: adults and children, each between two buttons. */
import { html } from "../lib/html.js";
import { t } from "../lib/i18n.js";

/** @import { Policy } from "#api" */

/** @typedef {{ adults: number, children: number }} Party */

/** The server's own limit, for when the restaurant's is not known yet. */
const PARTY_MAX = 20;

/** What most parties are. */
export const USUAL = { adults: 2, children: 0 };

/** @param {Party} party */
export function sizeOf({ adults, children }) {
  return adults + children;
}

/**
 * A party after one step of one of its numbers, kept within what the restaurant takes; the same party when that is
 * not possible.
 *
 * @param {Party} party
 * @param {keyof Party} who
 * @param {number} by
 * @param {Pick<Policy, "party_min" | "party_max"> | null} policy
 * @returns {Party}
 */
export function stepped(party, who, by, policy) {
  const next = { adults: party.adults, children: party.children };
  next[who] += by;
  const size = sizeOf(next);
  const max = policy?.party_max ?? PARTY_MAX;
  const min = policy?.party_min ?? 1;
  const possible = next.adults >= 1 && next.children >= 0 && (by < 0 ? size >= min : size <= max);
  return possible ? next : party;
}

/**
 * A party moved into the limits, for when these became known.
 *
 * @param {Party} party
 * @param {Pick<Policy, "party_min" | "party_max">} policy
 * @returns {Party}
 */
export function fitted({ adults, children }, { party_min, party_max }) {
  const kids = Math.min(children, Math.max(0, party_max - 1));
  const most = Math.min(adults, party_max - kids);
  return { adults: Math.max(most, party_min - kids, 1), children: kids };
}

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
