/**
 * What a guest can do, as requests. One at a time; a request whose answer never came is asked again with the same key when
 * the guest tries again, so that nothing happens twice.
 *
 * @import { State, Action, SheetName, Verb } from "./state.js"
 */
import { ask, newKey, Refused, Unreachable } from "../../lib/api.js";

/** The rest of the line and the menu are read again this often while they are looked at, ms. */
const REFRESH_MS = 4_000;

/** Most places of a delay where the policy cannot be read. */
const PLACES_MAX = 20;

/**
 * @param {string} ticket
 * @param {{ readonly state: State, dispatch: (action: Action) => void, watch: (watcher: (state: State, before: State) => void) => void }} store
 * @param {{ onAnswer: () => void, onLost: () => void }} options after a command: the connection may have ended, and the
 *   ticket lives again; or the ticket was lost, which the connection has not heard yet
 */
export function commands(ticket, store, { onAnswer, onLost }) {
  /** The key of what was asked for last: the same act on the same state is the same intent. @type {Map<string, string>} */
  const keys = new Map();

  /**
   * @param {Verb} verb
   * @param {"POST" | "DELETE"} method
   * @param {string} path
   * @param {unknown} [body]
   */
  async function run(verb, method, path, body) {
    if (store.state.busy) return;
    const { state, delays, calls } = store.state.frame ?? {};
    const intent = JSON.stringify([verb, body, state, delays, calls]);
    const key = keys.get(intent) ?? newKey();
    keys.clear();
    keys.set(intent, key);
    store.dispatch({ type: "sent", verb });
    try {
      const frame = await ask(`/tickets/${ticket}${path}`, { method, body, key });
      keys.clear();
      store.dispatch({ type: "frame", frame, now: Date.now() });
      store.dispatch({ type: "answered" });
      onAnswer();
    } catch (error) {
      const known = error instanceof Refused || error instanceof Unreachable;
      store.dispatch({ type: "failed", verb, error, code: error instanceof Refused ? error.code : null });
      if (error instanceof Refused && error.status === 410) onLost();
      if (!known) throw error;
    }
  }

  /** Reads what an open part of the page shows, and again while it is open. */
  const readCrowd = whileOpen((state) => state.sheet === "delay", async ({ restaurant, line }) => {
    const [board, policy] = await Promise.all([
      ask(`/restaurants/${restaurant.slug}/board`),
      ask(`/restaurants/${restaurant.slug}/policy`).catch(() => null),
    ]);
    const found = board.lines.find((/** @type {{ line: string }} */ other) => other.line === line) ?? null;
    store.dispatch({ type: "crowd", crowd: { line: found, placesMax: policy?.delay_places_max ?? PLACES_MAX } });
  });
  const readMenu = whileOpen((state) => state.isMenuOpen, async ({ restaurant }) => {
    store.dispatch({ type: "menu_came", items: (await ask(`/restaurants/${restaurant.slug}/menu`)).items });
  });
  const readCurrency = whileOpen((state) => Boolean(state.frame?.items.length) && !state.currency, async ({ restaurant }) => {
    store.dispatch({ type: "currency", currency: (await ask(`/restaurants/${restaurant.slug}`)).currency });
  });
  store.watch(() => {
    readCrowd();
    readMenu();
    readCurrency();
  });

  /**
   * @param {(state: State) => boolean} isOpen
   * @param {(frame: NonNullable<State["frame"]>) => Promise<void>} read
   */
  function whileOpen(isOpen, read) {
    let reads = false;
    return async () => {
      if (reads) return;
      reads = true;
      while (isOpen(store.state) && store.state.frame) {
        if (!document.hidden) await read(store.state.frame).catch(() => undefined);
        if (isOpen(store.state)) await new Promise((resolve) => setTimeout(resolve, REFRESH_MS));
      }
      reads = false;
    };
  }

  return {
    /** @param {SheetName | null} sheet */
    show: (sheet) => store.dispatch({ type: "sheet", sheet }),
    /** @param {number} places */
    choose: (places) => store.dispatch({ type: "places", places }),
    /** @param {boolean} isOpen */
    showMenu: (isOpen) => store.dispatch({ type: "menu", isOpen }),
    acknowledge: () => store.dispatch({ type: "acknowledged" }),
    delay: () => run("delay", "POST", "/delay", { places: store.state.places }),
    /** @param {string} [door] */
    checkIn: (door) => run("check-in", "POST", "/check-in", door ? { door } : {}),
    cancel: () => run("cancel", "DELETE", ""),
    undo: () => run("undo", "POST", "/undo"),
    rejoin: () => run("rejoin", "POST", "/rejoin"),
  };
}
