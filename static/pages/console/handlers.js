/**
 * What presses do, whether by finger, mouse or key: they open a sheet, change what is shown or give a command.
 *
 * @import { CallReason, TicketView } from "#api"
 * @import { createCommands } from "./commands.js"
 * @import { Action, List, State } from "./state.js"
 */
import { ask, newKey } from "../../lib/api.js";
import { speak, t } from "../../lib/i18n.js";
import { isCurrent, lastDone, neighbour, rows, serverNow, ticketOf } from "./selectors.js";

/** @typedef {ReturnType<typeof createHandlers>} On */

const MINUTE_MS = 60_000;

/**
 * @param {{ state: State, dispatch: (action: Action) => void, redraw: () => void }} store
 * @param {ReturnType<typeof createCommands>} commands
 * @param {{ retry: () => void }} connection
 */
export function createHandlers(store, commands, connection) {
  /** @param {Extract<Action, { type: "change" }>["change"]} change */
  const change = (change) => store.dispatch({ type: "change", change });

  /** @param {string} kind @param {Record<string, any>} [draft] @param {string} [ticket] */
  const open = (kind, draft = {}, ticket) => store.dispatch({ type: "sheet", sheet: { kind, draft, ticket } });
  const shut = () => store.dispatch({ type: "sheet", sheet: null });

  /** Closes the sheet when the command went through; a refusal stays with the form. @param {any} outcome */
  function shutAfter(outcome) {
    if (outcome && "answer" in outcome) shut();
    else if (outcome) store.dispatch({ type: "sheet_error", error: outcome.words });
  }

  /** @param {TicketView} ticket @param {CallReason} [why] */
  async function call(ticket, why) {
    const isFirst = ticket.ahead === 0;
    if (!why && !isFirst) return open("reason", {}, ticket.id);
    shut();
    if (await commands.call(ticket, why)) open("reason", {}, ticket.id);
  }

  /** A command that needs nothing more. @param {(ticket: TicketView) => Promise<unknown>} command */
  const once = (command) => (/** @type {TicketView} */ ticket) => {
    shut();
    void command(ticket);
  };

  return {
    change,
    shut,
    retry: () => connection.retry(),
    offline: () => store.dispatch({ type: "toast", kind: "refused", text: t("console.offline_press") }),

    /** @param {Record<string, any>} draft */
    draft: (draft) => store.dispatch({ type: "draft", draft }),
    /** @param {string} tab */
    tab: (tab) => change({ tab, search: "" }),
    /** @param {List} list */
    list: (list) => change({ list, search: "" }),
    /** @param {string} search */
    search(search) {
      change({ search });
      if (search.trim()) change({ selected: rows(store.state)[0]?.id ?? null });
    },
    /** @param {"up" | "down" | "left" | "right"} direction */
    move: (direction) => change({ selected: neighbour(store.state, direction) }),

    callNext: () => void commands.callNext(),
    call,
    seat: once(commands.seat),
    recall: once(commands.recall),
    complete: once(commands.complete),
    noShow: once(commands.noShow),
    /** @param {TicketView} ticket */
    restore: once((ticket) => commands.restore(ticket, 0)),
    /** @param {{ id: string, number: string }} what */
    undo(what) {
      shut();
      void commands.undo(what);
    },
    undoLast() {
      const last = lastDone(store.state, serverNow(store.state, Date.now()));
      if (last) void commands.undo(last);
      else store.dispatch({ type: "toast", kind: "refused", text: t("console.undo_none") });
    },

    /** @param {TicketView} ticket */
    actions(ticket) {
      change({ selected: ticket.id });
      open("actions", {}, ticket.id);
    },
    /** @param {TicketView} ticket */
    askPutBack: (ticket) => open("put_back", { places: 1 }, ticket.id),
    /** @param {TicketView} ticket */
    askRestore: (ticket) => open("restore", { places: 3 }, ticket.id),
    /** @param {TicketView} ticket */
    askCancel: (ticket) => open("cancel", { why: "" }, ticket.id),
    /** @param {TicketView} ticket */
    handOver: (ticket) => open("handover", {}, ticket.id),
    /** @param {TicketView} ticket */
    askEdit: ({ id, adults, children, line, name, note }) =>
      open("edit", { adults, children, line, name: name ?? "", note: note ?? "" }, id),
    /** @param {TicketView} ticket */
    askNote: ({ id, note }) => open("note", { note: note ?? "" }, id),

    /** @param {TicketView} ticket @param {number} places */
    putBack: async (ticket, places) => shutAfter(await commands.putBack(ticket, places)),
    /** @param {TicketView} ticket @param {number} places */
    restoreTo: async (ticket, places) => shutAfter(await commands.restore(ticket, places)),
    /** @param {TicketView} ticket @param {string} why */
    cancel: async (ticket, why) => shutAfter(await commands.cancel(ticket, why.trim())),
    /** @param {TicketView} ticket @param {Record<string, any>} draft */
    async edit(ticket, draft) {
      const changes = changesOf(ticket, draft);
      if (Object.keys(changes).length === 0) return shut();
      shutAfter(await commands.edit(ticket, changes));
    },

    askAdd() {
      const { tab, line } = store.state;
      const draft = { adults: 2, children: 0, line: tab === "all" ? line : tab, channel: "onsite", name: "", phone: "", note: "" };
      open("add", { ...draft, items: {}, place: null, key: newKey() });
    },
    /** @param {Record<string, any>} draft */
    async add(draft) {
      const outcome = await commands.add(joinOf(draft), draft.key);
      if (outcome && "answer" in outcome) {
        change({ selected: outcome.answer.id });
        open("added", { joined: outcome.answer });
        store.dispatch({ type: "toast", kind: "done", text: t("console.did.add", { number: outcome.answer.number }) });
      } else if (outcome) {
        store.dispatch({ type: "sheet_error", error: outcome.words });
      }
    },
    /** What is asked for has changed, so it is another intent. @param {Record<string, any>} draft */
    addDraft: (draft) => store.dispatch({ type: "draft", draft: { ...draft, key: newKey() } }),

    askOpening() {
      const { restaurant } = /** @type {NonNullable<State["queue"]>} */ (store.state.queue);
      open("opening", { line: null, state: restaurant.state, minutes: 0, why: restaurant.reason ?? "" });
    },
    /** @param {Record<string, any>} draft */
    async setState({ line, state, minutes, why }) {
      const until = minutes ? serverNow(store.state, Date.now()) + minutes * MINUTE_MS : undefined;
      const isOpen = state === "open";
      const body = { state, ...(until && !isOpen ? { until } : {}), ...(why.trim() && !isOpen ? { reason: why.trim() } : {}) };
      shutAfter(await commands.setState(line, body));
    },

    askAnnounce: () => open("announce", { text: store.state.queue?.announcement?.text ?? "", minutes: 0 }),
    /** @param {string} text @param {number} minutes */
    async announce(text, minutes) {
      const until = minutes && text ? serverNow(store.state, Date.now()) + minutes * MINUTE_MS : undefined;
      shutAfter(await commands.announce(text.trim(), until));
    },

    askStock: () => open("stock"),
    stockBy: (/** @type {string} */ item, /** @type {number} */ by) => void commands.stockBy(item, by),
    stockTo: (/** @type {string} */ item, /** @type {number | null} */ left) => void commands.stockTo(item, left),

    /** The rebuild of the line has been read here. */
    seeRebuilt: () => change({ rebuiltSeen: store.state.queue?.restaurant.rebuilt_at ?? null }),

    askMenu: () => open("menu"),
    askHelp: () => open("help"),
    /** @param {import("../../lib/i18n.js").Language} language */
    async speak(language) {
      await speak(language, { keep: true });
      store.redraw();
    },
    async signOut() {
      try {
        await ask("/auth/sign-out", { method: "POST", body: {} });
        location.assign(`/sign-in?next=${encodeURIComponent(`/console/${store.state.slug}`)}`);
      } catch {
        store.dispatch({ type: "sheet_error", error: t("refusal.unreachable") });
      }
    },

    /** The selected ticket, for keys; says so when there is none. */
    selected() {
      const ticket = ticketOf(store.state, store.state.selected);
      if (!ticket) store.dispatch({ type: "toast", kind: "refused", text: t("console.select_first") });
      return ticket;
    },
    /** What a key asked for does not go with the state. @param {TicketView} ticket */
    cannot({ number, state }) {
      const words = t("console.state_is", { state: t(`state.${state}`) });
      store.dispatch({ type: "toast", kind: "refused", text: t("console.about", { number, words }) });
    },
    isCurrent: () => isCurrent(store.state, Date.now()),
  };
}

