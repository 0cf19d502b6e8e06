/** Phone numbers as guests type them. Pure; the server's word is final. */

/** Most digits of a number, country code included (E.164). */
export const DIGITS_MAX = 15;

const DIGITS_MIN = 7;

/** Korean mobile numbers have this many. */
const MOBILE_DIGITS = 11;

/** What almost every mobile number in Korea begins with. */
export const KOREAN_MOBILE = "010";

/** @param {string} text */
export function digitsOf(text) {
  return text.replace(/\D/g, "").slice(0, DIGITS_MAX);
}

/**
 * Whether it may be a whole number.
 *
 * @param {string} text
 */
export function isComplete(text) {
  const digits = digitsOf(text);
  if (digits.startsWith(KOREAN_MOBILE)) return digits.length === MOBILE_DIGITS;
  return digits.length >= DIGITS_MIN;
}

/**
 * `010-1234-5678` while it is typed; other numbers in groups of four.
 *
 * @param {string} text
 */
export function grouped(text) {
  const digits = digitsOf(text);
  if (digits.startsWith("01") && digits.length <= MOBILE_DIGITS) {
    return [digits.slice(0, 3), digits.slice(3, 7), digits.slice(7)].filter(Boolean).join("-");
  }
  return digits.replace(/(\d{4})(?=\d)/g, "$1 ");
}
