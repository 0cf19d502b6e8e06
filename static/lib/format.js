/** Waits, ages, times and money in words. Times are Unix milliseconds, durations milliseconds unless named otherwise. */
import { spoken, t } from "./i18n.js";

/** @import { Eta } from "#api" */

const ROUND_S = 300;

/**
 * A wait as a range of whole five minutes: down for the low end, up for the high one, so that rounding never narrows it.
 *
 * @param {Pick<Eta, "low_s" | "high_s">} eta
 * @returns {{ low: number, high: number }} minutes
 */
export function rounded({ low_s, high_s }) {
  const low = Math.floor(low_s / ROUND_S) * 5;
  const high = Math.max(Math.ceil(high_s / ROUND_S) * 5, 5);
  return { low, high };
}

/**
 * `about 25–40 min`, or that it cannot be said yet.
 *
 * @param {Pick<Eta, "low_s" | "high_s"> | null | undefined} eta
 */
export function range(eta) {
  if (!eta) return t("range.unknown");
  const { low, high } = rounded(eta);
  if (low === 0) return t("range.under", { high });
  return low === high ? t("range.about", { high }) : t("range.between", { low, high });
}

/**
 * `12 s ago`, `3 min ago`.
 *
 * @param {number} ms
 */
export function ago(ms) {
  const s = Math.max(0, Math.round(ms / 1_000));
  if (s < 60) return t("ago.seconds", { n: s });
  if (s < 3_600) return t("ago.minutes", { n: Math.floor(s / 60) });
  return t("ago.hours", { n: Math.floor(s / 3_600) });
}

/**
 * `40 s`, `3 min`, `1 h 5 min`.
 *
 * @param {number} ms
 */
export function duration(ms) {
  const s = Math.max(0, Math.round(ms / 1_000));
  if (s < 60) return t("duration.seconds", { n: s });
  const minutes = Math.floor(s / 60);
  if (minutes < 60) return t("duration.minutes", { n: minutes });
  return t("duration.hours", { h: Math.floor(minutes / 60), m: minutes % 60 });
}

/**
 * `4:05`, for a countdown.
 *
 * @param {number} ms
 */
export function countdown(ms) {
  const s = Math.max(0, Math.ceil(ms / 1_000));
  return `${Math.floor(s / 60)}:${String(s % 60).padStart(2, "0")}`;
}

/**
 * A time of day.
 *
 * @param {number} at
 * @param {string} [timeZone] the restaurant's; without it, the device's
 */
export function timeOfDay(at, timeZone) {
  return new Intl.DateTimeFormat(spoken(), { hour: "numeric", minute: "2-digit", timeZone }).format(at);
}

/**
 * An amount in the minor unit of a currency.
 *
 * @param {number} amount
 * @param {string} currency
 */
export function money(amount, currency) {
  const format = new Intl.NumberFormat(spoken(), { style: "currency", currency });
  const digits = format.resolvedOptions().maximumFractionDigits ?? 0;
  return format.format(amount / 10 ** digits);
}
