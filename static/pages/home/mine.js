/** Where this device waits already. */
import { html, repeat } from "../../lib/html.js";
import { t } from "../../lib/i18n.js";

/** @import { Mine } from "./tickets.js" */

/** @param {Mine[]} tickets */
export function mine(tickets) {
  if (tickets.length === 0) return "";
  return html`<section class="home-mine" aria-label=${t("home.mine")} data-testid="mine">
    <h2>${t("home.mine")}</h2>
    <ul class="home-list">
      ${repeat(
        tickets,
        ({ id }) => id,
        (ticket) =>
          html`<li>
            <a class="card home-ticket" data-state=${ticket.isLost ? "lost" : (ticket.frame?.state ?? "unknown")} href="/t/${ticket.id}">
              <strong class="home-number" data-testid="number">${ticket.number}</strong>
              <span class="home-ticket-words">
                <span class="home-name">${ticket.frame?.restaurant.name ?? ticket.name}</span>
                <span>${how(ticket)}</span>
              </span>
            </a>
          </li>`,
      )}
    </ul>
  </section>`;
}

/** @param {Mine} ticket */
function how({ frame, isLost }) {
  if (isLost) return t("home.mine_lost");
  if (!frame) return "";
  if (frame.state === "called") return t("home.mine_called");
  if (frame.state === "no_show") return t("home.mine_missed");
  if (frame.ahead == null) return t(`state.${frame.state}`);
  return frame.ahead === 0 ? t("ahead.next") : t("ahead.n", { n: frame.ahead });
}
