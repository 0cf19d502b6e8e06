/**
 * The keyboard. Single letters are shortcuts only outside of fields and sheets, and can be switched off for people whose
 * speech input types letters; arrows, Enter and Escape always work.
 *
 * @import { TicketView } from "#api"
 * @import { On } from "./handlers.js"
 * @import { State } from "./state.js"
 */

/** Every shortcut and its word, for the help sheet. */
export const SHORTCUTS = /** @type {const} */ ([
  ["Space", "call_next"],
  ["↑ ↓ ← →", "move"],
  ["Enter", "actions"],
  ["S", "seat"],
  ["R", "recall"],
  ["M", "missed"],
  ["P", "put_back"],
  ["C", "call"],
  ["A", "add"],
  ["U", "undo"],
  ["/", "search"],
  ["?", "help"],
  ["Esc", "escape"],
]);

/** @type {Record<string, "up" | "down" | "left" | "right">} */
const ARROWS = { ArrowUp: "up", ArrowDown: "down", ArrowLeft: "left", ArrowRight: "right" };

/**
 * @param {{ state: State }} store
 * @param {On} on
 * @param {(id: string) => void} focusTicket
 */
export function listenToKeys(store, on, focusTicket) {
  /** @type {Record<string, (on: On) => void>} */
  const letters = {
    s: withSelected(["waiting", "called", "no_show"], on.seat),
    r: withSelected(["called"], on.recall),
    m: withSelected(["called"], on.noShow),
    p: withSelected(["called"], on.askPutBack),
    c: withSelected(["waiting"], (ticket) => void on.call(ticket)),
    a: on.askAdd,
    u: on.undoLast,
    "/": () => document.getElementById("search")?.focus(),
    "?": on.askHelp,
  };
  // The same keys under a Korean keyboard: staff should not have to switch it for a shortcut.
  const korean = { ㄴ: "s", ㄱ: "r", ㅡ: "m", ㅔ: "p", ㅊ: "c", ㅁ: "a", ㅕ: "u" };

  addEventListener("keydown", (event) => {
    if (event.defaultPrevented || event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
    if (store.state.sheet) {
      // At once, so that the next key already finds the sheet gone; the dialog's own event comes later.
      if (event.key === "Escape") {
        event.preventDefault();
        on.shut();
      }
      return;
    }
    const target = /** @type {HTMLElement} */ (event.target);
    if (event.key === "Escape" && store.state.search) {
      on.search("");
      return;
    }
    const arrow = ARROWS[event.key];
    if (arrow && !ownsArrows(target, event.key)) {
      event.preventDefault();
      on.move(arrow);
      if (store.state.selected) focusTicket(store.state.selected);
      return;
    }
    if (isField(target)) return;
    if (event.key === "Enter" && !isControl(target)) {
      const ticket = on.selected();
      if (ticket) on.actions(ticket);
      return;
    }
    if (!store.state.keys) return;
    if (event.key === " " && !usesSpace(target)) {
      event.preventDefault();
      if (!event.repeat) on.callNext();
      return;
    }
    const key = event.key.toLowerCase();
    const act = letters[/** @type {Record<string, string>} */ (korean)[key] ?? key];
    if (!act || event.repeat) return;
    event.preventDefault();
    act(on);
  });

  // Where keydown was ours, Firefox would still press the button on keyup.
  addEventListener("keyup", (event) => {
    if (event.key === " " && store.state.keys && isRow(/** @type {HTMLElement} */ (event.target))) event.preventDefault();
  });

  // A button pressed by finger or mouse keeps no focus, so that Space calls next and does not press it again.
  addEventListener("click", (event) => {
    const button = /** @type {HTMLElement} */ (event.target).closest?.("button");
    if (event.detail > 0 && button && !button.closest("dialog") && !isRow(button)) button.blur();
  });
}

/**
 * Acts on the selected ticket where its state allows it, and says so where not.
 *
 * @param {TicketView["state"][]} states
 * @param {(ticket: TicketView) => void} act
 */
function withSelected(states, act) {
  return (/** @type {On} */ on) => {
    const ticket = on.selected();
    if (!ticket) return;
    if (!on.isCurrent()) on.offline();
    else if (states.includes(ticket.state)) act(ticket);
    else on.cannot(ticket);
  };
}

/** @param {HTMLElement} target */
function isField(target) {
  return target.matches?.("input:not([type=radio], [type=checkbox]), textarea, select, [contenteditable]") ?? false;
}

/** @param {HTMLElement} target */
function isRow(target) {
  return target.matches?.("[data-ticket]") ?? false;
}

/** @param {HTMLElement} target */
function isControl(target) {
  return target.matches?.("button, a[href], summary, input") ?? false;
}

/** Whether Space already means something here; on a row, Enter opens and Space is free. @param {HTMLElement} target */
function usesSpace(target) {
  if (isRow(target)) return false;
  return target.matches?.("button, summary, input:not(:checked)") ?? false;
}

/** @param {HTMLElement} target @param {string} key */
function ownsArrows(target, key) {
  if (target.id === "search") return key === "ArrowLeft" || key === "ArrowRight";
  return isField(target) || (target.matches?.("input[type=radio]") ?? false);
}
