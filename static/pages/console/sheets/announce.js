/**
 * A word to everybody: on the board and on every phone.
 *
 * @import { Scene } from "../views/parts.js"
 */
import { html, live, nothing } from "../../../lib/html.js";
import { t } from "../../../lib/i18n.js";
import { commandButton } from "../views/parts.js";
import { minutes } from "./opening.js";

const TEXT_LEN_MAX = 300;

/** @param {Scene} scene @param {Record<string, any>} draft */
export function announce(scene, draft) {
  const { queue, state, at, on } = scene;
  const busy = "announce" in state.pending;
  return {
    label: t("console.announce_title"),
    body: html`<div class="stack">
      <div class="field">
        <label for="announcement">${t("console.announce_text")}</label>
        <textarea
          id="announcement"
          class="input"
          rows="3"
          maxlength=${TEXT_LEN_MAX}
          .value=${live(draft.text)}
          @input=${(/** @type {any} */ event) => on.draft({ text: event.target.value })}
        ></textarea>
      </div>
      ${minutes(draft.minutes, on.draft, at, state.shop.timeZone)}
      ${commandButton(scene, {
        label: t("console.announce_do"),
        press: () => void on.announce(draft.text, draft.minutes),
        kind: "leading",
        busy,
        off: draft.text.trim() === "",
        testid: "announce-do",
      })}
      ${queue.announcement
        ? commandButton(scene, { label: t("console.announce_clear"), press: () => void on.announce("", 0), busy, testid: "announce-clear" })
        : nothing}
    </div>`,
  };
}
