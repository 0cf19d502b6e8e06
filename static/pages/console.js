/** The console: staff at the door, on a tablet, with a keyboard, on a phone in a pinch. */
import { ask, statusOf } from "../lib/api.js";
import { render } from "../lib/html.js";
import { preferred, speak, t } from "../lib/i18n.js";
import { everySecond } from "../lib/live-state.js";
import { connect } from "../lib/socket.js";
import { createStore } from "../lib/store.js";
import { hushLater, soundAfterTouch, tellJoins } from "./console/alerts.js";
import { createCommands } from "./console/commands.js";
import { focusTicket, keepingFocus } from "./console/focus.js";
import { createHandlers } from "./console/handlers.js";
import { keep, recall } from "./console/keep.js";
import { listenToKeys } from "./console/keys.js";
import { initial, reduce } from "./console/state.js";
import { page } from "./console/views/page.js";

const slug = decodeURIComponent(location.pathname.split("/")[2] ?? "");
const at = `/restaurants/${encodeURIComponent(slug)}`;
const root = /** @type {HTMLElement} */ (document.getElementById("page"));

await speak(preferred());

const store = createStore(reduce, initial(slug, recall(slug)));
const connection = connect(`/v1${at}/console/live`, {
  onFrame(frame) {
    store.dispatch({ type: "frame", frame, now: Date.now() });
    if (frame.type === "delta") tellJoins(store, frame);
    if (store.state.gap) connection.resync();
  },
  onLink: (link) => store.dispatch({ type: "link", link }),
  probe: () => statusOf(`${at}/queue`),
});
const on = createHandlers(store, createCommands(store), connection);

store.watch(keep);
store.watch((state, before) => hushLater(store, state, before));
store.watch((state, before) => {
  // Names, prices and rules come with the first frame; a new life of the line may have changed them.
  if (state.queue && state.queue.epoch !== before.queue?.epoch) void learnTheShop();
});
store.drawWith((state) => {
  keepingFocus(root, state.sheet !== null, () => render(page(state, on, Date.now()), root));
  document.title = titleOf(state);
});
everySecond(() => {
  if (store.state.gap) connection.resync();
  store.redraw();
});
listenToKeys(store, on, (id) => focusTicketSoon(id));
soundAfterTouch();

/** What frames do not say: the menu's names and prices, the policy, the currency. */
async function learnTheShop() {
  try {
    const [shop, menu, policy] = await Promise.all([ask(at), ask(`${at}/menu`), ask(`${at}/policy`)]);
    store.dispatch({ type: "shop", shop: { menu: menu.items, currency: shop.currency, timeZone: shop.time_zone }, policy });
  } catch {
    setTimeout(() => void learnTheShop(), 2_000);
  }
}

/** After the drawing that the selection causes. @param {string} id */
function focusTicketSoon(id) {
  queueMicrotask(() => queueMicrotask(() => focusTicket(root, id)));
}

/** @param {import("./console/state.js").State} state */
function titleOf({ queue }) {
  if (!queue) return t("console.title");
  const n = queue.lines.reduce((sum, { waiting }) => sum + waiting, 0);
  return t("console.tab_title", { n, name: queue.restaurant.name });
}
