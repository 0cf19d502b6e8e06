/**
 * Which language a guest is spoken to in: the address, what was chosen here, what was said when joining, the device.
 *
 * @import { Language } from "../../lib/i18n.js"
 */
import { LANGUAGES, preferred } from "../../lib/i18n.js";
import { remembered } from "../../lib/memory.js";

/**
 * @param {string | null | undefined} ticketLang what was said when joining
 * @param {{ search: string, languages: readonly string[] }} [from]
 * @returns {Language}
 */
export function languageFor(ticketLang, { search, languages } = { search: location.search, languages: navigator.languages }) {
  const isChosen = new URLSearchParams(search).has("lang") || remembered("language");
  return preferred({ search, languages: isChosen || !ticketLang ? languages : [ticketLang, ...languages] });
}

/**
 * The languages that could be spoken instead.
 *
 * @param {Language} spoken
 */
export function others(spoken) {
  return /** @type {Language[]} */ (Object.keys(LANGUAGES)).filter((language) => language !== spoken);
}
