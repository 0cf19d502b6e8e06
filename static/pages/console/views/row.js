/**
 * A party in the line: one row that opens its actions.
 *
 * @import { TicketView } from "#api"
 * @import { Scene } from "./parts.js"
 */
import { duration, timeOfDay } from "../../../lib/format.js";
import { html, nothing } from "../../../lib/html.js";
import { t } from "../../../lib/i18n.js";
import { patience, people } from "../selectors.js";
import { icon, lineName, partyWords } from "./parts.js";

/** A row that came less than this ago is marked for a moment, ms. */
const NEW_MS = 6_000;

/**
 * @param {Scene} scene
 * @param {TicketView} ticket
 * @param {boolean} isTabStop one row of a list is in the order of focus; arrows reach the others
 */
export function row(scene, ticket, isTabStop) {
  const { state, queue, at, on } = scene;
  const isSelected = state.selected === ticket.id;
  return html`<li
    class="line-item"
    data-testid="line-row"
    data-number=${ticket.number}
    data-state=${ticket.state}
    ?data-new=${ticket.state === "waiting" && at - ticket.joined_at < NEW_MS}
    ?data-busy=${ticket.id in state.pending}
  >
    <button
      type="button"
      class="line-row"
      data-ticket=${ticket.id}
      aria-current=${isSelected ? "true" : nothing}
      aria-haspopup="dialog"
      tabindex=${isTabStop ? "0" : "-1"}
      @click=${() => on.actions(ticket)}
    >
      <span class="row-number">${ticket.number}</span>
      <span class="row-party"><b>${t("party.people", { n: people(ticket) })}</b>${ticket.children > 0
        ? html`<small>${partyWords(ticket)}</small>`
        : nothing}</span>
      <span class="row-who">
        ${who(ticket)}
        <span class="tags">${tags(ticket, state.policy?.overtaken_max ?? 3)}${ticket.line !== ticket.number[0]
          ? html`<span class="tag">${lineName(queue, ticket.line)}</span>`
          : nothing}</span>
        ${ticket.note ? html`<span class="row-note">${icon("note")}<span>${ticket.note}</span></span>` : nothing}
      </span>
      ${ticket.state === "waiting" ? waited(ticket, at) : since(scene, ticket)}
    </button>
  </li>`;
}

/** @param {TicketView} ticket */
function who({ name, phone_last4 }) {
  if (!name && !phone_last4) return nothing;
  return html`<span class="row-name"
    >${name ? html`<bdi>${name}</bdi>` : nothing}${phone_last4 ? html`<span class="muted">${phone_last4}</span>` : nothing}</span
  >`;
}

/**
 * What is special about a party, in words.
 *
 * @param {TicketView} ticket
 * @param {number} overtakenMax
 */
export function tags(ticket, overtakenMax) {
  const { channel, checked_in, items, delays, overtaken } = ticket;
  const units = items.reduce((sum, { quantity }) => sum + quantity, 0);
  const lost = items.reduce((sum, item) => sum + (item.lost ?? 0), 0);
  return html`${channel === "onsite"
    ? html`<span class="tag">${t("channel.onsite")}</span>`
    : html`<span class="tag ${checked_in ? "fine" : "soon"}">${checked_in ? t("console.tag_arrived") : t("console.tag_remote")}</span>`}${units > 0
    ? html`<span class="tag ${lost > 0 ? "now" : ""}">${lost > 0 ? t("console.tag_lost", { n: lost }) : t("console.tag_order", { n: units })}</span>`
    : nothing}${delays > 0 ? html`<span class="tag">${t("console.tag_delayed", { n: delays })}</span>` : nothing}${overtaken > 0
    ? html`<span class="tag ${overtaken >= overtakenMax ? "now" : ""}"
        >${overtaken >= overtakenMax ? icon("alert") : nothing}${t("console.tag_overtaken", { n: overtaken })}</span
      >`
    : nothing}`;
}

/**
 * The wait against what was said at joining.
 *
 * @param {TicketView} ticket
 * @param {number} at
 */
function waited(ticket, at) {
  const { level, waitedMs, promisedMs, leftMs } = patience(ticket, at);
  const words = {
    unknown: () => t("console.no_promise"),
    fine: () => t("console.promised", { time: duration(promisedMs) }),
    near: () => (leftMs < 60_000 ? t("console.promise_now") : t("console.promise_near", { time: duration(leftMs) })),
    over: () => t("console.promise_over", { time: duration(-leftMs) }),
  };
  return html`<span class="row-wait" data-level=${level}>
    <b>${minutes(waitedMs)}</b>
    <small>${level === "over" ? icon("alert") : level === "near" ? icon("clock") : nothing}${words[level]()}</small>
  </span>`;
}

/**
 * Where one that does not wait is, and since when.
 *
 * @param {Scene} scene
 * @param {TicketView} ticket
 */
function since({ at, state }, ticket) {
  const time = ticket.missed_at ?? ticket.seated_at ?? ticket.called_at;
  const left = ticket.undo_until && (ticket.state === "completed" || ticket.state === "cancelled") ? ticket.undo_until - at : 0;
  return html`<span class="row-wait">
    <b>${t(`state.${ticket.state}`)}</b>
    <small>${left > 0 ? t("console.undo_left", { time: duration(left) }) : time ? timeOfDay(time, state.shop.timeZone) : nothing}</small>
  </span>`;
}

/** Whole minutes: seconds that run in hundreds of rows help nobody. @param {number} ms */
export function minutes(ms) {
  return ms < 60_000 ? t("console.just_now") : duration(ms);
}