/**
 * Only what differs: an edit of nothing is no edit, and a field that somebody else changed meanwhile is not put back.
 *
 * @param {TicketView} ticket
 * @param {Record<string, any>} draft
 */
function changesOf(ticket, draft) {
  /** @type {Record<string, unknown>} */
  const changes = {};
  for (const field of /** @type {const} */ (["adults", "children", "line"])) {
    if (field in draft && draft[field] !== ticket[field]) changes[field] = draft[field];
  }
  for (const field of /** @type {const} */ (["name", "note"])) {
    if (!(field in draft)) continue;
    const text = draft[field].trim() || null;
    if (text !== (ticket[field] ?? null)) changes[field] = text;
  }
  return changes;
}

/**
 * @param {Record<string, any>} draft
 */
function joinOf({ adults, children, line, channel, name, phone, note, items, place }) {
  const ordered = Object.entries(items).flatMap(([item, quantity]) => (quantity > 0 ? [{ item, quantity }] : []));
  const texts = Object.entries({ name, phone, note }).filter(([, text]) => text.trim());
  return {
    adults,
    children,
    line,
    channel,
    ...Object.fromEntries(texts.map(([field, text]) => [field, text.trim()])),
    ...(ordered.length > 0 ? { items: ordered } : {}),
    ...(typeof place === "number" ? { place } : {}),
  };
}
