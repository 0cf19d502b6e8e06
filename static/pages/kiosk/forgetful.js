/** Nothing of a guest outlives them: not in the browser's history, not in a page it kept for "back". */

/** @import { Action, State } from "./state.js" */

/** Anything a guest does puts off the return to the start. */
const TOUCHES = ["pointerdown", "keydown", "wheel"];

/** @param {{ readonly state: State, dispatch: (action: Action) => void }} store */
export function forgetful(store) {
  for (const touch of TOUCHES) {
    addEventListener(touch, () => store.dispatch({ type: "touched", now: Date.now() }), { passive: true });
  }
  addEventListener("pagehide", () => store.dispatch({ type: "left" }));
  addEventListener("pageshow", (event) => {
    if (event.persisted) location.reload();
  });
  addEventListener("contextmenu", (event) => event.preventDefault());
}
