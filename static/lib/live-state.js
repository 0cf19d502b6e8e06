/** How current a page is, in a dot and words, and the heartbeat that keeps the words true. */
import { ago } from "./format.js";
import { html } from "./template.js";
import { t } from "./i18n.js";
import { freshness } from "./link.js";

/** @import { Link } from "./link.js" */

/**
 * `live`, `reconnecting…, as of 40 s ago`, or that there is nothing more to come. Words change seldom, so a screen reader
 * is told of the state, not of every second.
 *
 * @param {Link} link
 * @param {number} [now]
 */
export function liveState(link, now = Date.now()) {
  const { state, ageMs } = freshness(link, now);
  const age = ageMs === null ? "" : t("live.as_of", { ago: ago(ageMs) });
  return html`<p class="live" data-testid="live-state" data-state=${state}>
    <span role="status">${t(`live.${state}`)}</span>${state === "old" && age ? html`<span>· ${age}</span>` : ""}
  </p>`;
}

/**
 * Calls back on every whole second of the local clock, for countdowns and ages.
 *
 * @param {() => void} callback
 */
export function everySecond(callback) {
  const next = () => {
    callback();
    setTimeout(next, 1_000 - (Date.now() % 1_000));
  };
  setTimeout(next, 1_000 - (Date.now() % 1_000));
}
