/**
 * Which alerts reach this phone, honestly, and a rehearsal: better to know now than when one is called.
 *
 * @import { State } from "./state.js"
 * @import { Act } from "../phone.js"
 */
import { html } from "../../lib/template.js";
import { t } from "../../lib/i18n.js";
import { canStayAwake } from "../../lib/wake-lock.js";
import { canVibrate } from "./alarm.js";

/**
 * @param {State} state
 * @param {Act} act
 */
export function alertsSheet({ sound, rehearsal }, act) {
  const isHeard = sound.wanted && sound.allowed;
  return html`<div class="stack">
    <h2>${t("phone.alerts")}</h2>
    <ul class="capabilities">
      ${capability(t("phone.sound"), isHeard, isHeard ? t("phone.sound_works") : t("phone.sound_needs_touch"))}
      ${capability(t("phone.vibration"), canVibrate(), canVibrate() ? t("phone.vibration_works") : t("phone.vibration_not"))}
      ${capability(t("phone.awake"), canStayAwake(), canStayAwake() ? t("phone.awake_works") : t("phone.awake_not"))}
      ${capability(t("phone.open"), false, t("phone.open_needed"))}
    </ul>
    <button class="button leading" type="button" data-testid="rehearse" aria-disabled=${rehearsal === "ringing"} @click=${act.rehearse}>
      ${t("phone.rehearse")}
    </button>
    <p role="status">${rehearsal === "none" ? "" : expected(isHeard)}</p>
    <button class="button" type="button" data-testid="sound-toggle" @click=${() => act.wantSound(!isHeard)}>
      ${isHeard ? t("phone.sound_off") : t("phone.sound_on")}
    </button>
    <button class="button" type="button" @click=${() => act.show(null)}>${t("close")}</button>
  </div>`;
}

/**
 * @param {string} name
 * @param {boolean} works
 * @param {string} text
 */
function capability(name, works, text) {
  return html`<li>
    <span class="tag ${works ? "fine" : "soon"}">${works ? t("phone.reaches") : t("phone.mind")}</span>
    <div><strong>${name}</strong><br />${text}</div>
  </li>`;
}

/** What a rehearsal should have been like. @param {boolean} isHeard */
function expected(isHeard) {
  if (isHeard && canVibrate()) return t("phone.rehearsed_both");
  if (isHeard) return t("phone.rehearsed_sound");
  return canVibrate() ? t("phone.rehearsed_vibration") : t("phone.rehearsed_nothing");
}
