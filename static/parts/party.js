/** How many people come, within what the restaurant takes. Pure. */

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
