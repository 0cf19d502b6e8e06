/**
 * A party's own page, to be scanned from this screen.
 *
 * @import { TicketView } from "#api"
 * @import { Scene } from "../views/parts.js"
 */
import { html, nothing } from "../../../lib/html.js";
import { t } from "../../../lib/i18n.js";
import { isLoopback, qr } from "../../../lib/qr.js";

/** @param {Scene} _scene @param {TicketView} ticket */
export function handOver(_scene, ticket) {
  const url = new URL(`/t/${ticket.id}`, location.href).href;
  return { label: t("console.hand_over_title", { number: ticket.number }), body: card(ticket.number, url) };
}

/**
 * @param {string} number
 * @param {string} url
 * @param {string} [code] known only when the ticket is made
 */
export function card(number, url, code) {
  return html`<div class="handover">
    <p class="handover-number" data-testid="number">${number}</p>
    ${code ? html`<p>${t("console.code")} <b data-testid="code">${code}</b></p>` : nothing}
    ${qr(url, t("console.qr", { number }))}
    <p class="muted">${t("console.scan")}</p>
    ${isLoopback(url) ? html`<p class="notice soon">${t("console.loopback")}</p>` : nothing}
    <p><a class="button" href=${url} target="_blank" rel="noopener">${t("console.open_page")}</a></p>
  </div>`;
}
