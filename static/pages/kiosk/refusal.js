/** Why something did not work, in words, and the way on where there is one. */
import { html } from "../../lib/html.js";
import { t, tOr } from "../../lib/i18n.js";
import { namesOf } from "../../parts/cart.js";

/** @import { Commands } from "./commands.js" */
/** @import { Action, State } from "./state.js" */

/**
 * @param {State} state
 * @param {(action: Action) => void} dispatch
 * @param {Commands} commands
 */
export function refusal(state, dispatch, commands) {
  const { refusal: refused, joining } = state.guest;
  if (!refused) return "";
  return html`<div class="notice now kiosk-refusal" role="alert" data-code=${refused.code}>
    <p>${words(state)}</p>
    ${refused.code === "sold_out"
      ? html`<button
          type="button"
          class="button"
          data-testid="drop"
          ?disabled=${joining !== null}
          @click=${() => commands.join({ withPhone: refused.withPhone, drop: true })}
        >
          ${t("kiosk.drop")}
        </button>`
      : ""}
    ${refused.code === "already_waiting"
      ? html`<button type="button" class="button" @click=${() => dispatch({ type: "go", screen: "find", now: Date.now() })}>
          ${t("join.have_number")}
        </button>`
      : ""}
    ${refused.code === "door_code" ? signIn() : ""}
  </div>`;
}

/** Where staff make this machine the restaurant's own. */
export function signIn() {
  const back = encodeURIComponent(location.pathname);
  return html`<a class="button" href="/sign-in?next=${back}">${t("kiosk.sign_in")}</a>`;
}

/** @param {State} state */
function words({ guest, menu, policy }) {
  const refused = guest.refusal;
  if (!refused) return "";
  if (refused.code === "sold_out" && refused.items.length > 0) {
    return t("join.sold_out", { items: namesOf(refused.items, menu).join(", ") });
  }
  if (refused.code === "party_size" && policy) {
    return t("join.party_size", { min: policy.party_min, max: policy.party_max });
  }
  if (refused.code === "phone") return t("kiosk.phone_first");
  if (refused.code === "door_code") return t("kiosk.needs_staff");
  if (refused.code === "not_found" && guest.screen === "find") return t("join.not_found");
  return tOr(`refusal.${refused.code}`, "refusal.internal");
}
