/** Which voice speaks: only one that needs nobody else's server. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { canSay, hush, say, voiceFor } from "../../../static/lib/voice.js";

const voice = (/** @type {string} */ lang, localService = true, isDefault = false) => ({ lang, localService, default: isDefault });

test("a voice of the language that speaks on the device, the device's own choice first", () => {
  const [far, near, chosen] = [voice("ko-KR", false, true), voice("ko_KR"), voice("ko-KR", true, true)];
  assert.equal(voiceFor([far], "ko"), undefined, "what it says would leave the device");
  assert.equal(voiceFor([far, near], "ko"), near);
  assert.equal(voiceFor([far, near, chosen], "ko"), chosen);
  assert.equal(voiceFor([voice("kok-IN"), voice("en-GB")], "ko"), undefined, "Konkani is another language");
  assert.equal(voiceFor([], "en"), undefined);
});

test("a device that cannot speak says nothing, at once", async () => {
  assert.equal(canSay("ko"), false);
  await say("A 17번 손님", "ko");
  hush();
});
