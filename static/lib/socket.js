/**
 * The one place that opens a WebSocket. It stays connected: full jitter back-off that honours `bye.retry_ms`, a watchdog
 * on silence, and a new try as soon as the page is looked at again or the network is back.
 *
 * It knows nothing of what frames mean beyond `bye`, `live` and `every_ms`; pages reduce frames to state.
 */
import { delayMs } from "./backoff.js";
import { heard, isSilent, SILENCE_GRACE_MS, UNCONNECTED } from "./link.js";

/** @import { Link } from "./link.js" */

/** Closed for good: nothing more to say, what was sent is not understood, or not for us. */
const FINAL_CODES = new Set([1000, 1003, 1007, 1009, 4400, 4401, 4403, 4404]);

/** What HTTP says of a ticket that was lost when its restaurant was rebuilt: a connection says so in its `bye`. */
const PLACE_LOST = 410;

/** A handshake that takes longer is given up, ms. */
const OPEN_TIMEOUT_MS = 8_000;

/** Never asked more often for a whole frame, ms: the server ignores it. */
const RESYNC_MS = 1_000;

/** An answer to that takes no longer, or the connection is dead, ms. */
const ANSWER_MS = 1_500;

/**
 * @typedef {object} Options
 * @property {(frame: any) => void} onFrame state frames; not `tick` and `bye`
 * @property {(link: Link) => void} onLink what is known of the connection changed
 * @property {() => Promise<number>} [probe] after a refused handshake, whose status a page cannot see: the HTTP
 *   status of the same thing, or 0 when nothing answers. 401, 403, 404 and 410 end the connection.
 */

/**
 * @typedef {object} Connection
 * @property {() => void} resync ask for a whole frame
 * @property {() => void} retry try now, also after an end
 * @property {() => void} close
 */

/**
 * Opens a connection that is kept until `close`.
 *
 * @param {string} path as in `/v1/tickets/…/live`
 * @param {Options} options
 * @returns {Connection}
 */
export function connect(path, { onFrame, onLink, probe }) {
  /** @type {WebSocket | null} */
  let socket = null;
  let link = UNCONNECTED;
  let attempt = 0;
  let retryMs = 0;
  let resyncedAt = 0;
  let closed = false;
  /** What the server gave as its reason to leave. @type {string | null} */
  let farewell = null;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let watchdog;

  /** @param {Link} next */
  function tell(next) {
    link = next;
    onLink(link);
  }

  function open() {
    clearTimeout(timer);
    if (closed || socket) return;
    const url = new URL(path, location.href);
    url.protocol = url.protocol === "https:" ? "wss:" : "ws:";
    const opening = new WebSocket(url, "waitless.v1");
    socket = opening;
    let spoke = false;
    farewell = null;
    watch(OPEN_TIMEOUT_MS, () => lost(opening));
    opening.onmessage = (event) => {
      if (socket !== opening) return;
      const frame = JSON.parse(event.data);
      if (frame.type === "bye") {
        retryMs = frame.retry_ms;
        farewell = frame.reason;
        return;
      }
      spoke = true;
      attempt = 0;
      const now = Date.now();
      tell(heard(link, frame, now));
      watch(link.everyMs + SILENCE_GRACE_MS, silent);
      if (frame.type !== "tick") onFrame(frame);
    };
    opening.onclose = (event) => {
      if (socket !== opening) return;
      if (FINAL_CODES.has(event.code)) end(farewell === "place_lost" ? PLACE_LOST : event.code);
      else lost(opening, !spoke);
    };
  }

  /**
   * @param {number} ms
   * @param {() => void} then
   */
  function watch(ms, then) {
    clearTimeout(watchdog);
    watchdog = setTimeout(then, ms);
  }

  /** Nothing came in time: say so; if a question brings nothing either, the connection is dead. */
  function silent() {
    tell({ ...link });
    ask();
  }

  /** Asks for a frame; if none comes, the connection is dead. */
  function ask() {
    const asked = socket;
    const before = link.heardAt;
    if (!asked || !resync()) return;
    watch(ANSWER_MS, () => {
      if (link.heardAt === before) lost(asked);
    });
  }

  /**
   * @param {WebSocket} which
   * @param {boolean} [refused] it never spoke
   */
  function lost(which, refused = false) {
    if (socket !== which) return;
    drop();
    tell({ ...link, phase: "connecting" });
    if (refused && probe) probe().then(refusedWith, () => later());
    else later();
  }

  /** @param {number} status */
  function refusedWith(status) {
    if (closed || socket) return;
    if ([401, 403, 404, 410].includes(status)) end(status);
    else later();
  }

  function later() {
    if (closed || socket) return;
    clearTimeout(timer);
    timer = setTimeout(open, Math.max(retryMs, delayMs(attempt)));
    attempt += 1;
    retryMs = 0;
  }

  /** @param {number} code */
  function end(code) {
    drop();
    clearTimeout(timer);
    tell({ ...link, phase: "ended", code });
  }

  function drop() {
    clearTimeout(watchdog);
    const old = socket;
    socket = null;
    if (!old) return;
    old.onmessage = null;
    old.onclose = null;
    old.close();
  }

  function resync() {
    const now = Date.now();
    if (socket?.readyState !== WebSocket.OPEN || now - resyncedAt < RESYNC_MS) return false;
    resyncedAt = now;
    socket.send('{"type":"resync"}');
    return true;
  }

  /** Somebody looks, or the network is back: what we have may be long dead without our knowing. */
  function wake() {
    if (closed || link.phase === "ended" || document.hidden) return;
    if (socket?.readyState === WebSocket.OPEN && !isSilent(link, Date.now())) {
      ask();
      return;
    }
    attempt = 0;
    drop();
    open();
  }

  /** @param {Event} event */
  function shown(event) {
    // A page that is shown for the first time is just connecting; one that comes back was frozen.
    if (/** @type {PageTransitionEvent} */ (event).persisted) wake();
  }

  function offline() {
    if (socket) lost(socket);
  }

  const listeners = /** @type {const} */ ([
    [document, "visibilitychange", wake],
    [window, "online", wake],
    [window, "pageshow", shown],
    [window, "offline", offline],
  ]);
  for (const [target, name, listener] of listeners) target.addEventListener(name, listener);
  open();

  return {
    resync: () => void resync(),
    retry() {
      if (closed) return;
      attempt = 0;
      drop();
      tell({ ...link, phase: "connecting", code: null });
      open();
    },
    close() {
      closed = true;
      clearTimeout(timer);
      drop();
      for (const [target, name, listener] of listeners) target.removeEventListener(name, listener);
    },
  };
}
