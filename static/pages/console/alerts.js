/**
 * What is heard: a chime when a guest joins, and words for a screen reader. News comes only with deltas: a whole frame after
 * a cut tells where things stand, and would ring for what is long over.
 *
 * @import { DeltaFrame } from "#api"
 * @import { Action, State } from "./state.js"
 */
import { chime, unlock } from "../../lib/chime.js";
import { t } from "../../lib/i18n.js";

/** Words stay this long, ms; a refusal longer, because it has to be read. */
const SHOWN_MS = { done: 3_500, unsure: 20_000, refused: 7_000, hero: 4_000 };

/** Lets the page sound after the first touch; browsers allow it only then. */
export function soundAfterTouch() {
  const first = () => void unlock().catch(() => {});
  for (const name of ["pointerdown", "keydown"]) addEventListener(name, first, { once: true });
}

/**
 * @param {{ state: State, dispatch: (action: Action) => void }} store
 * @param {DeltaFrame} delta
 */
export function tellJoins(store, delta) {
  const joined = delta.events.filter(({ name }) => name === "ticket.joined");
  if (joined.length === 0) return;
  const isOurs = (/** @type {string} */ role) => ["staff", "owner", "admin"].includes(role);
  if (store.state.sound && joined.some(({ by }) => !isOurs(by.role))) void chime();
  const ids = new Set(joined.map(({ ticket }) => ticket));
  const first = store.state.queue?.tickets.find(({ id }) => ids.has(id));
  const values = { number: first?.number ?? "", n: joined.length };
  store.dispatch({ type: "say", text: first && joined.length === 1 ? t("console.joined", values) : t("console.joined_many", values) });
}

/**
 * Takes words away again when they were there for long enough.
 *
 * @param {{ dispatch: (action: Action) => void }} store
 * @param {State} state
 * @param {State} before
 */
export function hushLater(store, state, before) {
  const { toast, hero } = state;
  if (toast && toast !== before.toast) {
    setTimeout(() => store.dispatch({ type: "hush", what: "toast", serial: toast.serial }), SHOWN_MS[toast.kind]);
  }
  if (hero && hero !== before.hero) {
    setTimeout(() => store.dispatch({ type: "hush", what: "hero", serial: hero.serial }), SHOWN_MS.hero);
  }
}
