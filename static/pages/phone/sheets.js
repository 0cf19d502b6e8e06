/**
 * The sheet that is open: each asks before something is done, and says what it will do.
 *
 * @import { State } from "./state.js"
 * @import { Act } from "../phone.js"
 */
import { t } from "../../lib/i18n.js";
import { sheet } from "../../lib/sheet.js";
import { alertsSheet } from "./alerts.js";
import { cancelSheet } from "./cancel.js";
import { delaySheet } from "./delay.js";
import { doorSheet } from "./door.js";

/**
 * @param {State} state
 * @param {Act} act
 */
export function openSheet(state, act) {
  const close = () => act.show(null);
  switch (state.sheet) {
    case "delay":
      return sheet(t("phone.delay"), delaySheet(state, act), close);
    case "cancel":
      return sheet(t("phone.cancel_title"), cancelSheet(state, act), close);
    case "door":
      return sheet(t("phone.door_title"), doorSheet(state, act), close);
    case "alerts":
      return sheet(t("phone.alerts"), alertsSheet(state, act), close);
    default:
      return sheet("", null, close);
  }
}
