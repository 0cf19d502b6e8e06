/**
 * Called: the number, where to go and how long it is held, as loud as a screen can be.
 *
 * @import { State } from "./state.js"
 * @import { Act } from "../phone.js"
 * @import { TicketFrame } from "#api"
 */
import { countdown } from "../../lib/format.js";
import { html, nothing } from "../../lib/template.js";
import { t } from "../../lib/i18n.js";
import { announcement } from "./notices.js";
import { noticeOf } from "./news.js";
import { order } from "./order.js";
import { partyWords } from "./place.js";
import { callOf, remaining } from "./state.js";

/**
 * @param {State} state
 * @param {Act} act
 * @param {number} now
 */
export function calledScreen(state, act, now) {
  const frame = /** @type {TicketFrame} */ (state.frame);
  return html`<section class="summons" data-testid="called" aria-label=${t("state.called")}>
      <p class="come">${t("phone.come")}</p>
      <p class="number" data-testid="number">${frame.number}</p>
      <p class="to" data-testid="to">${frame.to ?? frame.line_name}</p>
      ${grace(state, frame, now)} ${answer(state, frame, act)}
      <p class="small">${partyWords(frame)}${frame.calls > 1 ? ` · ${t("phone.called_again", { n: frame.calls })}` : ""}</p>
    </section>
    ${announcement(frame)} ${order(state, act)}`;
}

/**
 * @param {State} state
 * @param {TicketFrame} frame
 * @param {number} now
 */
function grace(state, frame, now) {
  const left = remaining(state, frame.grace_until, now);
  const last = noticeOf(frame, "last_call");
  const isLast = last !== null && Number(last.args.until) === frame.grace_until;
  const moved = noticeOf(frame, "deadline_moved");
  return html`<div class="grace">
      <p class="strong">${left === 0 ? t("phone.grace_over") : isLast ? t("phone.last_call") : t("phone.held_for")}</p>
      <p class="countdown" role="timer" data-testid="countdown">${countdown(left)}</p>
    </div>
    ${moved && Number(moved.args.until) === frame.grace_until ? html`<p class="small">${t("phone.deadline_moved")}</p>` : nothing}`;
}

/**
 * @param {State} state
 * @param {TicketFrame} frame
 * @param {Act} act
 */
function answer({ acknowledged, sound }, frame, act) {
  if (acknowledged === callOf(frame)) return html`<p class="coming" role="status">${t("phone.coming")}</p>`;
  return html`<div class="stack-tight">
    <button class="button on-call" type="button" data-testid="on-my-way" aria-describedby="stops" @click=${act.acknowledge}>
      ${t("phone.on_my_way")}
    </button>
    <p class="small" id="stops">${sound.wanted && !sound.allowed ? t("phone.silent") : t("phone.on_my_way_stops")}</p>
  </div>`;
}
