/**
 * Where the focus is after drawing. Rows move and vanish under it: it stays with its ticket, wherever that went, or goes to
 * the row that came to its place. Sheets open and close with the state.
 */
import { openSheets } from "../../lib/sheet.js";

/**
 * Draws, and mends the focus.
 *
 * @param {HTMLElement} root
 * @param {boolean} hasSheet
 * @param {() => void} draw
 */
export function keepingFocus(root, hasSheet, draw) {
  if (!hasSheet) closeSheets(root);
  const before = /** @type {HTMLElement | null} */ (document.activeElement);
  const ticket = before?.dataset?.ticket;
  const place = ticket ? placeOf(before, root) : null;
  draw();
  openSheets(root);
  const dialog = root.querySelector("dialog[open]");
  if (dialog) {
    if (!dialog.contains(document.activeElement)) focusFirst(dialog);
  } else if (ticket && place && !root.contains(document.activeElement)) {
    focusTicket(root, ticket) || focusRow(root, place);
  }
}

/**
 * @param {ParentNode} root
 * @param {string} id
 */
export function focusTicket(root, id) {
  const row = /** @type {HTMLElement | null} */ (root.querySelector(`[data-ticket="${CSS.escape(id)}"]`));
  row?.focus({ preventScroll: true });
  row?.scrollIntoView({ block: "nearest" });
  return row !== null;
}

/** The browser's own close gives the focus back to where it was. @param {ParentNode} root */
function closeSheets(root) {
  for (const dialog of root.querySelectorAll("dialog[open]")) /** @type {HTMLDialogElement} */ (dialog).close();
}

/** @param {Element} dialog */
function focusFirst(dialog) {
  const first = dialog.querySelector("[autofocus]") ?? dialog.querySelector("h2, input, button");
  /** @type {HTMLElement | null} */ (first)?.focus();
}

/**
 * @param {Element} row
 * @param {ParentNode} root
 */
function placeOf(row, root) {
  const list = row.closest("[data-list]");
  return list && { list: list.getAttribute("data-list"), index: rowsIn(list).indexOf(row), root };
}

/**
 * @param {ParentNode} root
 * @param {{ list: string | null, index: number }} place
 */
function focusRow(root, { list, index }) {
  const rows = rowsIn(root.querySelector(`[data-list="${list}"]`));
  /** @type {HTMLElement | undefined} */ (rows[Math.min(index, rows.length - 1)])?.focus({ preventScroll: true });
}

/** @param {Element | null} list */
function rowsIn(list) {
  return [...(list?.querySelectorAll("[data-ticket]") ?? [])];
}
