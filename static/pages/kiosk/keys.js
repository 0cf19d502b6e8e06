/** A keyboard that is attached types into the keypad's fields. */

/** @import { Action, State } from "./state.js" */

/** @param {{ readonly state: State, dispatch: (action: Action) => void }} store */
export function physicalKeys(store) {
  addEventListener("keydown", (event) => {
    const { screen, panel, sheet } = store.state.guest;
    const hasKeypad = screen === "find" || (screen === "options" && panel === "phone");
    if (!hasKeypad || sheet || event.ctrlKey || event.metaKey || event.altKey) return;
    if (/^\d$/.test(event.key)) store.dispatch({ type: "key", key: event.key });
    else if (event.key === "Backspace") store.dispatch({ type: "key", key: "back" });
  });
}
