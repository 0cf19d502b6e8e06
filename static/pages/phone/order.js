/**
 * What was ordered ahead, what of it could not be kept, and what the kitchen still has.
 *
 * @import { State } from "./state.js"
 * @import { Act } from "../phone.js"
 * @import { MenuItemBody, OrderedItem, TicketFrame } from "#api"
 */
import { money } from "../../lib/format.js";
import { html, nothing } from "../../lib/template.js";
import { t } from "../../lib/i18n.js";

/**
 * @param {State} state
 * @param {Act} act
 */
export function order(state, act) {
  const frame = /** @type {TicketFrame} */ (state.frame);
  const isOpen = frame.state === "waiting" || frame.state === "called";
  if (frame.items.length === 0 && !isOpen) return nothing;
  return html`<section class="card order">
    ${frame.items.length > 0 ? ordered(frame, state.currency) : nothing} ${isOpen ? menu(state, act) : nothing}
  </section>`;
}

/**
 * @param {TicketFrame} frame
 * @param {string | null} currency not known yet: amounts are left out, they would be wrong by a factor of a hundred
 */
function ordered(frame, currency) {
  const isReturned = frame.state === "cancelled";
  return html`<h2>${t("phone.order")}</h2>
    <ul class="items">
      ${frame.items.map((item) => orderedItem(item, currency))}
    </ul>
    ${isReturned ? html`<p class="muted small">${t("phone.order_returned")}</p>` : nothing}
    ${currency && !isReturned
      ? html`<p class="spread strong total"><span>${t("phone.total")}</span><span>${money(frame.total, currency)}</span></p>`
      : nothing}`;
}

/**
 * @param {OrderedItem} item
 * @param {string | null} currency
 */
function orderedItem({ name, quantity, price, lost = 0 }, currency) {
  const kept = quantity - lost;
  return html`<li>
    <span>
      ${name} <span class="muted">× ${kept}</span>
      ${lost > 0 ? html`<span class="tag soon" data-testid="lost">${t("phone.lost_units", { n: lost })}</span>` : nothing}
    </span>
    ${currency ? html`<span class="amount">${money(kept * price, currency)}</span>` : nothing}
  </li>`;
}

/**
 * @param {State} state
 * @param {Act} act
 */
function menu({ isMenuOpen, menu: items }, act) {
  return html`<details
    @toggle=${(/** @type {Event} */ event) => act.showMenu(/** @type {HTMLDetailsElement} */ (event.currentTarget).open)}
  >
    <summary data-testid="menu">${t("phone.menu_today")}</summary>
    ${isMenuOpen && items === null ? html`<p class="muted" role="status">${t("loading")}</p>` : nothing}
    ${items?.length === 0 ? html`<p class="muted">${t("phone.menu_empty")}</p>` : nothing}
    ${items?.length ? html`<ul class="items">${items.map(menuItem)}</ul>` : nothing}
  </details>`;
}

/** From here on it is said in amber how few are left. */
const FEW = 5;

/** @param {MenuItemBody} item */
function menuItem({ name, left, sold_out: isSoldOut }) {
  if (isSoldOut) return html`<li class="muted"><span>${name}</span><span class="tag">${t("sold_out")}</span></li>`;
  const isCounted = typeof left === "number";
  return html`<li>
    <span>${name}</span>
    ${isCounted ? html`<span class="tag ${left <= FEW ? "soon" : ""}">${t("left.n", { n: left })}</span>` : nothing}
  </li>`;
}
