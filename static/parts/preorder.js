/** The menu with what is left of it, to order ahead. */
import { money } from "../lib/format.js";
import { html, repeat } from "../lib/html.js";
import { t } from "../lib/i18n.js";
import { changed, countOf, mostOf, totalOf } from "./cart.js";

/** @import { MenuItemBody } from "#api" */
/** @import { Cart } from "./cart.js" */

/** From here on it is worth saying how few are left. */
const FEW = 10;

/**
 * @typedef {object} Preorder
 * @property {MenuItemBody[]} menu
 * @property {Cart} cart
 * @property {string} currency
 * @property {number} perTicketMax
 * @property {(item: MenuItemBody, by: number) => void} change
 */

/** @param {Preorder} order */
export function preorder(order) {
  const count = countOf(order.cart);
  return html`<div class="menu">
    <ul class="menu-items">
      ${repeat(
        order.menu,
        (item) => item.id,
        (item) => row(item, order),
      )}
    </ul>
    <p class="menu-total" role="status">
      <span>${t("join.items", { n: count })}</span>
      <strong data-testid="total">${money(totalOf(order.cart, order.menu), order.currency)}</strong>
    </p>
  </div>`;
}

/**
 * @param {MenuItemBody} item
 * @param {Preorder} order
 */
function row(item, { cart, currency, perTicketMax, change }) {
  const quantity = cart[item.id] ?? 0;
  const short = quantity > mostOf(item, perTicketMax);
  const canMore = changed(cart, item, 1, perTicketMax)[item.id] > quantity;
  return html`<li class="menu-item" data-item=${item.id} data-sold-out=${item.sold_out ? "true" : "false"}>
    <span class="menu-name">${item.name}</span>
    <span class="menu-facts">
      <span class="muted">${money(item.price, currency)}</span>
      ${stock(item, short)}
    </span>
    ${item.sold_out && quantity === 0
      ? ""
      : html`<span class="stepper" role="group" aria-label=${item.name}>
          <button
            type="button"
            class="button"
            aria-label=${t("join.fewer", { who: item.name })}
            aria-disabled=${quantity > 0 ? "false" : "true"}
            @click=${() => change(item, -1)}
          >
            −
          </button>
          <output aria-live="polite">${quantity}</output>
          <button
            type="button"
            class="button"
            aria-label=${t("join.more", { who: item.name })}
            aria-disabled=${canMore ? "false" : "true"}
            @click=${() => change(item, 1)}
          >
            +
          </button>
        </span>`}
  </li>`;
}

/**
 * @param {MenuItemBody} item
 * @param {boolean} short more is in the cart than there is
 */
function stock(item, short) {
  if (item.sold_out) return html`<span class="tag now">${t("sold_out")}</span>`;
  if (item.left == null) return "";
  const kind = short ? "now" : item.left <= FEW ? "soon" : "";
  return html`<span class="tag ${kind}">${t("left.n", { n: item.left })}</span>`;
}
