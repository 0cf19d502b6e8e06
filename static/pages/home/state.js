/**
 * What the home page shows: the restaurants, or one of them with a form to join. Pure.
 *
 * @import { BoardFrame, Join, MenuItemBody, Policy, RestaurantBody, RestaurantPage } from "#api"
 * @import { Language } from "../../lib/i18n.js"
 * @import { Link } from "../../lib/link.js"
 * @import { Cart } from "../../parts/cart.js"
 * @import { Pending } from "../../parts/pending.js"
 * @import { Mine } from "./tickets.js"
 */
import { newer } from "../../lib/frames.js";
import { UNCONNECTED } from "../../lib/link.js";
import { changed, itemsOf } from "../../parts/cart.js";
import { barrier, lineMeant } from "../../parts/openness.js";
import { fitted, stepped, USUAL } from "../../parts/party.js";
import { digitsOf } from "../../parts/phone-number.js";

/**
 * @typedef {object} Form
 * @property {string | null} line
 * @property {number} adults
 * @property {number} children
 * @property {"remote" | "onsite"} where
 * @property {string} door
 * @property {string} phone
 * @property {Cart} cart
 * @property {string} number to find a ticket by
 * @property {string} code
 *
 * @typedef {object} Shop
 * @property {string} slug
 * @property {Link} link
 * @property {BoardFrame | null} frame
 * @property {Policy | null} policy
 * @property {RestaurantBody | null} restaurant
 * @property {MenuItemBody[]} menu
 * @property {Form} form
 * @property {{ pending: Pending, waits: number } | null} joining
 * @property {{ code: string, items: string[], of: "join" | "find" } | null} refusal
 * @property {{ order: boolean, find: boolean }} unfolded
 * @property {boolean} finding
 * @property {boolean} asksToGiveUp
 *
 * @typedef {object} State
 * @property {RestaurantBody[] | null} restaurants null: not known yet
 * @property {string | null} next more of them
 * @property {string | null} failure why the list could not be read
 * @property {string} query
 * @property {Mine[]} mine
 * @property {Shop | null} shop
 * @property {number} now
 */

/**
 * @typedef {{ type: "page", page: RestaurantPage, first: boolean }
 *   | { type: "refreshed", items: RestaurantBody[] }
 *   | { type: "failed", code: string }
 *   | { type: "query", query: string }
 *   | { type: "mine", mine: Mine[] }
 *   | { type: "second", now: number }
 *   | { type: "open", slug: string }
 *   | { type: "close" }
 *   | { type: "frame", frame: BoardFrame }
 *   | { type: "link", link: Link }
 *   | { type: "facts", policy: Policy, restaurant: RestaurantBody }
 *   | { type: "menu", items: MenuItemBody[] }
 *   | { type: "form", change: Partial<Form> }
 *   | { type: "party", who: "adults" | "children", by: number }
 *   | { type: "order", item: MenuItemBody, by: number }
 *   | { type: "joining", pending: Pending, resumed: boolean }
 *   | { type: "waiting" }
 *   | { type: "answered" }
 *   | { type: "refused", code: string, items: string[], of: "join" | "find" }
 *   | { type: "unfolded", what: "order" | "find", open: boolean }
 *   | { type: "finding", busy: boolean }
 *   | { type: "give_up", asks: boolean }} Action
 */

/**
 * @param {Mine[]} mine
 * @param {number} now
 * @returns {State}
 */
export function initial(mine, now) {
  return { restaurants: null, next: null, failure: null, query: "", mine, shop: null, now };
}

/** @returns {Form} */
function emptyForm() {
  return { line: null, ...USUAL, where: "remote", door: "", phone: "", cart: {}, number: "", code: "" };
}

/**
 * @param {State} state
 * @param {Action} action
 * @returns {State}
 */
export function reduce(state, action) {
  switch (action.type) {
    case "page": {
      const items = action.first ? action.page.items : merged(state.restaurants ?? [], action.page.items);
      return { ...state, restaurants: items, next: action.page.next ?? null, failure: null };
    }
    case "refreshed":
      return { ...state, restaurants: merged(state.restaurants ?? [], action.items), failure: null };
    case "failed":
      return { ...state, failure: action.code };
    case "query":
      return { ...state, query: action.query };
    case "mine":
      return { ...state, mine: action.mine };
    case "second":
      return { ...state, now: action.now };
    case "open":
      return state.shop?.slug === action.slug ? state : { ...state, shop: opened(action.slug) };
    case "close":
      return { ...state, shop: null };
    default:
      return state.shop ? { ...state, shop: shopAfter(state.shop, action) } : state;
  }
}

/**
 * @param {string} slug
 * @returns {Shop}
 */
function opened(slug) {
  return {
    slug,
    link: UNCONNECTED,
    frame: null,
    policy: null,
    restaurant: null,
    menu: [],
    form: emptyForm(),
    joining: null,
    refusal: null,
    unfolded: { order: false, find: false },
    finding: false,
    asksToGiveUp: false,
  };
}

/**
 * What is known, newer facts put over older ones; the order stays.
 *
 * @param {RestaurantBody[]} known
 * @param {RestaurantBody[]} news
 */
