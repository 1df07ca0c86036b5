// Numbers, times and words as people read them.

import { serverNow } from "./clock.js";

const NUMBER = new Intl.NumberFormat("en");
const RATE = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const SHORT = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });

const YEAR = new Intl.DateTimeFormat("en-GB", { year: "numeric", month: "short", day: "numeric", hour: "2-digit", minute: "2-digit" });

/** @param {number} n */
export const number = (n) => NUMBER.format(n);

/** @param {number} perSecond */
export const rate = (perSecond) => (perSecond >= 100 ? NUMBER.format(Math.round(perSecond)) : RATE.format(perSecond));

/** @param {number} perSecond */
export const paceText = (perSecond) => `${rate(perSecond)} ${rate(perSecond) === "1" ? "ticket" : "tickets"} a second`;

/**
 * "1 ticket", "1,200 tickets".
 * @param {number} n
 * @param {string} word
 * @param {string} [many]
 */
export const count = (n, word, many = `${word}s`) => `${number(n)} ${n === 1 ? word : many}`;

/** @param {number} n */
export function ordinal(n) {
  const ending = { one: "st", two: "nd", few: "rd" }[/** @type {"one"} */ (ORDINAL.select(n))] ?? "th";
  return `${number(n)}${ending}`;
}
const ORDINAL = new Intl.PluralRules("en", { type: "ordinal" });

/**
 * A time of day; with the date if that is not today's, and the year if not this one.
 * @param {string | number} time
 * @param {boolean} [seconds]
 */
export function time(time, seconds = false) {
  const at = new Date(time);
  const now = new Date();
  if (at.getFullYear() !== now.getFullYear()) return YEAR.format(at);
  if (at.toDateString() !== now.toDateString()) return DAY.format(at);
  return (seconds ? CLOCK : SHORT).format(at);
}

/**
 * What is left until then, by the server's clock: "9 s", "9:42", "2 h 04 min", "3 days".
 * @param {string} until
 */
export function left(until) {
  const s = secondsLeft(until);
  const m = Math.floor(s / 60);
  if (s < 60) return `${s} s`;
  if (s < 3600) return `${m}:${two(s % 60)}`;
  return s < 86_400 ? `${Math.floor(m / 60)} h ${two(m % 60)} min` : count(Math.round(s / 86_400), "day");
}

/** @param {string} until */
export const secondsLeft = (until) => Math.max(0, Math.ceil((Date.parse(until) - serverNow()) / 1000));

/**
 * "45 s", "10 min", "1 h 30 min", "2 days".
 * @param {number} s
 */
export function duration(s) {
  if (s < 60) return `${s} s`;
  if (s < 3600) return s % 60 ? `${Math.floor(s / 60)} min ${s % 60} s` : `${s / 60} min`;
  if (s < 86_400) return s % 3600 ? `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min` : `${s / 3600} h`;
  return s % 86_400 ? `${Math.floor(s / 86_400)} d ${Math.floor((s % 86_400) / 3600)} h` : count(s / 86_400, "day");
}

/** @param {number} n */
const two = (n) => String(n).padStart(2, "0");

/** @param {string} orderId "1-01a21439-cf2d-74c0-b827-0d3925c938ac": its end is enough to tell it from others */
export const shortId = (orderId) => `…${orderId.slice(-6)}`;
