/** QR codes, drawn as svg. The library is lean-qr, vendored: ISO 18004, 4 kB compressed, no dependency. */
import { generate } from "../vendor/lean-qr/index.mjs";
import { toSvgPath } from "../vendor/lean-qr/svg.mjs";
import { html } from "./html.js";

/** Modules of white around a code that scanners need. */
const QUIET_ZONE = 4;

/**
 * @param {string} text
 * @param {string} label what a person who cannot see it is told
 */
export function qr(text, label) {
  const code = generate(text);
  const side = code.size + 2 * QUIET_ZONE;
  return html`<svg class="qr" role="img" aria-label=${label} viewBox="${-QUIET_ZONE} ${-QUIET_ZONE} ${side} ${side}">
    <rect class="qr-paper" x=${-QUIET_ZONE} y=${-QUIET_ZONE} width=${side} height=${side}></rect>
    <path class="qr-ink" d=${toSvgPath(code)}></path>
  </svg>`;
}

/**
 * Whether a link leads only to the machine it is opened on, so that a phone cannot follow it.
 *
 * @param {string} url
 */
export function isLoopback(url) {
  const { hostname } = new URL(url);
  return hostname === "localhost" || hostname.endsWith(".localhost") || hostname === "[::1]" || /^127\./.test(hostname);
}
