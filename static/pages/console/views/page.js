/**
 * The console as a whole, and what is there instead of it.
 *
 * @import { Scene } from "./parts.js"
 * @import { State } from "../state.js"
 * @import { On } from "../handlers.js"
 */
import { timeOfDay } from "../../../lib/format.js";
import { html, nothing } from "../../../lib/html.js";
import { t } from "../../../lib/i18n.js";
import { liveState } from "../../../lib/live-state.js";
import { sheetOf } from "../sheets/index.js";
import { isCurrent, serverNow } from "../selectors.js";
import { calledColumn, seatedColumn } from "./called.js";
import { foot } from "./foot.js";
import { lineColumn } from "./line.js";
import { icon } from "./parts.js";
import { top } from "./top.js";

/**
 * @param {State} state
 * @param {On} on
 * @param {number} now local
 */
export function page(state, on, now) {
  const { queue } = state;
  if (!queue) return html`<main class="nothing stack">${before(state, on)}</main>`;
  const current = isCurrent(state, now);
  const scene = { state, queue, at: serverNow(state, now), current, on };
  return html`${top(scene)} ${notices(scene)}
    <main class="work" ?data-old=${!current}>${calledColumn(scene)} ${lineColumn(scene)} ${seatedColumn(scene)}<div class="bottom">${words(scene)}${foot(scene)}</div></main>
    ${sheetOf(scene)}`;
}

/** Nothing is known yet, or never will be. @param {State} state @param {On} on */
function before(state, on) {
  const status = turnedAway(state);
  if (status === 401) {
    return html`<h1>${t("console.sign_in_title")}</h1>
      <p>${t("console.sign_in_text")}</p>
      <p><a class="button leading" href=${signIn(state.slug)}>${t("console.sign_in")}</a></p>`;
  }
  if (status === 403) {
    return html`<h1>${t("console.forbidden_title")}</h1>
      <p>${t("console.forbidden_text")}</p>
      <p class="row">
        <a class="button" href=${signIn(state.slug)}>${t("console.other_account")}</a>
        <a class="button quiet" href="/">${t("to_start")}</a>
      </p>`;
  }
  if (status !== null) {
    return html`<h1>${t("not_found.title")}</h1>
      <p>${t("not_found.text")}</p>
      <p class="row">
        <a class="button" href="/">${t("to_start")}</a>
        <button type="button" class="button quiet" @click=${on.retry}>${t("retry")}</button>
      </p>`;
  }
  return html`<h1>${t("console.title")}</h1>
    ${liveState(state.link)}
    <p role="status">${t("loading")}</p>`;
}

/** What everybody at this console must know, above the work. @param {Scene} scene */
function notices({ state, queue, current, on }) {
  const status = turnedAway(state);
  const { announcement } = queue;
  const rebuiltAt = queue.restaurant.rebuilt_at ?? null;
  const isRebuilt = rebuiltAt !== null && rebuiltAt !== state.rebuiltSeen;
  if (status === null && current && !announcement && !isRebuilt) return nothing;
  return html`<section class="notices" aria-label=${t("console.notices")}>
    ${status !== null
      ? html`<p class="notice now row" role="alert">
          <span>${status === 403 ? t("console.forbidden_text") : status === 401 ? t("console.signed_out") : t("not_found.title")}</span>
          <a class="button" href=${signIn(state.slug)}>${t("console.sign_in")}</a>
          <button type="button" class="button quiet" @click=${on.retry}>${t("retry")}</button>
        </p>`
      : !current
        ? html`<p class="notice soon" role="status" data-testid="offline">${t("console.offline")}</p>`
        : nothing}
    ${isRebuilt
      ? html`<p class="notice said" data-testid="rebuilt">
          ${icon("clock")}<span class="grows">${t("console.rebuilt", { time: timeOfDay(rebuiltAt, state.shop.timeZone) })}</span>
          <button type="button" class="button quiet" data-testid="rebuilt-seen" @click=${on.seeRebuilt}>${t("console.dismiss")}</button>
        </p>`
      : nothing}
    ${announcement
      ? html`<p class="notice said">
          ${icon("speech")}<span><span class="strong">${t("console.announced")}</span> <bdi>${announcement.text}</bdi></span>${announcement.until
            ? html`<span class="muted">${t("console.until", { time: timeOfDay(announcement.until, state.shop.timeZone) })}</span>`
            : nothing}
        </p>`
      : nothing}
  </section>`;
}

/** What just happened: large for a call, a line for all else. @param {Scene} scene */
function words({ state }) {
  const { hero, toast } = state;
  return html`<div class="words">
    <div role="status" class="aside">${state.said}</div>
    <div role="status" data-testid="hero" class=${hero ? "hero" : "aside"}>
      ${hero
        ? html`<span class="hero-words">${t("console.called_now")}</span>
            <span class="hero-number">${hero.number}</span>
            <span>${t("party.people", { n: hero.people })}${hero.to ? html` → <bdi>${hero.to}</bdi>` : nothing}</span>`
        : nothing}
    </div>
    <div role="status" data-testid="toast" data-kind=${toast?.kind ?? nothing} class=${toast ? "said-toast" : "aside"}>
      ${toast ? html`${icon(toast.kind === "done" ? "done" : toast.kind === "unsure" ? "clock" : "alert")}<span>${toast.text}</span>` : nothing}
    </div>
  </div>`;
}

/** The status that ended it, if any. @param {State} state */
function turnedAway({ link, denied }) {
  if (denied !== null) return denied;
  if (link.phase !== "ended") return null;
  return { 4401: 401, 4403: 403, 4404: 404 }[link.code ?? 0] ?? link.code ?? 404;
}

/** @param {string} slug */
function signIn(slug) {
  return `/sign-in?next=${encodeURIComponent(`/console/${slug}`)}`;
}
