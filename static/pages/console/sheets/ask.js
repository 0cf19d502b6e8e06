/**
 * What a command still needs to know: why somebody is called out of turn, how many places back, why it is cancelled.
 *
 * @import { CallReason, TicketView } from "#api"
 * @import { Scene } from "../views/parts.js"
 */
import { html, live } from "../../../lib/html.js";
import { t } from "../../../lib/i18n.js";
import { waiting } from "../selectors.js";
import { choice, commandButton, stepper } from "../views/parts.js";

/** Every reason that staff can give; `not_here` is the line's own. */
const REASONS = /** @type {const} */ (["table_fit", "came_back", "accessibility", "reservation", "staff_mistake", "other"]);

/** Usual numbers of places. */
const PLACES = [1, 2, 3, 5];

const REASON_LEN_MAX = 200;

/** @param {Scene} scene @param {TicketView} ticket */
export function reasons(scene, ticket) {
  const { on, state } = scene;
  return {
    label: t("console.why_title", { number: ticket.number }),
    body: html`<div class="stack">
      <p class="muted">${t("console.why_text", { n: ticket.ahead ?? 0 })}</p>
      <div class="action-grid">
        ${REASONS.map((reason) =>
          commandButton(scene, {
            label: t(`console.reason.${reason}`),
            press: () => void on.call(ticket, /** @type {CallReason} */ (reason)),
            busy: ticket.id in state.pending,
            testid: `reason-${reason}`,
          }),
        )}
      </div>
    </div>`,
  };
}

/**
 * @param {Scene} scene
 * @param {TicketView} ticket
 * @param {Record<string, any>} draft
 * @param {"put_back" | "restore"} verb
 */
export function places(scene, ticket, draft, verb) {
  const { on, queue, state } = scene;
  const isBack = verb === "put_back";
  const max = state.policy?.delay_places_max ?? 20;
  const set = (/** @type {number} */ places) => on.draft({ places });
  const behind = waiting(queue, ticket.line).length;
  return {
    label: t(isBack ? "console.put_back_title" : "console.restore_title", { number: ticket.number }),
    body: html`<div class="stack">
      <p class="muted">${t(isBack ? "console.put_back_text" : "console.restore_text", { n: behind })}</p>
      <div class="choices">${PLACES.filter((n) => n <= max).map((n) => choice(t("console.places", { n }), draft.places === n, () => set(n)))}</div>
      ${stepper(t("console.places_label"), draft.places, isBack ? 1 : 0, max, set)}
      ${commandButton(scene, {
        label: t(isBack ? "console.put_back_do" : "console.restore_do", { n: draft.places }),
        press: () => void (isBack ? on.putBack(ticket, draft.places) : on.restoreTo(ticket, draft.places)),
        kind: "leading",
        busy: ticket.id in state.pending,
        testid: "places-do",
      })}
    </div>`,
  };
}

/** @param {Scene} scene @param {TicketView} ticket @param {Record<string, any>} draft */
export function cancel(scene, ticket, draft) {
  const { on, state } = scene;
  return {
    label: t("console.cancel_title", { number: ticket.number }),
    body: html`<div class="stack">
      <p>${t("console.cancel_text")}</p>
      <div class="field">
        <label for="cancel-why">${t("console.cancel_why")}</label>
        <input
          id="cancel-why"
          class="input"
          maxlength=${REASON_LEN_MAX}
          autocomplete="off"
          .value=${live(draft.why)}
          @input=${(/** @type {any} */ event) => on.draft({ why: event.target.value })}
        />
      </div>
      ${commandButton(scene, {
        label: t("console.cancel_do"),
        press: () => void on.cancel(ticket, draft.why),
        kind: "urgent",
        busy: ticket.id in state.pending,
        testid: "cancel-do",
      })}
    </div>`,
  };
}
