/**
 * Everything known of a party, and everything that can be done with it.
 *
 * @import { TicketView } from "#api"
 * @import { Scene } from "../views/parts.js"
 */
import { duration, money, range, timeOfDay } from "../../../lib/format.js";
import { html, nothing } from "../../../lib/html.js";
import { LANGUAGES, t } from "../../../lib/i18n.js";
import { patience } from "../selectors.js";
import { commandButton, icon, lineName, partyWords } from "../views/parts.js";
import { tags } from "../views/row.js";

/** @param {Scene} scene @param {TicketView} ticket */
export function actions(scene, ticket) {
  const { state } = scene;
  return {
    label: t("console.ticket_title", { number: ticket.number, state: t(`state.${ticket.state}`) }),
    body: html`<div class="stack">
      <p class="sheet-who row-name">
        <b>${partyWords(ticket)}</b>${ticket.name ? html`<bdi>${ticket.name}</bdi>` : nothing}${ticket.phone_last4
          ? html`<span class="muted">${t("console.phone_ending", { digits: ticket.phone_last4 })}</span>`
          : nothing}
      </p>
      <p class="tags">${tags(ticket, state.policy?.overtaken_max ?? 3)}</p>
      ${ticket.note ? html`<p class="row-note">${icon("note")}<span>${ticket.note}</span></p>` : nothing}
      <div class="action-grid">${leading(scene, ticket)}</div>
      <div class="action-grid">${others(scene, ticket)}</div>
      ${order(scene, ticket)} ${facts(scene, ticket)}
    </div>`,
  };
}

/**
 * What usually comes next in this state.
 *
 * @param {Scene} scene
 * @param {TicketView} ticket
 */
function leading(scene, ticket) {
  const { on, state } = scene;
  const busy = state.pending[ticket.id];
  /** @param {string} label @param {() => void} press @param {string} verb @param {string} [kind] */
  const button = (label, press, verb, kind = "") => commandButton(scene, { label, press, kind, busy: busy === verb, testid: `do-${verb}` });
  const seat = (/** @type {string} */ kind = "") => button(t("console.seat"), () => on.seat(ticket), "seat", kind);
  switch (ticket.state) {
    case "waiting":
      return [button(t("console.call"), () => void on.call(ticket), "call", "leading"), seat()];
    case "called":
      return [
        seat("leading"),
        button(t("console.recall"), () => on.recall(ticket), "recall"),
        button(t("console.miss"), () => on.noShow(ticket), "no_show", "danger"),
        button(t("console.put_back"), () => on.askPutBack(ticket), "put_back"),
      ];
    case "seated":
      return button(t("console.complete"), () => on.complete(ticket), "complete", "leading");
    case "no_show":
      return [
        button(t("console.restore"), () => on.restore(ticket), "restore", "leading"),
        button(t("console.restore_to"), () => on.askRestore(ticket), "restore_to"),
        seat(),
      ];
    default:
      return nothing;
  }
}

/** @param {Scene} scene @param {TicketView} ticket */
function others(scene, ticket) {
  const { at, on, state } = scene;
  const isFinal = ticket.state === "completed" || ticket.state === "cancelled";
  const canUndo = ticket.undo_until && ticket.undo_until > at;
  return html`${canUndo
    ? commandButton(scene, {
        label: html`${icon("undo")}${t("console.undo")}`,
        press: () => on.undo(ticket),
        busy: state.pending[ticket.id] === "undo",
        testid: "do-undo",
      })
    : nothing}
  ${isFinal
    ? nothing
    : html`${commandButton(scene, { label: t("console.edit"), press: () => on.askEdit(ticket), testid: "do-edit" })}
      ${commandButton(scene, { label: t("console.note"), press: () => on.askNote(ticket), testid: "do-note" })}`}
  <button type="button" class="button" data-testid="do-handover" @click=${() => on.handOver(ticket)}>${t("console.hand_over")}</button>
  ${ticket.state === "waiting" || ticket.state === "called"
    ? commandButton(scene, { label: t("console.cancel"), press: () => on.askCancel(ticket), kind: "danger", testid: "do-cancel" })
    : nothing}`;
}

/** What was ordered, with what could not be had again. @param {Scene} scene @param {TicketView} ticket */
function order({ state }, ticket) {
  if (ticket.items.length === 0) return nothing;
  const { currency } = state.shop;
  return html`<section class="order" aria-label=${t("console.order")}>
    <ul>
      ${ticket.items.map(
        ({ name, quantity, price, lost = 0 }) =>
          html`<li class="spread">
            <span><bdi>${name}</bdi> × ${quantity}${lost ? html` <span class="tag now">${t("console.lost", { n: lost })}</span>` : nothing}</span>
            <span>${money(price * quantity, currency)}</span>
          </li>`,
      )}
    </ul>
    <p class="spread strong"><span>${t("console.total")}</span><span>${money(ticket.total, currency)}</span></p>
  </section>`;
}

/** @param {Scene} scene @param {TicketView} ticket */
function facts({ state, queue, at }, ticket) {
  const { timeZone } = state.shop;
  const { waitedMs } = patience(ticket, at);
  const time = (/** @type {number | null | undefined} */ when) => (when ? timeOfDay(when, timeZone) : null);
  const language = ticket.lang && Object.hasOwn(LANGUAGES, ticket.lang) ? LANGUAGES[/** @type {"ko" | "en"} */ (ticket.lang)].name : null;
  /** @type {[string, unknown][]} */
  const all = [
    [t("console.fact_line"), queue.lines.length > 1 ? t("console.line_name", { line: ticket.line, name: lineName(queue, ticket.line) }) : null],
    [t("console.fact_joined"), time(ticket.joined_at)],
    [t("console.fact_waited"), ticket.state === "waiting" ? duration(waitedMs) : null],
    [t("console.fact_promised"), ticket.eta_at_join ? range(ticket.eta_at_join) : null],
    [t("console.fact_called"), time(ticket.called_at)],
    [t("console.to"), ticket.to],
    [t("console.fact_seated"), time(ticket.seated_at)],
    [t("console.fact_missed"), time(ticket.missed_at)],
    [t("console.fact_language"), language],
    [t("console.fact_ended"), ticket.ended?.reason],
  ];
  return html`<dl class="facts">
    ${all.map(([label, value]) => (value ? html`<div><dt class="muted">${label}</dt><dd>${value}</dd></div>` : nothing))}
  </dl>`;
}
