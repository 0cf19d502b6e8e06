/** What a kiosk reads beside the live counts: the rules, the currency, the menu. Read again when it may have changed. */
import { ask } from "../../lib/api.js";

/** @import { Action, State } from "./state.js" */

/** While the menu is shown, what is left of it is read this often, ms. */
const MENU_EVERY_MS = 3_000;

/** Rules change seldom, ms. */
const RULES_EVERY_MS = 60_000;

/** After a failure, ms. */
const AGAIN_MS = 5_000;

/**
 * @param {{ readonly state: State, dispatch: (action: Action) => void, watch: (watcher: (state: State, before: State) => void) => void }} store
 * @param {string} at path of the restaurant
 */
export function keepReading(store, at) {
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let menuTimer;

  async function rules() {
    let nextMs = RULES_EVERY_MS;
    try {
      const [policy, restaurant] = await Promise.all([ask(`${at}/policy`), ask(at)]);
      store.dispatch({ type: "policy", policy });
      store.dispatch({ type: "restaurant", restaurant });
    } catch {
      // The connection's own state is on the screen; this is only asked again.
      nextMs = AGAIN_MS;
    }
    if (store.state.link.phase !== "ended") setTimeout(rules, nextMs);
  }

  async function menu() {
    clearTimeout(menuTimer);
    try {
      const { items } = await ask(`${at}/menu`);
      store.dispatch({ type: "menu", items });
    } catch {
      // As above.
    }
    clearTimeout(menuTimer);
    if (store.state.guest.screen === "options") menuTimer = setTimeout(menu, MENU_EVERY_MS);
  }

  store.watch((state, before) => {
    const opened = state.guest.screen === "options" && before.guest.screen !== "options";
    const soldOut = String(state.frame?.sold_out) !== String(before.frame?.sold_out);
    const refused = state.guest.refusal !== before.guest.refusal && state.guest.refusal?.code === "sold_out";
    if (opened || soldOut || refused) void menu();
  });
  void rules();
  void menu();
}
