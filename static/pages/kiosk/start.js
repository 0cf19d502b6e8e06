/** The first screen, also while nobody is there: who waits, how many are you, take a number. */
import { html, nothing } from "../../lib/html.js";
import { t, tOr } from "../../lib/i18n.js";
import { freshness } from "../../lib/link.js";
import { lineChoice } from "../../parts/line-choice.js";
import { because, totals } from "../../parts/openness.js";
import { sizeOf } from "../../parts/party.js";
import { partyPicker } from "../../parts/party-picker.js";
import { refusal, signIn } from "./refusal.js";
import { chosenLine } from "./state.js";

/** @import { BoardFrame } from "#api" */
/** @import { View } from "./page.js" */
/** @import { State } from "./state.js" */

/** @type {View} */
export function start(state, dispatch, commands) {
  const { frame } = state;
  const haveNumber = html`<button
    type="button"
    class="button kiosk-wide"
    data-testid="have-number"
    @click=${() => dispatch({ type: "go", screen: "find", now: Date.now() })}
  >
    ${t("join.have_number")}
  </button>`;
  if (!frame) return { show: title(t("kiosk.take")), touch: html`<p class="kiosk-loading" role="status">${t("loading")}</p>` };
  if (frame.restaurant.state !== "open") return { show: shut(state, frame), touch: haveNumber };
  return {
    show: html`${title(t("kiosk.take"))} ${counts(state, frame)} ${announcement(frame)}`,
    touch: html`${refusal(state, dispatch, commands)} ${unpaired(state)}
      ${lineChoice({
        frame,
        chosen: chosenLine(state)?.line ?? null,
        party: sizeOf(state.guest),
        old: isOld(state),
        timeZone: state.restaurant?.time_zone,
        choose: (line) => dispatch({ type: "line", line }),
      })}
      ${partyPicker(state.guest, state.policy, (who, by) => dispatch({ type: "party", who, by }))}
      ${take(state, () => dispatch({ type: "go", screen: "options", now: Date.now() }))} ${haveNumber}`,
  };
}

/** @param {string} text */
function title(text) {
  return html`<h1 class="kiosk-title" tabindex="-1">${text}</h1>`;
}

/**
 * @param {State} state
 * @param {BoardFrame} frame
 */
function counts(state, frame) {
  const { waiting, today } = totals(frame);
  return html`<dl class="kiosk-counts ${isOld(state) ? "old" : ""}">
    <div>
      <dt>${t("kiosk.waiting_now")}</dt>
      <dd data-testid="waiting">${t("kiosk.parties", { n: waiting })}</dd>
    </div>
    <div>
      <dt>${t("kiosk.today")}</dt>
      <dd>${t("kiosk.parties", { n: today })}</dd>
    </div>
  </dl>`;
}

/** @param {BoardFrame} frame */
function announcement({ announcement: said }) {
  return said ? html`<p class="notice kiosk-announcement">${said.text}</p>` : "";
}

/**
 * The button, or why there is none to press.
 *
 * @param {State} state
 * @param {() => void} go
 */
function take(state, go) {
  const line = chosenLine(state);
  if (!line) return html`<p class="notice soon" role="status">${t("kiosk.no_line")}</p>`;
  return html`<div class="kiosk-ways one">
    <button
      type="button"
      class="button leading kiosk-leading"
      data-testid="join"
      aria-disabled=${state.guest.joining ? "true" : nothing}
      @click=${go}
    >
      ${state.guest.joining ? t("kiosk.joining") : t("kiosk.join")}
    </button>
  </div>`;
}

/**
 * A restaurant that asks for a proof of presence believes a kiosk only when staff have signed it in.
 *
 * @param {State} state
 */
function unpaired({ policy, frame, guest }) {
  if (policy?.presence !== "code" || frame?.door || guest.refusal) return "";
  return html`<div class="notice soon kiosk-refusal">
    <p>${t("kiosk.needs_staff")}</p>
    ${signIn()}
  </div>`;
}

/**
 * @param {State} state
 * @param {BoardFrame} frame
 */
function shut(state, frame) {
  const { state: openness } = frame.restaurant;
  const why = because(frame.restaurant, state.restaurant?.time_zone);
  return html`<div class="kiosk-shut" data-state=${openness} role="status">
    ${title(tOr(`shut.${openness}`, "shut.closed"))} ${why ? html`<p class="kiosk-why">${why}</p>` : ""}
    ${openness === "direct" ? "" : counts(state, frame)} ${announcement(frame)}
  </div>`;
}

/** @param {State} state */
function isOld({ link, now }) {
  return freshness(link, now).state !== "live";
}
