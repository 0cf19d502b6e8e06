/**
 * What is known of a party, changed.
 *
 * @import { TicketView } from "#api"
 * @import { Scene } from "../views/parts.js"
 */
import { html, live, nothing } from "../../../lib/html.js";
import { t } from "../../../lib/i18n.js";
import { choice, stepper } from "../views/parts.js";

/** Limits of the server. */
export const PARTY_MAX = 20;
export const NAME_LEN_MAX = 60;
export const NOTE_LEN_MAX = 500;

/** @param {Scene} scene @param {TicketView} ticket @param {Record<string, any>} draft */
export function edit(scene, ticket, draft) {
  const { on } = scene;
  return {
    label: t("console.edit_title", { number: ticket.number }),
    body: html`<form class="stack" @submit=${submit(scene, ticket, draft)}>
      ${party(draft, on.draft)} ${lines(scene, draft, on.draft)} ${nameField(draft, on.draft)} ${noteField(draft, on.draft)}
      ${save(scene, ticket)}
    </form>`,
  };
}

/** @param {Scene} scene @param {TicketView} ticket @param {Record<string, any>} draft */
export function note(scene, ticket, draft) {
  return {
    label: t("console.note_title", { number: ticket.number }),
    body: html`<form class="stack" @submit=${submit(scene, ticket, draft)}>${noteField(draft, scene.on.draft)} ${save(scene, ticket)}</form>`,
  };
}

/** @typedef {(draft: Record<string, any>) => void} Set */

/** @param {Record<string, any>} draft @param {Set} set */
export function party({ adults, children }, set) {
  return html`<div class="row steppers">
    ${stepper(t("console.adults"), adults, 1, PARTY_MAX - children, (value) => set({ adults: value }))}
    ${stepper(t("console.children"), children, 0, PARTY_MAX - adults, (value) => set({ children: value }))}
  </div>`;
}

/** @param {Scene} scene @param {Record<string, any>} draft @param {Set} set */
export function lines({ queue }, draft, set) {
  if (queue.lines.length < 2) return nothing;
  return html`<div class="field" role="group" aria-label=${t("console.fact_line")}>
    <span class="label">${t("console.fact_line")}</span>
    <div class="choices">
      ${queue.lines.map(({ line, name }) =>
        choice(html`<bdi>${t("console.line_name", { line, name })}</bdi>`, draft.line === line, () => set({ line })),
      )}
    </div>
  </div>`;
}

/** @param {Record<string, any>} draft @param {Set} set */
export function nameField({ name }, set) {
  return html`<div class="field">
    <label for="party-name">${t("console.name")}</label>
    <input
      id="party-name"
      class="input"
      maxlength=${NAME_LEN_MAX}
      autocomplete="off"
      .value=${live(name)}
      @input=${(/** @type {any} */ event) => set({ name: event.target.value })}
    />
  </div>`;
}

/** @param {Record<string, any>} draft @param {Set} set */
export function noteField({ note }, set) {
  return html`<div class="field">
    <label for="party-note">${t("console.note")}</label>
    <textarea
      id="party-note"
      class="input"
      rows="2"
      maxlength=${NOTE_LEN_MAX}
      .value=${live(note)}
      @input=${(/** @type {any} */ event) => set({ note: event.target.value })}
    ></textarea>
    <small class="muted">${t("console.note_hint")}</small>
  </div>`;
}

/** @param {Scene} scene @param {TicketView} ticket @param {Record<string, any>} draft */
function submit({ on, current }, ticket, draft) {
  return (/** @type {Event} */ event) => {
    event.preventDefault();
    if (current) void on.edit(ticket, draft);
    else on.offline();
  };
}

/** @param {Scene} scene @param {TicketView} ticket */
function save({ current, state }, ticket) {
  const busy = ticket.id in state.pending;
  return html`<button class="button leading" aria-disabled=${busy || !current ? "true" : nothing} aria-busy=${busy ? "true" : nothing}>
    ${t("console.save")}
  </button>`;
}
