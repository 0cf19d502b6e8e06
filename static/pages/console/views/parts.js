/**
 * The pieces that every part of the console is made of.
 *
 * @import { QueueFrame, TicketView } from "#api"
 * @import { On } from "../handlers.js"
 * @import { State } from "../state.js"
 */
import { html, nothing, svg } from "../../../lib/html.js";
import { t } from "../../../lib/i18n.js";
import { people } from "../selectors.js";

/**
 * What a view is drawn from.
 *
 * @typedef {object} Scene
 * @property {State} state
 * @property {QueueFrame} queue
 * @property {number} at the server's now
 * @property {boolean} current whether commands can be given
 * @property {On} on
 */

/**
 * A button that gives a command. While it cannot, it says so and stays in the order of focus: a press then tells why.
 *
 * @param {Scene} scene
 * @param {object} options
 * @param {unknown} options.label
 * @param {() => void} options.press
 * @param {string} [options.kind] classes
 * @param {boolean} [options.busy] it is being done
 * @param {boolean} [options.off] it cannot be done now
 * @param {string} [options.testid]
 * @param {string} [options.name] said instead of the label
 */
export function commandButton({ current, on }, { label, press, kind = "", busy = false, off = false, testid, name }) {
  const press_ = () => {
    if (!current) on.offline();
    else if (!busy && !off) press();
  };
  return html`<button
    type="button"
    class="button ${kind}"
    data-testid=${testid ?? nothing}
    aria-label=${name ?? nothing}
    aria-disabled=${!current || busy || off ? "true" : nothing}
    aria-busy=${busy ? "true" : nothing}
    title=${current ? nothing : t("console.offline_press")}
    @click=${press_}
  >
    ${label}
  </button>`;
}

/**
 * One of several, pressed.
 *
 * @param {unknown} label
 * @param {boolean} pressed
 * @param {() => void} press
 * @param {string} [kind]
 */
export function choice(label, pressed, press, kind = "") {
  return html`<button type="button" class="choice ${kind}" aria-pressed=${pressed ? "true" : "false"} @click=${press}>${label}</button>`;
}

/**
 * A number with less and more.
 *
 * @param {string} label
 * @param {number} value
 * @param {number} min
 * @param {number} max
 * @param {(value: number) => void} set
 */
export function stepper(label, value, min, max, set) {
  return html`<div class="field" role="group" aria-label=${label}>
    <span class="label">${label}</span>
    <div class="stepper">
      <button type="button" class="button" aria-label=${t("console.less", { what: label })} ?disabled=${value <= min} @click=${() => set(value - 1)}>−</button>
      <output aria-live="polite">${value}</output>
      <button type="button" class="button" aria-label=${t("console.more", { what: label })} ?disabled=${value >= max} @click=${() => set(value + 1)}>+</button>
    </div>
  </div>`;
}

/**
 * `어른 2명 · 아이 1명`, or nothing where the total says it all.
 *
 * @param {TicketView} ticket
 */
export function partyWords(ticket) {
  const { adults, children } = ticket;
  if (children === 0) return t("party.people", { n: people(ticket) });
  return `${t("party.adults", { n: adults })} · ${t("party.children", { n: children })}`;
}

/** @param {QueueFrame} queue @param {string} letter */
export function lineName(queue, letter) {
  const line = queue.lines.find(({ line }) => line === letter);
  return line ? line.name : letter;
}

/** Drawings of 24 by 24, in the colour of the text. */
const PATHS = {
  search: "M10.5 4a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13zM15.5 15.5 20 20",
  undo: "M9 14 4 9l5-5M4 9h10a6 6 0 0 1 0 12h-3",
  plus: "M12 5v14M5 12h14",
  menu: "M4 7h16M4 12h16M4 17h16",
  sound: "M4 9v6h4l5 4V5L8 9H4zM16.5 8.5a5 5 0 0 1 0 7M19 6a8.5 8.5 0 0 1 0 12",
  mute: "M4 9v6h4l5 4V5L8 9H4zM17 9.5l5 5M22 9.5l-5 5",
  note: "M5 4h14v11l-5 5H5zM14 20v-5h5",
  alert: "M12 4 2.5 20h19zM12 10v4.5M12 17.2v.3",
  clock: "M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 8v4.5l3 2",
  speech: "M4 5h16v11H10l-5 4v-4H4z",
  dish: "M3 17h18M5 17a7 7 0 0 1 14 0M12 10V7.5M10.5 7h3",
  done: "M5 12.5 10 17.5 19 7",
};

/** @param {keyof typeof PATHS} name */
export function icon(name) {
  return svg`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true"><path d=${PATHS[name]}></path></svg>`;
}
