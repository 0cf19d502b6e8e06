/** The form, and what comes after it. */
import { duration } from "../../lib/format.js";
import { html } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";
import { waitS } from "./state.js";
import { consoleOf } from "./workplaces.js";

/** @import { State } from "./state.js" */

/** Relative to this module, because the server puts the version into the paths of the page alone. */
const MARK = new URL("../../icons/favicon.svg", import.meta.url).pathname;

/**
 * @typedef {object} Acts
 * @property {(who: { email: string, password: string }) => void} signIn
 * @property {() => void} signOut
 * @property {() => void} toggle
 */

/**
 * @param {State} state
 * @param {Acts} acts
 */
export function view(state, acts) {
  return html`<main class="sign-in">
    <p class="brand"><img src=${MARK} alt="" width="40" height="40" /> WaitLess</p>
    ${state.screen === "in" ? already(state, acts) : state.screen === "choose" ? choose(state, acts) : form(state, acts)}
  </main>`;
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function form(state, { signIn, toggle }) {
  const { shown, screen } = state;
  return html`<h1>${t("signin.title")}</h1>
    ${screen === "out" ? html`<p class="notice fine" role="status">${t("signin.signed_out")}</p>` : ""}
    <form
      class="stack"
      novalidate
      aria-busy=${state.busy}
      @submit=${(/** @type {SubmitEvent} */ event) => {
        event.preventDefault();
        const fields = new FormData(/** @type {HTMLFormElement} */ (event.currentTarget));
        signIn({ email: String(fields.get("email")).trim(), password: String(fields.get("password")) });
      }}
    >
      <div class="field">
        <label for="email">${t("signin.email")}</label>
        <input
          class="input"
          id="email"
          name="email"
          type="email"
          inputmode="email"
          autocomplete="username"
          autocapitalize="none"
          spellcheck="false"
          required
          maxlength="254"
        />
      </div>
      <div class="field">
        <label for="password">${t("signin.password")}</label>
        <div class="password">
          <input
            class="input"
            id="password"
            name="password"
            type=${shown ? "text" : "password"}
            autocomplete="current-password"
            autocapitalize="none"
            spellcheck="false"
            required
            maxlength="1024"
          />
          <button
            class="button"
            type="button"
            aria-label=${t("signin.show_password")}
            aria-pressed=${shown}
            @click=${toggle}
          >
            ${t("signin.show")}
          </button>
        </div>
      </div>
      <div role="alert">${problem(state)}</div>
      <button class="button leading" type="submit" aria-disabled=${state.busy || waitS(state) > 0}>
        ${state.busy ? t("signin.busy") : t("signin.go")}
      </button>
    </form>
    <p class="muted small">${t("signin.for_staff")} <a href="/">${t("signin.guest")}</a></p>`;
}

/** @param {State} state */
function problem(state) {
  if (!state.error) return "";
  const s = waitS(state);
  return html`<p class="notice now" data-testid="problem">
    ${state.error}
    ${s > 0 ? html`<span aria-live="off" data-testid="countdown">${t("signin.wait", { time: duration(s * 1_000) })}</span>` : ""}
  </p>`;
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function already(state, acts) {
  return html`<h1>${t("signin.already")}</h1>
    <p><bdi>${state.place?.name}</bdi></p>
    <a class="button leading" href=${state.place?.to ?? "/"}>${t("signin.continue")}</a>
    ${out(state, acts)}`;
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function choose(state, acts) {
  const { places } = state;
  return html`<h1>${t(places.length > 0 ? "signin.choose" : "signin.nowhere")}</h1>
    ${places.length > 0
      ? html`<ul class="stack">
          ${places.map(
            ({ slug, name }) => html`<li><a class="button place" href=${consoleOf(slug)}><bdi>${name}</bdi></a></li>`,
          )}
        </ul>`
      : html`<p>${t("signin.nowhere_text")}</p>`}
    ${out(state, acts)}`;
}

/**
 * @param {State} state
 * @param {Acts} acts
 */
function out(state, { signOut }) {
  return html`<div role="alert">${problem(state)}</div>
    <button class="button" type="button" aria-disabled=${state.busy} @click=${signOut}>${t("signin.sign_out")}</button>`;
}
