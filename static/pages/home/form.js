/** The form: which line, how many, from where, and what may be left out. */
import { money } from "../../lib/format.js";
import { html, live } from "../../lib/html.js";
import { t, tOr } from "../../lib/i18n.js";
import { countOf, namesOf, totalOf } from "../../parts/cart.js";
import { lineChoice } from "../../parts/line-choice.js";
import { sizeOf } from "../../parts/party.js";
import { partyPicker } from "../../parts/party-picker.js";
import { grouped, isComplete } from "../../parts/phone-number.js";
import { preorder } from "../../parts/preorder.js";
import { joining } from "./joining.js";
import { chosenLine, needsDoor } from "./state.js";

/** @import { BoardFrame } from "#api" */
/** @import { Commands } from "./commands.js" */
/** @import { Action, Shop } from "./state.js" */

/**
 * @param {Shop} shop
 * @param {BoardFrame} frame
 * @param {boolean} old whether the counts are from before
 * @param {(action: Action) => void} dispatch
 * @param {Commands} commands
 */
export function form(shop, frame, old, dispatch, commands) {
  if (shop.joining && shop.joining.waits > 0) return joining(shop, dispatch, commands);
  const choice = {
    frame,
    chosen: chosenLine(shop)?.line ?? null,
    party: sizeOf(shop.form),
    old,
    timeZone: shop.restaurant?.time_zone,
    choose: (/** @type {string} */ line) => dispatch({ type: "form", change: { line } }),
  };
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    const missing = missingIn(shop);
    if (missing) return dispatch({ type: "refused", code: missing, items: [], of: "join" });
    commands.join();
  };
  return html`<form class="home-form" novalidate @submit=${submit}>
    ${lineChoice(choice)}
    <section class="home-section">
      <h2>${t("home.how_many")}</h2>
      ${partyPicker(shop.form, shop.policy, (who, by) => dispatch({ type: "party", who, by }))}
    </section>
    ${where(shop, dispatch)} ${phone(shop, dispatch)} ${order(shop, dispatch)}
    <div class="home-bar">
      ${refusal(shop, commands)}
      <button
        class="button leading home-join"
        data-testid="join"
        aria-disabled=${shop.joining || !choice.chosen ? "true" : "false"}
      >
        ${shop.joining ? t("home.joining") : t("home.join")}
      </button>
    </div>
  </form>`;
}

/**
 * What must be typed before it is worth asking.
 *
 * @param {Shop} shop
 */
function missingIn(shop) {
  if (needsDoor(shop) && !/^\d{4}$/.test(shop.form.door)) return "door_first";
  return shop.form.phone !== "" && !isComplete(shop.form.phone) ? "phone_wrong" : null;
}

/**
 * @param {Shop} shop
 * @param {(action: Action) => void} dispatch
 */
function where(shop, dispatch) {
  const { policy, form: chosen, refusal: refused } = shop;
  const remote = policy?.remote ?? true;
  const choose = (/** @type {"remote" | "onsite"} */ place, /** @type {string} */ label, /** @type {string} */ hint) =>
    html`<label class="home-place">
      <input
        type="radio"
        name="where"
        value=${place}
        .checked=${live(chosen.where === place)}
        @change=${() => dispatch({ type: "form", change: { where: place } })}
      />
      <span><span class="strong">${label}</span><span class="muted small">${hint}</span></span>
    </label>`;
  return html`<fieldset class="home-section home-where">
    <legend>${t("home.where")}</legend>
    ${remote
      ? html`<div class="home-places">
          ${choose("remote", t("home.where_remote"), t("home.where_remote_hint"))}
          ${choose("onsite", t("home.where_onsite"), t("home.where_onsite_hint"))}
        </div>`
      : html`<p class="notice">${t("home.only_onsite")}</p>`}
    ${needsDoor(shop)
      ? html`<div class="field">
          <label for="door">${t("home.door")}</label>
          <input
            id="door"
            class="input home-code"
            inputmode="numeric"
            autocomplete="off"
            maxlength="4"
            aria-describedby="door-hint"
            aria-invalid=${refused && ["door_code", "door_first"].includes(refused.code) ? "true" : "false"}
            .value=${live(chosen.door)}
            @input=${(/** @type {InputEvent} */ event) =>
              dispatch({ type: "form", change: { door: valueOf(event).replace(/\D/g, "") } })}
          />
          <p id="door-hint" class="muted small">${t("home.door_hint")}</p>
        </div>`
      : ""}
  </fieldset>`;
}

