/** Home: the restaurants, one of them with a form to join its line from anywhere, and the own tickets. */
import { html, render } from "../lib/html.js";
import { preferred, speak, t } from "../lib/i18n.js";
import { everySecond } from "../lib/live-state.js";
import { openSheets } from "../lib/sheet.js";
import { createStore } from "../lib/store.js";
import { languageSwitch } from "../parts/languages.js";
import { commandsOf } from "./home/commands.js";
import { list } from "./home/list.js";
import { keepReading } from "./home/reading.js";
import { shop } from "./home/shop.js";
import { initial, reduce } from "./home/state.js";
import { myTickets } from "./home/tickets.js";

/** @import { Language } from "../lib/i18n.js" */

const root = /** @type {HTMLElement} */ (document.getElementById("page"));

await speak(preferred());

const store = createStore(reduce, initial(myTickets(), Date.now()));
const commands = commandsOf(store);
const reading = keepReading(store);

const acts = {
  open: (/** @type {string} */ slug) => visit(slug),
  search: (/** @type {string} */ query) => store.dispatch({ type: "query", query }),
  more: reading.more,
  retry: reading.retry,
};

store.drawWith((state) => {
  const { shop: here } = state;
  document.title = here?.frame ? here.frame.restaurant.name : t("home.title");
  const main = here ? shop({ ...state, shop: here }, store.dispatch, commands, () => visit(null)) : list(state, acts);
  render(
    html`<div class="home">
      <header class="home-head">
        <a class="home-mark" href="/">WaitLess</a>
        ${languageSwitch(choose)}
      </header>
      ${main}
      <footer class="home-foot"><a href="/sign-in">${t("home.staff")}</a></footer>
    </div>`,
    root,
  );
  openSheets(root);
});

follow();
commands.resume();
addEventListener("popstate", follow);
everySecond(() => store.dispatch({ type: "second", now: Date.now() }));

/** @param {Language} language */
async function choose(language) {
  await speak(language, { keep: true });
  store.redraw();
}

/**
 * Goes to a restaurant, or to the list.
 *
 * @param {string | null} slug
 */
function visit(slug) {
  history.pushState(null, "", slug === null ? "/" : `/?r=${encodeURIComponent(slug)}`);
  follow();
  scrollTo(0, 0);
}

/** Shows what the address says. */
function follow() {
  const slug = new URLSearchParams(location.search).get("r");
  if (slug) store.dispatch({ type: "open", slug });
  else {
    store.dispatch({ type: "close" });
    void reading.list();
  }
}
