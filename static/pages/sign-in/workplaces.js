/** Where somebody works, by the token that signing in answered. */
import { ask } from "../../lib/api.js";

/** @import { RestaurantBody, RestaurantPage } from "#api" */

/** Pages of the list of restaurants that are read; beyond it a platform needs another way to choose. */
const PAGES_MAX = 20;

/**
 * The restaurants that a person works for: all of them for whoever runs the platform.
 *
 * @param {string} token
 * @returns {Promise<RestaurantBody[]>}
 */
export async function workplaces(token) {
  const { admin, ids } = claims(token);
  const places = [];
  let after = "";
  for (let page = 0; page < PAGES_MAX; page += 1) {
    /** @type {RestaurantPage} */
    const { items, next } = await ask(`/restaurants?limit=50${after}`);
    places.push(...items.filter(({ id }) => admin || ids.has(id)));
    if (!next || (!admin && places.length === ids.size)) break;
    after = `&after=${encodeURIComponent(next)}`;
  }
  return places;
}

/** @param {string} slug */
export function consoleOf(slug) {
  return `/console/${encodeURIComponent(slug)}`;
}

/**
 * What a token says of its person. Nothing is decided by it: the server checks every call.
 *
 * @param {string} token
 * @returns {{ admin: boolean, ids: Set<string> }}
 */
export function claims(token) {
  try {
    const text = atob(token.split(".")[1].replaceAll("-", "+").replaceAll("_", "/"));
    const { admin = false, roles = [] } = JSON.parse(text);
    return { admin, ids: new Set(roles.map((/** @type {[string, string]} */ [id]) => String(id))) };
  } catch {
    return { admin: false, ids: new Set() };
  }
}
