/**
 * What a guest should be told: the restaurant's announcement, what holds now, and the line of news.
 *
 * @import { State } from "./state.js"
 * @import { TicketFrame } from "#api"
 * @import { News, Notice } from "./news.js"
 */
import { ago, timeOfDay } from "../../lib/format.js";
import { html, nothing } from "../../lib/template.js";
import { t, tOr } from "../../lib/i18n.js";
import { news, noticeOf } from "./news.js";
import { since } from "./state.js";

/** @param {TicketFrame} frame */
export function announcement(frame) {
  const said = noticeOf(frame, "announcement");
  if (!said) return nothing;
  return html`<section class="announcement" aria-label=${t("phone.announcement")} role="status">
    <p class="small strong">${t("phone.announcement")}</p>
    <p>${String(said.args.text)}</p>
  </section>`;
}

/**
 * What holds now, most urgent first.
 *
 * @param {TicketFrame} frame
 */
export function standing(frame) {
  /** @type {{ look: string, text: string }[]} */
  const told = [];
  /** @param {string} kind @param {string} look @param {(notice: Notice) => string} words */
  const tell = (kind, look, words) => {
    const notice = noticeOf(frame, kind);
    if (notice) told.push({ look, text: words(notice) });
  };
  tell("next", "fine", () => t("phone.next"));
  tell("close", "fine", () => t("phone.near"));
  if (!frame.checked_in) tell("not_here", "soon", () => t("phone.not_here"));
  tell("paused", "", ({ args }) => pausedWords(args));
  if (frame.restaurant.state === "closed") told.push({ look: "", text: t("phone.closed") });
  if (frame.restaurant.state === "direct") told.push({ look: "fine", text: t("phone.direct") });
  tell("items_lost", "soon", () => t("phone.items_lost", { items: lostWords(frame) }));
  tell("passed_over", "soon", ({ args }) => t("phone.passed_over", { n: Number(args.overtaken) }));
  if (told.length === 0) return nothing;
  return html`<div role="status">
    <ul class="told">
      ${told.map(({ look, text }) => html`<li class="notice ${look}">${text}</li>`)}
    </ul>
  </div>`;
}

/** @param {Record<string, any>} args */
function pausedWords({ until, reason }) {
  const base = until ? t("phone.paused_until", { time: timeOfDay(until) }) : t("phone.paused");
  return reason ? `${base} (${reason})` : base;
}

/** @param {TicketFrame} frame */
function lostWords(frame) {
  const lost = frame.items.filter((item) => (item.lost ?? 0) > 0);
  return lost.map(({ name, lost }) => t("phone.item", { name, n: lost ?? 0 })).join(", ");
}

/**
 * @param {State} state
 * @param {number} now
 */
export function newsLines(state, now) {
  const lines = news(/** @type {TicketFrame} */ (state.frame), state.moved);
  if (lines.length === 0) return nothing;
  return html`<ul class="news" aria-label=${t("phone.news")} data-testid="news">
    ${lines.map((line) => html`<li>${wordsOf(line, ago(since(state, line.at, now)))}</li>`)}
  </ul>`;
}

/**
 * @param {News} line
 * @param {string} age
 */
function wordsOf(line, age) {
  switch (line.key) {
    case "called":
      return t("phone.called_other", { number: line.number, ago: age });
    case "overtaken": {
      const text = tOr(`overtaken.${line.reason}`, "overtaken.other", { n: line.n });
      return html`${text} <span class="muted age">· ${age}</span>`;
    }
    case "moved":
      return html`${t(`moved.${line.kind}`, { n: line.n })} <span class="muted age">· ${age}</span>`;
  }
}
