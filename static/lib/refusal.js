/** Why something was refused, in words for the person in front of the page. */
import { Refused, Unreachable } from "./api.js";
import { t, tOr } from "./i18n.js";

/**
 * @param {unknown} error
 * @returns {string}
 */
export function reason(error) {
  if (error instanceof Unreachable) return t("refusal.unreachable");
  if (!(error instanceof Refused)) throw error;
  return tOr(`refusal.${error.code}`, "refusal.internal");
}
