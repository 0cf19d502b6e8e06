/** The second screen: a phone number or none, an order ahead or none. The quickest way through is one more touch. */
import { money, range } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { countOf, totalOf } from "../../parts/cart.js";
import { barrier, etaOf } from "../../parts/openness.js";
import { sizeOf } from "../../parts/party.js";
import { grouped, isComplete } from "../../parts/phone-number.js";
import { preorder } from "../../parts/preorder.js";
import { keypad } from "./keypad.js";
import { refusal } from "./refusal.js";

/** @import { Commands } from "./commands.js" */
/** @import { View } from "./page.js" */
/** @import { Action, State } from "./state.js" */

/** @type {View} */
export function options(state, dispatch, commands) {
  return {
    show: html`<h1 class="kiosk-title" tabindex="-1">${t("kiosk.options")}</h1>
      ${summary(state)}
      <p class="kiosk-privacy muted">${t("join.privacy")}</p>`,
    touch: html`${refusal(state, dispatch, commands)} ${tabs(state, dispatch)}
      ${state.guest.panel === "order" ? order(state, dispatch) : phone(state, dispatch)} ${ways(state, dispatch, commands)}`,
  };
}

/** @param {State} state */
function summary({ guest, frame }) {
  const line = frame?.lines.find((each) => each.line === guest.line);
  const closed = frame && line ? barrier(frame.restaurant, line) : null;
  const people = [t("party.adults", { n: guest.adults })];
  if (guest.children > 0) people.push(t("party.children", { n: guest.children }));
  return html`<p class="kiosk-summary">
    ${line ? html`<span>${line.name}</span>` : ""}<span>${people.join(" ")}</span>
    ${closed ? html`<span class="kiosk-closed">${t(`open.${closed.state}`)}</span>` : ""}
    ${line && !closed && line.waiting > 0 ? html`<span data-testid="range">${range(etaOf(line, sizeOf(guest)))}</span>` : ""}
  </p>`;
}

/**
 * @param {State} state
 * @param {(action: Action) => void} dispatch
 */
function tabs({ guest, menu, restaurant }, dispatch) {
  if (menu.length === 0) return "";
  const count = countOf(guest.cart);
  const note = count > 0 ? orderNote(count, totalOf(guest.cart, menu), restaurant?.currency) : t("join.optional");
  const tab = (/** @type {"phone" | "order"} */ panel, /** @type {string} */ label, /** @type {string} */ hint) =>
    html`<button
      type="button"
      class="button kiosk-tab"
      data-testid="tab-${panel}"
      aria-pressed=${guest.panel === panel ? "true" : "false"}
      @click=${() => dispatch({ type: "panel", panel })}
    >
      <span>${label}</span><span class="kiosk-tab-hint">${hint}</span>
    </button>`;
  return html`<div class="kiosk-tabs">
    ${tab("phone", t("join.phone"), isComplete(guest.phone) ? grouped(guest.phone) : t("join.optional"))}
    ${tab("order", t("join.order"), note)}
  </div>`;
}

/**
 * @param {number} count
 * @param {number} total
 * @param {string} [currency]
 */
function orderNote(count, total, currency) {
  const items = t("join.items", { n: count });
  return currency ? `${items} · ${money(total, currency)}` : items;
}

/**
 * @param {State} state
 * @param {(action: Action) => void} dispatch
 */
function phone({ guest }, dispatch) {
  return html`<div class="kiosk-panel">
    <p class="kiosk-typed" role="status" aria-label=${t("join.phone")} data-testid="phone">
      ${guest.phone ? grouped(guest.phone) : html`<span class="muted">${t("kiosk.type_phone")}</span>`}
    </p>
    ${keypad((key) => dispatch({ type: "key", key }))}
  </div>`;
}

/**
 * @param {State} state
 * @param {(action: Action) => void} dispatch
 */
function order({ guest, menu, policy, restaurant }, dispatch) {
  return html`<div class="kiosk-panel">
    ${preorder({
      menu,
      cart: guest.cart,
      currency: restaurant?.currency ?? "KRW",
      perTicketMax: policy?.per_ticket_max ?? 1,
      change: (item, by) => dispatch({ type: "order", item, by }),
    })}
  </div>`;
}

/**
 * On, without or with a phone number: of equal weight.
 *
 * @param {State} state
 * @param {(action: Action) => void} dispatch
 * @param {Commands} commands
 */
function ways({ guest }, dispatch, commands) {
  const complete = isComplete(guest.phone);
  const busy = guest.joining !== null;
  const missing = () => {
    dispatch({ type: "panel", panel: "phone" });
    dispatch({ type: "refused", refusal: { code: "phone", items: [], withPhone: true }, now: Date.now() });
  };
  return html`<div class="kiosk-ways">
      <button
        type="button"
        class="button leading kiosk-leading"
        data-testid="join"
        aria-disabled=${busy ? "true" : "false"}
        @click=${() => commands.join({ withPhone: false })}
      >
        ${busy ? t("kiosk.joining") : t("kiosk.without_phone")}
      </button>
      <button
        type="button"
        class="button leading kiosk-leading"
        data-testid="join-phone"
        aria-disabled=${busy ? "true" : "false"}
        @click=${() => (complete ? commands.join({ withPhone: true }) : missing())}
      >
        ${t("kiosk.with_phone")}
      </button>
    </div>`;
}
