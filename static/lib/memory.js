/** What this device remembers between visits. A browser that forbids it forgets, and nothing else breaks. */

const PREFIX = "waitless.";

/**
 * @param {string} name
 * @returns {string | null}
 */
export function remembered(name) {
  try {
    return localStorage.getItem(PREFIX + name);
  } catch {
    return null;
  }
}

/**
 * @param {string} name
 * @param {string | null} value null forgets
 */
export function remember(name, value) {
  try {
    if (value === null) localStorage.removeItem(PREFIX + name);
    else localStorage.setItem(PREFIX + name, value);
  } catch {
    // Private windows of some browsers.
  }
}

/**
 * Something remembered as JSON; null when there is none or it cannot be read.
 *
 * @param {string} name
 * @returns {any}
 */
export function rememberedJson(name) {
  try {
    return JSON.parse(remembered(name) ?? "null");
  } catch {
    return null;
  }
}
