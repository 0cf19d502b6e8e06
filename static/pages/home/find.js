/** "I have a number": back to its page, by number and code. */
import { html, live } from "../../lib/html.js";
import { t, tOr } from "../../lib/i18n.js";

/** @import { Commands } from "./commands.js" */
/** @import { Action, Shop } from "./state.js" */

/**
 * @param {Shop} shop
 * @param {(action: Action) => void} dispatch
 * @param {Commands} commands
 */
export function find({ form, refusal, finding, unfolded }, dispatch, commands) {
  const failed = refusal?.of === "find" ? refusal : null;
  const complete = form.number.trim().length >= 4 && form.code.trim().length === 4;
  const field = (/** @type {"number" | "code"} */ name, /** @type {string} */ label, /** @type {string} */ example) =>
    html`<div class="field">
      <label for=${name}>${label}</label>
      <input
        id=${name}
        class="input"
        autocomplete="off"
        inputmode=${name === "code" ? "numeric" : "text"}
        autocapitalize="characters"
        maxlength=${name === "code" ? 4 : 6}
        placeholder=${example}
        aria-invalid=${failed ? "true" : "false"}
        .value=${live(form[name])}
        @input=${(/** @type {InputEvent} */ event) =>
          dispatch({ type: "form", change: { [name]: /** @type {HTMLInputElement} */ (event.currentTarget).value } })}
      />
    </div>`;
  /** @param {SubmitEvent} event */
  const submit = (event) => {
    event.preventDefault();
    if (complete) void commands.find();
    else dispatch({ type: "refused", code: "find_first", items: [], of: "find" });
  };
  const toggled = (/** @type {Event} */ event) =>
    dispatch({ type: "unfolded", what: "find", open: /** @type {HTMLDetailsElement} */ (event.currentTarget).open });
  return html`<details class="home-section home-find" ?open=${unfolded.find} @toggle=${toggled}>
    <summary class="strong" data-testid="have-number">${t("join.have_number")}</summary>
    <form class="stack" novalidate @submit=${submit}>
      <p class="muted">${t("home.find_how")}</p>
      <div class="home-ways">${field("number", t("join.number"), "A017")} ${field("code", t("join.code"), "0000")}</div>
      ${failed ? html`<p class="notice now" role="alert">${wordsOf(failed.code)}</p>` : ""}
      <button class="button" data-testid="find" aria-disabled=${finding ? "true" : "false"}>${t("join.find")}</button>
    </form>
  </details>`;
}

/** @param {string} code */
function wordsOf(code) {
  if (code === "find_first") return t("home.find_how");
  return code === "not_found" ? t("join.not_found") : tOr(`refusal.${code}`, "refusal.internal");
}
