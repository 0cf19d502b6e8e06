/** A number that was found again: where it stands, and what its guest can do from here. */
import { remainingMs } from "../../lib/link.js";
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { follow } from "./follow.js";
import { refusal } from "./refusal.js";
import { place } from "./ticket.js";

/** @import { TicketFrame } from "#api" */
/** @import { View } from "./page.js" */

/** @type {View} */
export function found(state, dispatch, commands) {
  const { found: here, busy } = state.guest;
  if (!here) return { show: "", touch: "" };
  const { frame, url, code } = here;
  const called = frame.state === "called";
  const act = (/** @type {string} */ name, /** @type {string} */ label, /** @type {() => void} */ go, kind = "") =>
    html`<button
      type="button"
      class="button ${kind}"
      data-testid=${name}
      aria-disabled=${busy ? "true" : "false"}
      @click=${() => !busy && go()}
    >
      ${label}
    </button>`;
  const lives = frame.state === "waiting" || called;
  const canRejoin = frame.rejoin_until != null && remainingMs(frame.rejoin_until, frame, 0) > 0 && frame.state === "no_show";
  const canUndo = frame.state === "cancelled" && frame.ended?.by === "guest" && frame.undo_until != null;
  return {
    show: html`<h1 class="kiosk-done" tabindex="-1" data-called=${called ? "true" : "false"}>
        <span data-testid="state">${called ? t("kiosk.come_in") : t(`state.${frame.state}`)}</span>
        <span class="kiosk-number" data-testid="number">${frame.number}</span>
      </h1>
      ${called && frame.to ? html`<p class="kiosk-to">${frame.to}</p>` : ""} ${place(frame.ahead, frame.eta)} ${presence(frame)}`,
    touch: html`${refusal(state, dispatch, commands)} ${lives ? follow(url, code) : ""}
      <div class="kiosk-acts">
        ${lives && !frame.checked_in ? act("check-in", t("kiosk.check_in"), commands.checkIn, "leading") : ""}
        ${lives && frame.delays_left > 0
          ? act("delay", t("kiosk.delay"), () => dispatch({ type: "sheet", sheet: "delay" }))
          : ""}
        ${lives ? act("cancel", t("kiosk.cancel"), () => dispatch({ type: "sheet", sheet: "cancel" }), "danger") : ""}
        ${canRejoin ? act("rejoin", t("kiosk.rejoin"), commands.rejoin, "leading") : ""}
        ${canUndo ? act("undo", t("kiosk.undo"), commands.undo) : ""}
        ${act("done", t("kiosk.done"), () => dispatch({ type: "left" }))}
      </div>`,
  };
}

/** @param {TicketFrame} frame */
function presence({ state, checked_in }) {
  if (state !== "waiting") return "";
  return html`<p class="tag ${checked_in ? "fine" : "soon"}" data-testid="presence">
    ${checked_in ? t("kiosk.here") : t("kiosk.not_here")}
  </p>`;
}
