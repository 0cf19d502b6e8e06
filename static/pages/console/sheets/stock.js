/**
 * What is left of every dish. Presses add up, also from several devices; the number shown is the server's.
 *
 * @import { Scene } from "../views/parts.js"
 */
import { money } from "../../../lib/format.js";
import { html, nothing } from "../../../lib/html.js";
import { t } from "../../../lib/i18n.js";
import { commandButton } from "../views/parts.js";

const STEPS = [-5, -1, 1, 5];
const LEFT_MAX = 100_000;

/** @param {Scene} scene */
export function stock(scene) {
  const { shop } = scene.state;
  return {
    label: t("console.stock_title"),
    kind: "drawer",
    body: shop.menu.length === 0 ? html`<p class="muted">${t("console.empty_menu")}</p>` : html`<ul class="dish-list">${shop.menu.map((item) => dish(scene, item))}</ul>`,
  };
}

/** @param {Scene} scene @param {import("#api").MenuItemBody} item */
function dish(scene, { id, name, price }) {
  const { queue, state, on } = scene;
  const left = queue.stock[id] ?? null;
  /** @param {string} label @param {() => void} press @param {object} [more] */
  const button = (label, press, more = {}) =>
    commandButton(scene, { label, press, name: t("console.about", { number: name, words: label }), ...more });
  const setTo = (/** @type {Event} */ event) => {
    event.preventDefault();
    const form = /** @type {HTMLFormElement} */ (event.currentTarget);
    const value = new FormData(form).get("left");
    if (value === "" || value === null) return;
    if (!scene.current) return on.offline();
    on.stockTo(id, Number(value));
    form.reset();
  };
  return html`<li class="dish" data-testid="dish-${id}">
    <p class="spread">
      <span class="dish-name"><bdi>${name}</bdi> <small class="muted">${money(price, state.shop.currency)}</small></span>
      <output class="dish-left ${left === 0 ? "none" : ""}" data-testid="left">${left === null ? t("console.uncounted") : left === 0 ? t("sold_out") : t("left.n", { n: left })}</output>
    </p>
    <div class="dish-tools">
      ${left === null
        ? nothing
        : STEPS.map((by) =>
            button(by > 0 ? `+${by}` : `−${-by}`, () => on.stockBy(id, by), { kind: "step", off: left + by < 0, testid: `by${by}` }),
          )}
      <form class="row set" @submit=${setTo}>
        <input
          class="input"
          name="left"
          type="number"
          inputmode="numeric"
          min="0"
          max=${LEFT_MAX}
          required
          aria-label=${t("console.set_label", { name })}
          placeholder=${t("console.set_to")}
        />
        <button class="button" aria-disabled=${scene.current ? nothing : "true"}>${t("console.set")}</button>
      </form>
      ${left === 0 ? nothing : button(t("sold_out"), () => on.stockTo(id, 0), { kind: "danger", testid: "none-left" })}
      ${left === null ? nothing : button(t("console.stop_counting"), () => on.stockTo(id, null), { kind: "quiet", testid: "uncount" })}
    </div>
  </li>`;
}
