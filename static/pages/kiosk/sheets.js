/** What is asked before it is done, and the question whether anybody is still there. */
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { sheet } from "../../lib/sheet.js";
import { isNobody, secondsToLeave } from "./guest.js";
import { refusal } from "./refusal.js";

/** @import { Commands } from "./commands.js" */
/** @import { Action, State } from "./state.js" */

/**
 * @param {State} state
 * @param {(action: Action) => void} dispatch
 * @param {Commands} commands
 */
export function sheets(state, dispatch, commands) {
  const { guest } = state;
  const leaving = stillThere(state, dispatch);
  if (leaving) return leaving;
  const close = () => dispatch({ type: "sheet", sheet: null });
  const busy = guest.busy !== null;
  const trouble = refusal(state, dispatch, commands);
  if (guest.sheet === "give_up") {
    return ask(t("kiosk.give_up"), t("kiosk.give_up_means"), t("kiosk.keep_waiting"), close, {
      label: t("kiosk.give_up"),
      go: commands.giveUp,
      name: "give-up-yes",
      busy,
      trouble,
    });
  }
  if (guest.sheet === "cancel") {
    const lost = guest.found?.frame.items.length ? t("kiosk.cancel_means_order") : t("kiosk.cancel_means");
    return ask(t("kiosk.cancel_ask"), lost, t("kiosk.keep"), close, {
      label: t("kiosk.cancel"),
      go: commands.cancel,
      name: "cancel-yes",
      busy,
      trouble,
    });
  }
  if (guest.sheet === "delay") return delay(state, dispatch, commands, close);
  return "";
}

/**
 * @param {State} state
 * @param {(action: Action) => void} dispatch
 */
function stillThere({ guest, now, language }, dispatch) {
  const left = secondsToLeave(guest, now);
  if (left === null || guest.screen === "ticket" || isNobody(guest, language)) return null;
  const stay = () => dispatch({ type: "touched", now: Date.now() });
  return sheet(
    t("kiosk.still_there"),
    html`<div class="stack kiosk-ask" data-testid="still-there">
      <h2>${t("kiosk.still_there")}</h2>
      <p role="timer">${t("kiosk.leaves_in", { n: left })}</p>
      <button type="button" class="button leading" data-testid="stay" @click=${stay}>${t("kiosk.stay")}</button>
    </div>`,
    stay,
  );
}

/**
 * @param {string} title
 * @param {string} means what it costs
 * @param {string} no
 * @param {() => void} close
 * @param {{ label: string, go: () => void, name: string, busy: boolean, trouble: unknown }} yes
 */
function ask(title, means, no, close, yes) {
  return sheet(
    title,
    html`<div class="stack kiosk-ask">
      <h2>${title}</h2>
      <p>${means}</p>
      ${yes.trouble}
      <div class="kiosk-ways">
        <button type="button" class="button" @click=${close}>${no}</button>
        <button
          type="button"
          class="button urgent"
          data-testid=${yes.name}
          aria-disabled=${yes.busy ? "true" : "false"}
          @click=${() => !yes.busy && yes.go()}
        >
          ${yes.label}
        </button>
      </div>
    </div>`,
    close,
  );
}

/**
 * @param {State} state
 * @param {(action: Action) => void} dispatch
 * @param {Commands} commands
 * @param {() => void} close
 */
function delay(state, dispatch, commands, close) {
  const { guest, policy } = state;
  const left = guest.found?.frame.delays_left ?? 0;
  const most = policy?.delay_places_max ?? 1;
  const step = (/** @type {number} */ by, /** @type {string} */ sign, /** @type {string} */ label, /** @type {boolean} */ can) =>
    html`<button
      type="button"
      class="button"
      aria-label=${label}
      aria-disabled=${can ? "false" : "true"}
      @click=${() => dispatch({ type: "places", by })}
    >
      ${sign}
    </button>`;
  return sheet(
    t("kiosk.delay"),
    html`<div class="stack kiosk-ask">
      <h2>${t("kiosk.delay")}</h2>
      <p>${t("kiosk.delay_means", { n: guest.places, left })}</p>
      ${refusal(state, dispatch, commands)}
      <span class="stepper" role="group" aria-label=${t("kiosk.delay")}>
        ${step(-1, "−", t("kiosk.delay_fewer"), guest.places > 1)}
        <output aria-live="polite">${guest.places}</output>
        ${step(1, "+", t("kiosk.delay_more"), guest.places < most)}
      </span>
      <div class="kiosk-ways">
        <button type="button" class="button" @click=${close}>${t("back")}</button>
        <button
          type="button"
          class="button leading"
          data-testid="delay-yes"
          aria-disabled=${guest.busy ? "true" : "false"}
          @click=${() => !guest.busy && commands.delay()}
        >
          ${t("kiosk.delay")}
        </button>
      </div>
    </div>`,
    close,
  );
}