function merged(known, news) {
  const byId = new Map(news.map((restaurant) => [restaurant.id, restaurant]));
  const ids = new Set(known.map(({ id }) => id));
  return [...known.map((old) => byId.get(old.id) ?? old), ...news.filter(({ id }) => !ids.has(id))];
}

/**
 * @param {Shop} shop
 * @param {Exclude<Action, { type: "page" | "refreshed" | "failed" | "query" | "mine" | "second" | "open" | "close" }>} action
 * @returns {Shop}
 */
function shopAfter(shop, action) {
  const { form, policy } = shop;
  switch (action.type) {
    case "frame":
      return { ...shop, frame: newer(shop.frame, action.frame) };
    case "link":
      return { ...shop, link: action.link };
    case "facts": {
      const where = action.policy.remote ? form.where : "onsite";
      const next = { ...form, ...fitted(form, action.policy), where: /** @type {Form["where"]} */ (where) };
      return { ...shop, policy: action.policy, restaurant: action.restaurant, form: next };
    }
    case "menu":
      return { ...shop, menu: action.items };
    case "form":
      return { ...shop, form: { ...form, ...action.change }, refusal: null };
    case "party":
      return { ...shop, form: { ...form, ...stepped(form, action.who, action.by, policy) }, refusal: null };
    case "order": {
      const cart = changed(form.cart, action.item, action.by, policy?.per_ticket_max ?? 1);
      return { ...shop, form: { ...form, cart }, refusal: null };
    }
    case "joining": {
      const asked = action.resumed ? askedIn(action.pending.body) : {};
      const joining = { pending: action.pending, waits: action.resumed ? 1 : 0 };
      return { ...shop, joining, form: { ...form, ...asked }, refusal: null };
    }
    case "waiting":
      return shop.joining ? { ...shop, joining: { ...shop.joining, waits: shop.joining.waits + 1 } } : shop;
    case "answered":
      return { ...shop, joining: null, asksToGiveUp: false };
    case "refused": {
      const { code, items, of } = action;
      const where = code === "door_code" ? "onsite" : form.where;
      const next = { ...form, where, door: code === "door_code" ? "" : form.door };
      const unfolded = {
        order: shop.unfolded.order || code === "sold_out",
        find: shop.unfolded.find || of === "find" || code === "already_waiting",
      };
      return { ...shop, joining: null, asksToGiveUp: false, form: next, unfolded, refusal: { code, items, of } };
    }
    case "unfolded":
      return { ...shop, unfolded: { ...shop.unfolded, [action.what]: action.open } };
    case "finding":
      return { ...shop, finding: action.busy };
    case "give_up":
      return { ...shop, asksToGiveUp: action.asks };
  }
}

/**
 * What had been chosen, read back from what was sent before the page was loaded anew.
 *
 * @param {Join} body
 * @returns {Partial<Form>}
 */
function askedIn({ line, adults, children, channel, door, phone, items }) {
  const cart = Object.fromEntries((items ?? []).map(({ item, quantity }) => [item, quantity]));
  return { line, adults, children: children ?? 0, where: channel, door: door ?? "", phone: phone ?? "", cart };
}

/**
 * The restaurants whose name has all words of the query.
 *
 * @param {RestaurantBody[]} restaurants
 * @param {string} query
 */
export function matching(restaurants, query) {
  const words = query.toLocaleLowerCase().split(/\s+/).filter(Boolean);
  return restaurants.filter(({ name }) => words.every((word) => name.toLocaleLowerCase().includes(word)));
}

/** @param {Shop} shop */
export function chosenLine({ frame, form }) {
  return lineMeant(frame, form.line);
}

/** Whether the door code has to be asked for. @param {Shop} shop */
export function needsDoor({ policy, form }) {
  return policy?.presence === "code" && form.where === "onsite";
}

/**
 * What keeps everybody from joining, of whatever line.
 *
 * @param {BoardFrame} frame
 */
export function shutBy(frame) {
  const [first, ...others] = frame.lines.map((line) => barrier(frame.restaurant, line));
  if (frame.restaurant.state !== "open") return frame.restaurant;
  return first && others.every((other) => other?.state === first.state) ? first : null;
}

/**
 * The body of a join; null: there is no line to join.
 *
 * @param {Shop} shop
 * @param {Language} lang
 * @param {boolean} drop
 * @returns {Join | null}
 */
export function joinOf(shop, lang, drop) {
  // A line that was chosen and is closed since is refused by the server, in words; no other takes its place.
  const line = shop.form.line ?? chosenLine(shop)?.line;
  if (!line) return null;
  const { adults, children, where, door, phone, cart } = shop.form;
  const items = itemsOf(cart);
  const digits = digitsOf(phone);
  return {
    line,
    adults,
    children,
    channel: where,
    lang,
    ...(needsDoor(shop) ? { door } : {}),
    ...(digits ? { phone: digits } : {}),
    ...(items.length > 0 ? { items, if_sold_out: drop ? "drop" : "refuse" } : {}),
  };
}

