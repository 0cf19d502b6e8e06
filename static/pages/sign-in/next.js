/** Where to go after signing in. Pure. */

/**
 * The path of `?next=` if it is one of ours, else null. An address of somebody else, however it is dressed up, would make
 * our sign-in page the beginning of their deceit.
 *
 * @param {string} search
 * @param {string} origin ours
 * @returns {string | null}
 */
export function nextOf(search, origin) {
  const asked = new URLSearchParams(search).get("next");
  // One slash, then none: `//host` and `/\host` are other hosts; browsers drop tabs and line ends before they look.
  if (!asked || !/^\/(?![/\\])[^\\\u0000-\u0020]*$/.test(asked)) return null;
  const url = parsed(asked, origin);
  if (url?.origin !== origin || url.pathname.startsWith("//") || url.pathname === "/sign-in") return null;
  return url.pathname + url.search + url.hash;
}

/**
 * The restaurant that a console is of.
 *
 * @param {string} path
 * @returns {string | null}
 */
export function restaurantOf(path) {
  return /^\/console\/([\w-]+)/.exec(path)?.[1] ?? null;
}

/**
 * @param {string} path
 * @param {string} origin
 */
function parsed(path, origin) {
  try {
    return new URL(path, origin);
  } catch {
    return null;
  }
}
