/**
 * The board: who is called, who was missed, how long it takes. To be read from ten metres and heard across the room.
 *
 * Address: `?lines=A,B` these lines only · `?lang=en` · `?voice=ko,en` announcements in these languages, in this order.
 */
import { createAnnouncer } from "../lib/announcer.js";
import { ask, statusOf } from "../lib/api.js";
import { canSound, chime, unlock } from "../lib/chime.js";
import { render } from "../lib/html.js";
import { LANGUAGES, preferred, speak, spoken, t, wordsIn } from "../lib/i18n.js";
import { everySecond } from "../lib/live-state.js";
import { remember, remembered } from "../lib/memory.js";
import { connect } from "../lib/socket.js";
import { createStore } from "../lib/store.js";
import { canSay, hush, onVoices, say } from "../lib/voice.js";
import { stayAwake } from "../lib/wake-lock.js";
import { calling, lettersOf, shownLines } from "./board/numbers.js";
import { phrase, voicesOf } from "./board/phrases.js";
import { initial, reduce } from "./board/state.js";
import { board } from "./board/view.js";

/** @import { Call } from "./board/numbers.js" */

await speak(preferred());
const restaurant = location.pathname.split("/")[2];
const page = /** @type {HTMLElement} */ (document.getElementById("page"));
const store = createStore(reduce, initial({ letters: lettersOf(location.search), now: Date.now() }));

// --- What is heard. ---

const languages = await Promise.all(
  voicesOf(location.search, spoken()).map(async (language) => ({ language, words: await wordsIn(language) })),
);

const announcer = createAnnouncer({
  chime,
  hush,
  words: (/** @type {Call} */ call) =>
    languages.map(({ language, words }) => () => say(phrase(call, language, words), language)),
});

function lookForVoices() {
  const missing = languages.filter(({ language }) => !canSay(language)).map(({ language }) => LANGUAGES[language].name);
  store.dispatch({ type: "voiceless", languages: missing });
}

/** Sounds from now on, if the browser lets us. */
async function soundOn() {
  if (await unlock()) store.dispatch({ type: "sound", sound: "on" });
}

/** The button: on at first, then between on and muted. */
function toggleSound() {
  const wanted = store.state.sound === "on" ? "muted" : "on";
  remember("board_sound", wanted);
  if (wanted === "muted") store.dispatch({ type: "sound", sound: "muted" });
  else void soundOn();
}

store.watch(({ sound, frame, letters }, before) => {
  if (sound !== before.sound) announcer.turn(sound === "on" && canSound());
  if (frame && frame !== before.frame) announcer.tell(calling(shownLines(frame, letters)));
});

// --- What is seen. ---

store.watch(({ frame }, before) => {
  if (frame && frame.restaurant.name !== before.frame?.restaurant.name) {
    document.title = `${t("board.title")} · ${frame.restaurant.name}`;
  }
});
store.drawWith((state) => render(board(state, { toggleSound }), page));

onVoices(lookForVoices);
lookForVoices();
stayAwake(true);
everySecond(() => store.dispatch({ type: "tick", now: Date.now() }));
connect(`/v1/restaurants/${restaurant}/board/live`, {
  onFrame: (frame) => store.dispatch({ type: "frame", frame, now: Date.now() }),
  onLink: (link) => store.dispatch({ type: "link", link, now: Date.now() }),
  probe: () => statusOf(`/restaurants/${restaurant}/board`),
});

// A television's own time zone is seldom set. Without an answer it has to do.
ask(`/restaurants/${restaurant}`).then(
  ({ time_zone: timeZone }) => store.dispatch({ type: "zone", timeZone }),
  () => {},
);

// A board that was heard before is heard again after a power cut, where its browser was told to allow that.
if (remembered("board_sound") === "muted") store.dispatch({ type: "sound", sound: "muted" });
else if (remembered("board_sound") === "on") void soundOn();
