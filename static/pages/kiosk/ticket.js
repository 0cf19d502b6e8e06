/** The number. It stays until it was seen, then goes by itself. */
import { range } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { namesOf } from "../../parts/cart.js";
import { secondsToLeave, TICKET_MS } from "./guest.js";
import { follow } from "./follow.js";

/** @import { View } from "./page.js" */

/** @type {View} */
export function ticket({ guest, menu, now }, dispatch) {
  const { ticket: given } = guest;
  if (!given) return { show: "", touch: "" };
  const left = secondsToLeave(guest, now) ?? 0;
  return {
    show: html`<h1 class="kiosk-done" tabindex="-1">
        <span>${t("kiosk.given")}</span>
        <span class="kiosk-number" data-testid="number">${given.number}</span>
      </h1>
      ${place(given.ahead, given.eta)}
      ${given.dropped.length > 0
        ? html`<p class="notice soon" role="alert" data-testid="dropped">
            ${t("join.dropped", { items: namesOf(given.dropped, menu).join(", ") })}
          </p>`
        : ""}`,
    touch: html`${follow(given.url, given.code)}
      <div class="kiosk-leave">
        <p role="timer">${t("kiosk.leaves_in", { n: left })}</p>
        <progress max=${TICKET_MS / 1_000} value=${left} aria-hidden="true"></progress>
      </div>
      <div class="kiosk-ways">
        <button
          type="button"
          class="button kiosk-leading"
          data-testid="more-time"
          @click=${() => dispatch({ type: "touched", now: Date.now() })}
        >
          ${t("kiosk.more_time")}
        </button>
        <button
          type="button"
          class="button leading kiosk-leading"
          data-testid="done"
          @click=${() => dispatch({ type: "left" })}
        >
          ${t("kiosk.done")}
        </button>
      </div>`,
  };
}

/**
 * Where in the line, and for how long.
 *
 * @param {number | null | undefined} ahead
 * @param {import("#api").Eta | null | undefined} eta
 */
export function place(ahead, eta) {
  if (ahead == null) return "";
  return html`<div class="kiosk-place">
    <p class="kiosk-ahead" data-testid="ahead" role="status">${ahead === 0 ? t("ahead.next") : t("ahead.n", { n: ahead })}</p>
    <p class="kiosk-range" data-testid="range">${range(eta)}</p>
    <p class="muted">${t("order.may_differ")}</p>
  </div>`;
}
