/** What `html.js` is without keyed lists and live inputs: a page that needs neither loads four files less. */
export { html, svg, nothing, render } from "../vendor/lit-html/lit-html.js";
