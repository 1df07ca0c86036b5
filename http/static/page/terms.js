// The terms of a sale: as fields of a form, and as a list to read.

import { copyOf, el } from "./dom.js";
import { count, duration, number, time } from "./format.js";

/** @typedef {import("./store.js").Status} Status */

const TIMES = ["salesOpenAt", "salesCloseAt"];
const NUMBERS = ["maxPerOrder", "maxPerCustomer", "waitlistLimit", "holdSeconds", "maxHoldSeconds", "offerSeconds"];
const NULLABLE = new Set([...TIMES, "maxPerOrder", "maxPerCustomer", "waitlistLimit"]);

export const termsFields = () => copyOf("t-terms").root;

/**
 * What the fields say; what is left empty is null, or left out where there is no "none".
 * @param {FormData} values
 * @returns {Record<string, any>}
 */
export function termsOf(values) {
  /** @type {Record<string, any>} */
  const terms = { waitlistMode: values.get("waitlistMode") };
  for (const name of [...TIMES, ...NUMBERS]) {
    const text = String(values.get(name) ?? "");
    if (text) terms[name] = TIMES.includes(name) ? new Date(text).toISOString() : Number(text);
    else if (NULLABLE.has(name)) terms[name] = null;
  }
  return terms;
}

/**
 * Put a value into a field; `keep` what somebody has typed there, or is about to.
 * @param {HTMLInputElement} field
 * @param {string} text
 * @param {boolean} keep
 */
export function fill(field, text, keep) {
  if (keep && (field.value !== (field.dataset.filled ?? field.defaultValue) || text === field.value)) return;
  field.value = text;
  field.dataset.filled = field.value; // as the browser writes it
}

/**
 * @param {HTMLFormElement} form
 * @param {Status} status
 * @param {boolean} keep
 */
export function fillTerms(form, status, keep) {
  for (const name of [...TIMES, ...NUMBERS]) {
    const field = /** @type {HTMLInputElement} */ (form.elements.namedItem(name));
    const value = status[/** @type {"maxPerOrder"} */ (name)];
    fill(field, value === null ? "" : TIMES.includes(name) ? localTime(String(value)) : String(value), keep);
  }
  const mode = /** @type {RadioNodeList} */ (form.elements.namedItem("waitlistMode"));
  if (keep && mode.value !== (form.dataset.mode ?? "book")) return;
  mode.value = form.dataset.mode = status.waitlistMode;
}

/** As a field of the type `datetime-local` wants it. @param {string} time */
function localTime(time) {
  const at = new Date(time);
  return new Date(at.getTime() - at.getTimezoneOffset() * 60_000).toISOString().slice(0, 19);
}

/**
 * @param {Status} status
 * @returns {HTMLElement[]}
 */
export function termsList(status) {
  const most = (/** @type {number | null} */ n) => (n === null ? "no limit" : number(n));
  /** @type {[string, string][]} */
  const terms = [
    ["Sale opens", status.salesOpenAt ? time(status.salesOpenAt) : "at once"],
    ["Sale closes", status.salesCloseAt ? time(status.salesCloseAt) : "when it is ended"],
    ["Most in one order", most(status.maxPerOrder)],
    ["Most for a customer", most(status.maxPerCustomer)],
    ["Longest line", status.waitlistLimit === 0 ? "nobody may wait" : status.waitlistLimit === null ? "no limit" : count(status.waitlistLimit, "order")],
    ["Next in line", status.waitlistMode === "offer" ? `is offered them for ${duration(status.offerSeconds)}` : "gets them at once"],
    ["A hold lasts", `${duration(status.holdSeconds)}, at most ${duration(status.maxHoldSeconds)}`],
  ];
  return terms.map(([name, value]) => el("div", {}, el("dt", { text: name }), el("dd", { text: value })));
}
