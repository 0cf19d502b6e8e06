/**
 * The page of one ticket, for its holder: `/t/{ticket}`.
 *
 * phone/state.js says what is known, phone/page.js how it looks, phone/commands.js what can be done, phone/alarm.js what is
 * heard. The connection opens first, while the words still load.
 *
 * @import { Language } from "../lib/i18n.js"
 * @import { State } from "./phone/state.js"
 */
import { ask, statusOf, Unreachable } from "../lib/api.js";
import { render } from "../lib/template.js";
import { preferred, speak, spoken } from "../lib/i18n.js";
import { everySecond } from "../lib/live-state.js";
import { connect } from "../lib/socket.js";
import { createStore } from "../lib/store.js";
import { stayAwake } from "../lib/wake-lock.js";
import { allowWithAnyTouch, noticeSound, rehearse, ringWith, want } from "./phone/alarm.js";
import { commands } from "./phone/commands.js";
import { isGone, page } from "./phone/page.js";
import { keepPast, withPast } from "./phone/past.js";
import { titleOf } from "./phone/place.js";
import { INITIAL, isLost, isNear, reduce } from "./phone/state.js";

/** @typedef {typeof act} Act */

/** A place that was lost is asked for again this often while somebody looks, ms. */
const LOST_AGAIN_MS = 30_000;

const ticket = encodeURIComponent(decodeURIComponent(location.pathname.split("/")[2] ?? ""));
const store = createStore(reduce, withPast(INITIAL, ticket));

const connection = connect(`/v1/tickets/${ticket}/live`, {
  onFrame: (frame) => store.dispatch({ type: "frame", frame, now: Date.now() }),
  onLink: (link) => store.dispatch({ type: "link", link }),
  probe: () => statusOf(`/tickets/${ticket}`),
});

const act = {
  ...commands(ticket, store, { onAnswer: comeBack, onLost: connection.retry }),
  wantSound: (/** @type {boolean} */ wanted) => void want(store, wanted),
  rehearse: () => void rehearse(store),
  /** @param {Language} language */
  speakIn: (language) => void speak(language, { keep: true }).then(store.redraw, () => undefined),
};

/** @type {import("./phone/page.js").Later | undefined} */
let later;

ringWith(store);
allowWithAnyTouch(store);
store.watch(keepPast);
store.watch(keepAwake);
store.watch((state) => void (needsLater(state) && loadLater()));
store.watch((state, before) => void (isLost(state) && !isLost(before) && askNowAndThen()));
document.addEventListener("pointerdown", () => void loadLater());
document.addEventListener("visibilitychange", () => void lookAgain());

await speakFirst();
await anythingToShow();
await followTicketLanguage();
const root = /** @type {HTMLElement} */ (document.querySelector("#page"));
root.replaceChildren();
store.drawWith((state) => {
  if (!state.sheet) /** @type {HTMLDialogElement | null} */ (root.querySelector("dialog[open]"))?.close();
  render(page(state, act, Date.now(), later), root);
  later?.openSheets(root);
  document.title = titleOf(state.frame, isLost(state));
});
everySecond(() => {
  noticeSound(store);
  store.redraw();
});

/** Loads words; without them there is nothing to say, so it is tried until it works. */
async function speakFirst() {
  const language = preferred(undefined, store.state.frame?.lang);
  try {
    await speak(language);
  } catch {
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    return speakFirst();
  }
}

/** The ticket says which language its guest chose when joining. */
async function followTicketLanguage() {
  const language = preferred(undefined, store.state.frame?.lang);
  if (language === spoken()) return;
  await speak(language).catch(() => undefined);
}

/** Until then the skeleton in the page's own HTML stays. */
function anythingToShow() {
  return new Promise((resolve) => {
    const look = () => {
      const { frame, link } = store.state;
      if (frame || link.phase === "ended") resolve(undefined);
      return true;
    };
    look();
    store.watch(look);
  });
}

/**
 * Near its turn, a phone does not go to sleep.
 *
 * @param {State} state
 * @param {State} before
 */
function keepAwake(state, before) {
  const wasNear = !before.isRemembered && isNear(before);
  const near = !state.isRemembered && isNear(state);
  if (near !== wasNear) stayAwake(near);
}

/** @param {State} state */
function needsLater(state) {
  return state.sheet || isGone(state) || !["waiting", "called", undefined].includes(state.frame?.state);
}

/** Loads what comes later. Without a network it does not come, and a sheet that was asked for is not opened. */
async function loadLater() {
  if (later) return;
  try {
    later = await import("./phone/later.js");
    store.redraw();
  } catch {
    store.dispatch({ type: "unopened", error: new Unreachable("no sheet") });
  }
}

/** A ticket that had ended may live again. */
function comeBack() {
  if (store.state.link.phase === "ended") connection.retry();
}

/** What Redis lost may be put back from the record a little later. */
function askNowAndThen() {
  setTimeout(async () => {
    await lookAgain();
    if (isLost(store.state)) askNowAndThen();
  }, LOST_AGAIN_MS);
}

/** Staff can undo an end; whoever looks at an ended ticket again sees so. */
async function lookAgain() {
  if (document.hidden || store.state.link.phase !== "ended") return;
  const frame = await ask(`/tickets/${ticket}`).catch(() => null);
  if (frame && !frame.ended) connection.retry();
}
