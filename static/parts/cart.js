/** What a guest wants to order ahead. Pure. A cart maps item ids to quantities, none of them zero. */

/** @import { Item, MenuItemBody } from "#api" */

/** @typedef {Record<string, number>} Cart */

/**
 * How many of an item a ticket may have now.
 *
 * @param {MenuItemBody} item
 * @param {number} perTicketMax
 */
export function mostOf(item, perTicketMax) {
  return Math.min(perTicketMax, item.left ?? perTicketMax);
}

/**
 * The cart with one more or one less of an item.
 *
 * @param {Cart} cart
 * @param {MenuItemBody} item
 * @param {number} by
 * @param {number} perTicketMax
 * @returns {Cart}
 */
export function changed(cart, item, by, perTicketMax) {
  const quantity = Math.max(0, Math.min((cart[item.id] ?? 0) + by, mostOf(item, perTicketMax)));
  const { [item.id]: _, ...others } = cart;
  return quantity === 0 ? others : { ...others, [item.id]: quantity };
}

/**
 * The cart without these items.
 *
 * @param {Cart} cart
 * @param {string[]} ids
 * @returns {Cart}
 */
export function without(cart, ids) {
  return Object.fromEntries(Object.entries(cart).filter(([id]) => !ids.includes(id)));
}

/** @param {Cart} cart */
export function countOf(cart) {
  return Object.values(cart).reduce((sum, quantity) => sum + quantity, 0);
}

/**
 * What it costs, in the currency's minor unit.
 *
 * @param {Cart} cart
 * @param {MenuItemBody[]} menu
 */
export function totalOf(cart, menu) {
  return menu.reduce((sum, item) => sum + item.price * (cart[item.id] ?? 0), 0);
}

/**
 * As a join is told.
 *
 * @param {Cart} cart
 * @returns {Item[]}
 */
export function itemsOf(cart) {
  return Object.entries(cart).map(([item, quantity]) => ({ item, quantity }));
}

/**
 * The names of some items; an item that left the menu goes by its id.
 *
 * @param {string[]} ids
 * @param {MenuItemBody[]} menu
 */
export function namesOf(ids, menu) {
  return ids.map((id) => menu.find((item) => item.id === id)?.name ?? id);
}