/**
 * @param {Shop} shop
 * @param {(action: Action) => void} dispatch
 */
function phone({ form: chosen, refusal: refused }, dispatch) {
  return html`<section class="home-section field">
    <label for="phone">${t("join.phone")} <span class="muted small">${t("join.optional")}</span></label>
    <input
      id="phone"
      class="input"
      type="tel"
      inputmode="tel"
      autocomplete="tel-national"
      placeholder="010-0000-0000"
      aria-describedby="phone-hint"
      aria-invalid=${refused && ["phone_wrong", "already_waiting"].includes(refused.code) ? "true" : "false"}
      .value=${live(chosen.phone)}
      @input=${(/** @type {InputEvent} */ event) => dispatch({ type: "form", change: { phone: grouped(valueOf(event)) } })}
    />
    <p id="phone-hint" class="muted small">${t("join.privacy")}</p>
  </section>`;
}

/**
 * @param {Shop} shop
 * @param {(action: Action) => void} dispatch
 */
function order({ form: chosen, menu, policy, restaurant, unfolded }, dispatch) {
  if (menu.length === 0) return "";
  const currency = restaurant?.currency ?? "KRW";
  const count = countOf(chosen.cart);
  const said = count > 0 ? `${t("join.items", { n: count })} · ${money(totalOf(chosen.cart, menu), currency)}` : t("join.optional");
  const toggled = (/** @type {Event} */ event) =>
    dispatch({ type: "unfolded", what: "order", open: /** @type {HTMLDetailsElement} */ (event.currentTarget).open });
  return html`<details class="home-section home-order" ?open=${unfolded.order} @toggle=${toggled}>
    <summary><span class="strong">${t("join.order")}</span> <span class="muted small">${said}</span></summary>
    ${preorder({
      menu,
      cart: chosen.cart,
      currency,
      perTicketMax: policy?.per_ticket_max ?? 1,
      change: (item, by) => dispatch({ type: "order", item, by }),
    })}
  </details>`;
}

/**
 * @param {Shop} shop
 * @param {Commands} commands
 */
function refusal({ refusal: refused, menu, policy }, commands) {
  if (!refused || refused.of !== "join") return "";
  const words = wordsOf(refused, menu, policy);
  return html`<div class="notice now spread" role="alert" data-code=${refused.code}>
    <p>${words}</p>
    ${refused.code === "sold_out"
      ? html`<button type="button" class="button" data-testid="drop" @click=${() => commands.join(true)}>${t("home.drop")}</button>`
      : ""}
  </div>`;
}

/**
 * @param {NonNullable<Shop["refusal"]>} refused
 * @param {Shop["menu"]} menu
 * @param {Shop["policy"]} policy
 */
function wordsOf(refused, menu, policy) {
  if (refused.code === "sold_out" && refused.items.length > 0) {
    return t("join.sold_out", { items: namesOf(refused.items, menu).join(", ") });
  }
  if (refused.code === "party_size" && policy) return t("join.party_size", { min: policy.party_min, max: policy.party_max });
  if (refused.code === "door_first") return t("home.door_first");
  if (refused.code === "phone_wrong") return t("home.phone_wrong");
  return tOr(`refusal.${refused.code}`, "refusal.internal");
}

/** @param {InputEvent} event */
function valueOf(event) {
  return /** @type {HTMLInputElement} */ (event.currentTarget).value;
}
