/**
 * How a page is written: templates whose values are text, never markup.
 *
 * `html` escapes by construction: a value becomes a text node, an attribute or a property, whatever it contains. The
 * library is lit-html, vendored. Invariant: nothing in static/ sets innerHTML or a `style` attribute (the content
 * security policy refuses the second); sizes that follow data are attributes of an svg or of `progress`.
 *
 * `live` is for what a person changes and the page hears of at once (`input`, `change`). It is not for `open` of a
 * `details`: `toggle` comes a moment later, and a frame in between would close what was just opened.
 */
export { html, svg, nothing, render } from "./template.js";
export { live } from "../vendor/lit-html/directives/live.js";
export { repeat } from "../vendor/lit-html/directives/repeat.js";
