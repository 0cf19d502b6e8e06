/** What a Korean sentence needs to know of the word before it. */

/** Final consonants of the digits as they are read: 영 일 이 삼 사 오 육 칠 팔 구. `l` for ㄹ. */
const DIGITS = ["n", "l", "", "m", "", "", "k", "l", "l", ""];

const FIRST = 0xac00;
const LAST = 0xd7a3;
const FINALS = 28;
const RIEUL = 8;

/**
 * A place with the particle that leads to it: 테라스로, 입구로, 방으로, 홀로, 3번 창구로.
 *
 * @param {string} place
 */
export function toPlace(place) {
  const last = place.trim().at(-1) ?? "";
  const needsVowel = /\d/.test(last) ? /[nmk]/.test(DIGITS[Number(last)]) : endsInConsonant(last);
  return `${place}${needsVowel ? "으로" : "로"}`;
}

/**
 * Whether a syllable ends in a consonant other than ㄹ.
 *
 * @param {string} syllable
 */
function endsInConsonant(syllable) {
  const code = syllable.codePointAt(0) ?? 0;
  if (code < FIRST || code > LAST) return false;
  const final = (code - FIRST) % FINALS;
  return final !== 0 && final !== RIEUL;
}
