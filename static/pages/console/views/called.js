/**
 * The right column: who is called now, each with its countdown and what comes next, and who sits.
 *
 * @import { TicketView } from "#api"
 * @import { Scene } from "./parts.js"
 */
import { countdown } from "../../../lib/format.js";
import { html, nothing, repeat } from "../../../lib/html.js";
import { t } from "../../../lib/i18n.js";
import { called, people, seated } from "../selectors.js";
import { commandButton, icon, partyWords } from "./parts.js";
import { minutes, tags } from "./row.js";

/** With less than this, the countdown is amber, ms. */
const SOON_MS = 60_000;

/** @param {Scene} scene */
export function calledColumn(scene) {
  const tickets = called(scene.queue);
  return html`<section class="column called" aria-labelledby="called-title">
    <h2 id="called-title" class="column-head">${t("console.called")} <span class="count">${tickets.length}</span></h2>
    ${tickets.length === 0
      ? html`<p class="empty muted">${t("console.empty_called")}</p>`
      : html`<ul class="cards" data-list="called" data-testid="now-calling">
          ${repeat(
            tickets,
            ({ id }) => id,
            (ticket) => card(scene, ticket),
          )}
        </ul>`}
  </section>`;
}

/** @param {Scene} scene @param {TicketView} ticket */
function card(scene, ticket) {
  const { state, at, on } = scene;
  const busy = state.pending[ticket.id];
  const left = Math.max(0, (ticket.grace_until ?? at) - at);
  const whole = Math.max(1, (ticket.grace_until ?? 0) - (ticket.called_at ?? 0));
  const recalls = Math.max(0, (state.policy?.recalls ?? 2) + 1 - ticket.calls);
  const name = (/** @type {string} */ what) => t("console.about", { number: ticket.number, words: what });
  return html`<li class="card called-card" data-testid="called-card" data-number=${ticket.number} data-soon=${left < SOON_MS ? "" : nothing}>
    <button
      type="button"
      class="called-head"
      data-ticket=${ticket.id}
      aria-current=${state.selected === ticket.id ? "true" : nothing}
      aria-haspopup="dialog"
      @click=${() => on.actions(ticket)}
    >
      <span class="called-number">${ticket.number}</span>
      <span class="called-who">
        <span class="row-name"><b>${partyWords(ticket)}</b>${ticket.name ? html`<bdi>${ticket.name}</bdi>` : nothing}</span>
        <span class="tags">${whereTo(ticket)}${tags(ticket, state.policy?.overtaken_max ?? 3)}</span>
      </span>
      <span class="called-time" data-testid="grace"
        >${left > 0 ? html`<span class="aside">${t("console.time_left")}</span>${countdown(left)}` : t("console.time_over")}</span
      >
    </button>
    <progress class="grace" max=${whole} value=${left} aria-hidden="true"></progress>
    ${ticket.note ? html`<p class="row-note">${icon("note")}<span>${ticket.note}</span></p>` : nothing}
    <div class="card-actions">
      ${commandButton(scene, { label: t("console.seat"), name: name(t("console.seat")), press: () => on.seat(ticket), kind: "leading", busy: busy === "seat" })}
      ${commandButton(scene, {
        label: html`${t("console.recall")}<small>${recalls > 0 ? t("console.recalls_left", { n: recalls }) : t("console.recalls_none")}</small>`,
        name: name(`${t("console.recall")}, ${recalls > 0 ? t("console.recalls_left", { n: recalls }) : t("console.recalls_none")}`),
        press: () => on.recall(ticket),
        kind: "two-line",
        busy: busy === "recall",
      })}
      ${commandButton(scene, { label: t("console.miss"), name: name(t("console.miss")), press: () => on.noShow(ticket), kind: "danger", busy: busy === "no_show" })}
      ${commandButton(scene, { label: t("console.put_back_short"), name: name(t("console.put_back")), press: () => on.askPutBack(ticket), busy: busy === "put_back" })}
    </div>
  </li>`;
}

/** @param {TicketView} ticket */
function whereTo({ to, calls }) {
  return html`${to ? html`<span class="tag now">→ <bdi>${to}</bdi></span>` : nothing}${calls > 1
    ? html`<span class="tag">${t("console.times_called", { n: calls })}</span>`
    : nothing}`;
}

/** @param {Scene} scene */
export function seatedColumn(scene) {
  const { state, at, on } = scene;
  const tickets = seated(scene.queue);
  return html`<section class="column seated" aria-labelledby="seated-title">
    <h2 id="seated-title" class="column-head">${t("console.seated")} <span class="count">${tickets.length}</span></h2>
    ${tickets.length === 0
      ? html`<p class="empty muted">${t("console.empty_seated")}</p>`
      : html`<ul class="seats" data-list="seated">
          ${repeat(
            tickets,
            ({ id }) => id,
            (ticket) => html`<li class="seat" data-testid="seat" data-number=${ticket.number}>
              <button
                type="button"
                class="seat-head"
                data-ticket=${ticket.id}
                aria-current=${state.selected === ticket.id ? "true" : nothing}
                aria-haspopup="dialog"
                @click=${() => on.actions(ticket)}
              >
                <span class="seat-number">${ticket.number}</span>
                <span class="row-name"><span>${t("party.people", { n: people(ticket) })}</span>${ticket.name ? html`<bdi>${ticket.name}</bdi>` : nothing}</span>
                <span class="muted">${minutes(Math.max(0, at - (ticket.seated_at ?? at)))}</span>
              </button>
              ${commandButton(scene, {
                label: t("console.complete"),
                name: t("console.about", { number: ticket.number, words: t("console.complete") }),
                press: () => on.complete(ticket),
                busy: state.pending[ticket.id] === "complete",
              })}
            </li>`,
          )}
        </ul>`}
  </section>`;
}
