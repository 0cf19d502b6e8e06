/**
 * A sheet over the page: the browser's own modal dialog, which keeps the focus inside, closes with Escape and gives the focus
 * back. `content` is null when there is none.
 */
import { html, nothing } from "./template.js";

/**
 * @param {string} label its name
 * @param {unknown} content null: closed
 * @param {() => void} onClose it was closed by the person
 */
export function sheet(label, content, onClose) {
  if (content === null) return nothing;
  return html`<dialog
    class="sheet"
    aria-label=${label}
    @close=${onClose}
    @click=${(/** @type {MouseEvent} */ event) => {
      if (event.target === event.currentTarget) /** @type {HTMLDialogElement} */ (event.currentTarget).close();
    }}
  >
    ${content}
  </dialog>`;
}

/**
 * Opens the sheets that were drawn. To be called after drawing; a dialog becomes modal only by a call. One that the person
 * has closed is not opened again by a drawing that comes before its `close` event.
 *
 * @param {ParentNode} root
 */
export function openSheets(root) {
  for (const dialog of root.querySelectorAll("dialog.sheet:not([data-shown])")) {
    dialog.setAttribute("data-shown", "");
    /** @type {HTMLDialogElement} */ (dialog).showModal();
  }
}
