/**
 * What a guest needs only after a touch or at the end, so that a first visit is lighter. It is loaded with the first touch,
 * whatever is touched, or with the frame that needs it: when there is something to do with it, there is a network.
 */
export { openSheets } from "../../lib/sheet.js";
export { endedScreen, goneScreen } from "./ended.js";
export { openSheet } from "./sheets.js";
