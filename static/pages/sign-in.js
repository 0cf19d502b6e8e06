/**
 * Signing in and out. Address: `?next=/console/demo` where to go then · `?out` signs out.
 *
 * The session is a cookie that no script can read. Who works where is read from the answer of signing in, once.
 */
import { ask, Refused } from "../lib/api.js";
import { render } from "../lib/html.js";
import { preferred, speak, t } from "../lib/i18n.js";
import { everySecond } from "../lib/live-state.js";
import { remember, remembered } from "../lib/memory.js";
import { reason } from "../lib/refusal.js";
import { createStore } from "../lib/store.js";
import { nextOf, restaurantOf } from "./sign-in/next.js";
import { initial, reduce, waitS } from "./sign-in/state.js";
import { view } from "./sign-in/view.js";
import { consoleOf, workplaces } from "./sign-in/workplaces.js";

await speak(preferred());
document.title = t("signin.title");
const page = /** @type {HTMLElement} */ (document.getElementById("page"));
const next = nextOf(location.search, location.origin);
const store = createStore(reduce, initial({ now: Date.now() }));

/** @param {{ email: string, password: string }} who */
async function signIn({ email, password }) {
  if (store.state.busy || waitS(store.state) > 0) return;
  if (!email || !password) return failed(t("signin.fill"));
  store.dispatch({ type: "busy" });
  try {
    const answer = await ask("/auth/sign-in", { method: "POST", body: { email, password } });
    if (next) return go(next);
    arrived(await workplaces(answer.access_token));
  } catch (error) {
    failed(wordsFor(error), error instanceof Refused ? error.retryAfterMs : null);
    /** @type {HTMLElement | null} */ (page.querySelector("[name=password]"))?.focus();
  }
}

/** @param {string} text @param {number | null} [retryAfterMs] */
function failed(text, retryAfterMs = null) {
  store.dispatch({ type: "failed", text, retryAfterMs, now: Date.now() });
}

/** @param {unknown} error */
function wordsFor(error) {
  if (!(error instanceof Refused)) return reason(error);
  if (error.status === 401) return t("signin.wrong");
  return error.status === 429 ? t("signin.too_many") : reason(error);
}

/** Signed in, and nowhere in particular to go. @param {import("#api").RestaurantBody[]} places */
function arrived(places) {
  if (places.length !== 1) return store.dispatch({ type: "choose", places });
  remember("workplace", places[0].slug);
  go(consoleOf(places[0].slug));
}

async function signOut() {
  store.dispatch({ type: "busy" });
  try {
    await ask("/auth/sign-out", { method: "POST", body: {} });
    remember("workplace", null);
    history.replaceState(null, "", location.pathname);
    store.dispatch({ type: "out" });
  } catch (error) {
    failed(reason(error));
  }
}

/** Not kept in the history: going back should not lead to a form that was sent. @param {string} path */
function go(path) {
  location.replace(path);
}

/** Whether somebody is signed in already: only staff are told the door code. */
async function look() {
  const slug = (next && restaurantOf(next)) ?? remembered("workplace");
  const board = slug ? await ask(`/restaurants/${encodeURIComponent(slug)}/board`).catch(() => null) : null;
  if (board?.door) store.dispatch({ type: "in", to: next ?? consoleOf(slug ?? ""), name: board.restaurant.name });
}

store.drawWith((state) => render(view(state, { signIn, signOut, toggle: () => store.dispatch({ type: "show" }) }), page));
everySecond(() => store.dispatch({ type: "tick", now: Date.now() }));
if (new URLSearchParams(location.search).has("out")) await signOut();
else await look();
