/** The kiosk: counts, a number, and back to the start for the next guest. */
import { html, render } from "../lib/html.js";
import { speak, preferred } from "../lib/i18n.js";
import { everySecond } from "../lib/live-state.js";
import { openSheets } from "../lib/sheet.js";
import { connect } from "../lib/socket.js";
import { statusOf } from "../lib/api.js";
import { createStore } from "../lib/store.js";
import { stayAwake } from "../lib/wake-lock.js";
import { commandsOf } from "./kiosk/commands.js";
import { keepReading } from "./kiosk/facts.js";
import { forgetful } from "./kiosk/forgetful.js";
import { physicalKeys } from "./kiosk/keys.js";
import { initial, reduce } from "./kiosk/state.js";
import { page } from "./kiosk/page.js";

const slug = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const at = `/restaurants/${encodeURIComponent(slug)}`;
const root = /** @type {HTMLElement} */ (document.getElementById("page"));

const language = preferred();
await speak(language);

const store = createStore(reduce, initial(slug, language, Date.now()));
const commands = commandsOf(store);

store.watch(({ guest }, before) => {
  document.documentElement.toggleAttribute("data-large", guest.large);
  if (guest.language !== before.guest.language) void speak(guest.language).then(store.redraw);
  if (guest.screen !== before.guest.screen) queueMicrotask(fromTheTop);
});
store.drawWith((state) => {
  render(html`${page(state, store.dispatch, commands)}`, root);
  openSheets(root);
});

connect(`/v1${at}/board/live`, {
  onFrame: (frame) => store.dispatch({ type: "frame", frame }),
  onLink: (link) => store.dispatch({ type: "link", link }),
  probe: () => statusOf(`${at}/board`),
});
everySecond(() => store.dispatch({ type: "second", now: Date.now() }));
keepReading(store, at);
physicalKeys(store);
forgetful(store);
stayAwake(true);
commands.resume();

/** A new screen is read from its title. */
function fromTheTop() {
  const title = root.querySelector("h1");
  root.querySelector(".kiosk-screen")?.scrollTo(0, 0);
  if (title instanceof HTMLElement) title.focus({ preventScroll: true });
}
