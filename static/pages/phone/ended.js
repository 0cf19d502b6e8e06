/**
 * Seated, gone, missed, cancelled, or unknown to the server: a calm screen that says what next.
 *
 * @import { State } from "./state.js"
 * @import { Act } from "../phone.js"
 * @import { TicketFrame } from "#api"
 */
import { ago, countdown, timeOfDay } from "../../lib/format.js";
import { html, nothing } from "../../lib/template.js";
import { t } from "../../lib/i18n.js";
import { reason } from "../../lib/refusal.js";
import { announcement } from "./notices.js";
import { order } from "./order.js";
import { aheadWords, partyWords } from "./place.js";
import { isLost, mayUndo, remaining } from "./state.js";

/**
 * @param {State} state
 * @param {Act} act
 * @param {number} now
 */
export function endedScreen(state, act, now) {
  const frame = /** @type {TicketFrame} */ (state.frame);
  const { title, text, next } = said(state, frame, act, now);
  return html`${announcement(frame)}
    <section class="end" data-testid="end" data-state=${frame.state}>
      ${mark(frame.state)}
      <p class="number small-number" data-testid="number">${frame.number}</p>
      <h2>${title}</h2>
      ${text.map((line) => html`<p>${line}</p>`)}
      ${state.failure ? html`<p class="notice now" role="alert">${reason(state.failure.error)}</p>` : nothing} ${next}
      <p class="muted small">${frame.line_name} · ${partyWords(frame)}</p>
    </section>
    ${order(state, act)}`;
}

/**
 * @param {State} state
 * @param {TicketFrame} frame
 * @param {Act} act
 * @param {number} now
 * @returns {{ title: string, text: unknown[], next: unknown }}
 */
function said(state, frame, act, now) {
  switch (frame.state) {
    case "seated":
      return { title: t("phone.seated"), text: [t("phone.seated_text")], next: nothing };
    case "completed":
      return { title: t("phone.completed"), text: [t("phone.completed_text")], next: nothing };
    case "no_show":
      return missed(state, frame, act, now);
    case "cancelled":
      return cancelled(state, frame, act, now);
    default:
      return { title: t("phone.other"), text: [t("phone.other_text")], next: nothing };
  }
}

/**
 * @param {State} state
 * @param {TicketFrame} frame
 * @param {Act} act
 * @param {number} now
 */
function missed(state, frame, act, now) {
  const left = remaining(state, frame.rejoin_until, now);
  if (left === 0 || frame.ended) {
    return { title: t("phone.missed"), text: [t("phone.missed_ask_staff")], next: joinAgain(frame) };
  }
  const next = html`<button
      class="button leading wide"
      type="button"
      data-testid="rejoin"
      aria-disabled=${state.busy !== null}
      @click=${act.rejoin}
    >
      ${t("phone.rejoin")}
    </button>
    <p class="small" role="timer">${t("phone.time_left", { time: countdown(left) })}</p>`;
  return { title: t("phone.missed"), text: [t("phone.missed_text")], next };
}

/**
 * @param {State} state
 * @param {TicketFrame} frame
 * @param {Act} act
 * @param {number} now
 */
function cancelled(state, frame, act, now) {
  const { by, reason: why } = frame.ended ?? {};
  if (why === "day_end") return { title: t("phone.day_end"), text: [t("phone.day_end_text")], next: joinAgain(frame) };
  if (by !== "guest" && by !== "device") {
    const text = [t("phone.cancelled_by_staff_text"), ...(why ? [html`<q>${why}</q>`] : [])];
    return { title: t("phone.cancelled_by_staff"), text, next: joinAgain(frame) };
  }
  if (!mayUndo(state, now)) return { title: t("phone.cancelled"), text: [t("phone.cancelled_text")], next: joinAgain(frame) };
  const left = countdown(remaining(state, frame.undo_until, now));
  const next = html`<button
      class="button wide"
      type="button"
      data-testid="undo"
      aria-disabled=${state.busy !== null}
      @click=${act.undo}
    >
      ${t("phone.undo_cancel")}
    </button>
    <p class="small" role="timer">${t("phone.time_left", { time: left })}</p>`;
  return { title: t("phone.cancelled"), text: [t("phone.cancelled_undo_text")], next };
}

/** Drawn, not written: fonts do not agree on signs. @param {TicketFrame["state"]} state */
function mark(state) {
  const isFine = state === "seated" || state === "completed";
  const path = isFine ? "M14 25l7 7 14-15" : state === "no_show" ? "M24 14v11l7 5" : "M16 24h16";
  return html`<svg class="mark ${isFine ? "fine" : state === "no_show" ? "soon" : ""}" viewBox="0 0 48 48" aria-hidden="true">
    <circle cx="24" cy="24" r="22"></circle>
    <path d=${path}></path>
  </svg>`;
}

/** @param {TicketFrame} frame */
function joinAgain({ restaurant }) {
  return html`<a class="button wide" href="/?r=${encodeURIComponent(restaurant.slug)}">${t("phone.join_again")}</a>`;
}

/**
 * The server knows no such ticket: it never did, or lost it.
 *
 * @param {State} state
 * @param {number} now
 */
export function goneScreen(state, now) {
  return isLost(state) ? lostScreen(state, now) : nothingScreen();
}

/** Nothing at this address. */
function nothingScreen() {
  return html`<section class="end" data-testid="not-found">
    <h2>${t("phone.not_found")}</h2>
    <p>${t("phone.not_found_text")}</p>
    <a class="button wide" href="/">${t("to_start")}</a>
  </section>`;
}

/**
 * The restaurant's line was rebuilt without this ticket. Nothing is broken for its guest: what staff need to give the place
 * back is still here, large enough to be read across a counter.
 *
 * @param {State} state
 * @param {number} now
 */
function lostScreen({ frame, heardAt }, now) {
  return html`<section class="end lost" data-testid="place-lost">
    <h2>${t("phone.lost")}</h2>
    <p>${t("phone.lost_text")}</p>
    ${frame ? html`<p class="number" data-testid="number">${frame.number}</p>` : nothing}
    <p class="notice soon strong" role="status">${t("phone.lost_do")}</p>
    ${frame ? lostFacts(frame, now - heardAt) : nothing}
    <p class="muted small">${t("phone.lost_staff")}</p>
    ${frame ? html`<a class="button wide" href="/?r=${encodeURIComponent(frame.restaurant.slug)}">${t("phone.lost_found")}</a>` : nothing}
  </section>`;
}

/**
 * @param {TicketFrame} frame
 * @param {number} ageMs
 */
function lostFacts(frame, ageMs) {
  const place = frame.state === "waiting" ? aheadWords(frame) : t(`state.${frame.state}`);
  return html`<dl class="facts">
    <div>
      <dt>${t("phone.lost_place")}</dt>
      <dd><span class="strong" data-testid="lost-place">${place}</span> <span class="muted">· ${t("live.as_of", { ago: ago(ageMs) })}</span></dd>
    </div>
    <div><dt>${t("phone.line")}</dt><dd>${frame.line_name}</dd></div>
    <div><dt>${t("phone.party")}</dt><dd>${partyWords(frame)}</dd></div>
    <div><dt>${t("phone.joined")}</dt><dd>${timeOfDay(frame.joined_at)}</dd></div>
  </dl>`;
}
