/**
 * A party that staff add, and its number and code to hand over.
 *
 * @import { Scene } from "../views/parts.js"
 */
import { html, live, nothing } from "../../../lib/html.js";
import { t } from "../../../lib/i18n.js";
import { waiting } from "../selectors.js";
import { choice, stepper } from "../views/parts.js";
import { lines, nameField, noteField, party } from "./edit.js";
import { card } from "./handover.js";

const PHONE_LEN_MAX = 20;

/** The server's limit. */
const PLACE_MAX = 200;

/** @param {Scene} scene @param {Record<string, any>} draft */
export function add(scene, draft) {
  const { on, state, current } = scene;
  const set = on.addDraft;
  const busy = "add" in state.pending;
  const submit = (/** @type {Event} */ event) => {
    event.preventDefault();
    if (current) void on.add(draft);
    else on.offline();
  };
  return {
    label: t("console.add_title"),
    body: html`<form class="stack" @submit=${submit}>
      ${party(draft, set)} ${lines(scene, draft, set)}
      <div class="field" role="group" aria-label=${t("console.channel")}>
        <span class="label">${t("console.channel")}</span>
        <div class="choices">
          ${choice(t("channel.onsite"), draft.channel === "onsite", () => set({ channel: "onsite" }))}
          ${choice(t("channel.remote"), draft.channel === "remote", () => set({ channel: "remote" }))}
        </div>
      </div>
      ${place(scene, draft)}
      <div class="halves">
        ${nameField(draft, set)}
        <div class="field">
          <label for="party-phone">${t("console.phone")}</label>
          <input
            id="party-phone"
            class="input"
            type="tel"
            inputmode="tel"
            maxlength=${PHONE_LEN_MAX}
            autocomplete="off"
            .value=${live(draft.phone)}
            @input=${(/** @type {any} */ event) => set({ phone: event.target.value })}
          />
        </div>
      </div>
      ${noteField(draft, set)} ${dishes(scene, draft)}
      <button class="button leading" data-testid="add-do" aria-disabled=${busy || !current ? "true" : nothing} aria-busy=${busy ? "true" : nothing}>
        ${t("console.add_do")}
      </button>
    </form>`,
  };
}

/**
 * Where in the line: the end, unless somebody gets back a place that was lost. Beyond the end is the end, also when the line
 * has become shorter meanwhile.
 *
 * @param {Scene} scene
 * @param {Record<string, any>} draft
 */
function place({ queue, on }, { line, place: ahead }) {
  const others = waiting(queue, line);
  if (others.length === 0) return nothing;
  const most = Math.min(PLACE_MAX, others.length);
  const behind = Math.min(ahead ?? 0, most);
  const set = (/** @type {number | null} */ place) => on.addDraft({ place });
  return html`<div class="field" role="group" aria-label=${t("console.place")} data-testid="place">
    <span class="label">${t("console.place")}</span>
    <div class="choices">
      ${choice(t("console.place_end"), ahead === null, () => set(null))}
      ${choice(t("console.place_head"), ahead === 0, () => set(0))}
      ${choice(t("console.place_behind"), behind > 0, () => set(behind || 1))}
    </div>
    ${behind > 0 ? stepper(t("console.place_ahead"), behind, 1, most, set) : nothing}
    ${ahead === null
      ? nothing
      : html`<p class="muted small" aria-live="polite" data-testid="place-words">
          ${behind > 0 ? t("console.place_after", { number: others[behind - 1].number }) : t("console.place_before", { number: others[0].number })}
        </p>`}
  </div>`;
}

/** @param {Scene} scene @param {Record<string, any>} draft */
function dishes({ state, queue, on }, { items }) {
  const { menu } = state.shop;
  if (menu.length === 0) return nothing;
  const most = state.policy?.per_ticket_max ?? 4;
  return html`<details class="dishes">
    <summary>${t("console.order")}</summary>
    ${menu.map(({ id, name }) => {
      const left = queue.stock[id] ?? null;
      const max = Math.min(most, left ?? most);
      return html`<div class="spread">
        <span class="muted small">${left === null ? "" : left === 0 ? t("sold_out") : t("left.n", { n: left })}</span>
        ${stepper(name, items[id] ?? 0, 0, Math.max(max, items[id] ?? 0), (quantity) => on.addDraft({ items: { ...items, [id]: quantity } }))}
      </div>`;
    })}
  </details>`;
}

/** @param {Scene} scene @param {Record<string, any>} draft */
export function added(scene, { joined }) {
  return {
    label: t("console.added_title"),
    body: html`<div class="stack">
      ${card(joined.number, joined.url, joined.code)}
      <button type="button" class="button leading" @click=${scene.on.askAdd}>${t("console.add_another")}</button>
    </div>`,
  };
}
