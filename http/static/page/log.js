// An event's log of changes as they commit, the newest on top. Only those with the scope `admin` may read it.

import { get, Problem } from "./api.js";
import { el, write } from "./dom.js";
import { count, number, shortId, time } from "./format.js";
import { askForKey } from "./keyring.js";

const BEGIN_WITH = 50;
const PAGE = 200;
const KEPT_MAX = 200;
const EVERY_MS = 1000;
const FAILED_WAIT_MS = 4000;

export class Log {
  /**
   * @param {string} eventId
   * @param {{log: HTMLElement, logNote: HTMLElement, logCount: HTMLElement}} part
   */
  constructor(eventId, part) {
    this.eventId = eventId;
    this.part = part;
    this.seen = 0;
    this.newest = 0;
    this.readAt = 0;
    this.timer = 0;
    this.isReading = false;
    this.isRefused = false;
    /** Whose an order is, as far as the log has told. @type {Map<string, string>} */
    this.customers = new Map();
  }

  /** Read it from its end, as somebody else may. */
  begin() {
    this.isRefused = this.part.log.hidden = false;
    this.seen = 0;
    this.part.log.replaceChildren();
    this.part.logNote.replaceChildren();
    this.announce(this.newest);
  }

  /** A version was announced. @param {number} version */
  announce(version) {
    if (version < this.newest) this.seen = 0; // another database is behind the address
    this.newest = version;
    if (this.isRefused || this.isReading || version <= this.seen || this.timer) return;
    const wait = Math.max(0, this.readAt + EVERY_MS - performance.now());
    this.timer = setTimeout(() => void this.#read(), wait);
  }

  async #read() {
    this.timer = 0;
    this.isReading = true;
    this.readAt = performance.now();
    try {
      const after = Math.max(this.seen, this.newest - (this.seen ? PAGE : BEGIN_WITH));
      const { items } = await get(`/events/${this.eventId}/changes?after=${after}&limit=${PAGE}`);
      this.#show(items, after - this.seen);
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if ([401, 403].includes(problem.status)) this.#refuse(problem.status);
      else this.#fail();
    } finally {
      this.isReading = false;
    }
    this.announce(this.newest);
  }

  /**
   * @param {any[]} changes
   * @param {number} skipped
   */
  #show(changes, skipped) {
    const isFirst = this.seen === 0;
    const rows = changes.map((change) => this.#row(change, !isFirst));
    if (skipped > 0) rows.unshift(el("li", { class: "skipped", text: isFirst ? `${count(skipped, "earlier change")}` : `${count(skipped, "change")} went by too fast to read` }));
    this.seen = changes.at(-1)?.version ?? this.seen;
    const { log, logCount, logNote } = this.part;
    logNote.replaceChildren();
    log.prepend(...rows.reverse());
    while (log.childElementCount > KEPT_MAX) log.lastElementChild?.remove();
    write(logCount, `version ${number(this.seen)}`);
  }

  /**
   * @param {any} change
   * @param {boolean} isFresh
   */
  #row(change, isFresh) {
    if (change.orderId && change.userId) this.customers.set(change.orderId, change.userId);
    for (const each of change.promoted ?? []) this.customers.set(each.orderId, each.userId);
    const row = el("li", { class: isFresh ? "fresh" : null, "data-type": change.type },
      el("time", { datetime: change.at, text: time(change.at, true) }),
      el("span", { class: "what" }, ...this.#sentence(change)),
      el("span", { class: "version", text: number(change.version) }));
    for (const each of (change.promoted ?? []).slice(0, 5)) row.append(this.#promotion(each));
    if (change.promoted?.length > 5) row.append(el("span", { class: "then", text: `and ${number(change.promoted.length - 5)} more` }));
    return row;
  }

  /**
   * @param {any} change
   * @returns {(Node | string)[]}
   */
  #sentence(change) {
    const who = el("b", { text: change.userId ?? this.customers.get(change.orderId) ?? `order ${shortId(change.orderId ?? "")}` });
    const n = number(change.quantity ?? 0);
    const until = change.expiresAt ? time(change.expiresAt, true) : "";
    switch (change.type) {
      case "eventInitialized": return [el("b", { text: change.eventName }), ` ${begins(change)}: ${count(change.totalTickets, "ticket")}`];
      case "ticketsBooked": return [who, ` booked ${n}`];
      case "ticketsHeld": return [who, ` holds ${n} until ${until}`];
      case "customerWaitlisted": return [who, ` joined the line for ${n}`];
      case "orderConfirmed": return [who, " confirmed"];
      case "holdExtended": return [who, ` holds on until ${until}`];
      case "orderReduced": return [who, ` gave some back, and keeps ${n}`];
      case "orderCancelled": return [who, " cancelled"];
      case "orderExpired": return [who, " did not confirm in time"];
      case "eventAdjusted": return ["The event was changed: ", el("b", { text: change.eventName }), `, ${count(change.totalTickets, "ticket")}`];
      case "saleClosed": return ["The sale ended"];
      default: return [change.type];
    }
  }

  /** @param {any} promoted */
  #promotion({ userId, quantity, status, expiresAt }) {
    const gets = status === "offered" ? ` is offered ${number(quantity)} until ${time(expiresAt, true)}` : ` got ${number(quantity)}`;
    return el("span", { class: "then" }, el("b", { text: userId }), gets);
  }

  /** Not now: it is tried again by and by. */
  #fail() {
    this.readAt = performance.now() + FAILED_WAIT_MS;
    if (!this.part.log.childElementCount) this.part.logNote.replaceChildren(el("p", { class: "faint", text: "The log cannot be read right now." }));
  }

  /** @param {number} status */
  #refuse(status) {
    this.isRefused = true;
    this.part.log.hidden = true;
    const note = status === 403 ? "The log of changes takes a key with the scope " : "The log of changes takes a key, with the scope ";
    const button = el("button", { type: "button", text: "Use a key", "aria-haspopup": "dialog", onclick: () => void askForKey() });
    this.part.logNote.replaceChildren(el("p", { class: "faint" }, note, el("code", { text: "admin" }), "."), button);
  }

  destroy() {
    clearTimeout(this.timer);
    this.isRefused = true;
  }
}

/** Whether its sale began there and then. @param {any} change */
function begins({ at, salesOpenAt }) {
  const isLater = salesOpenAt && Date.parse(salesOpenAt) > Date.parse(at);
  return isLater ? `is announced, on sale from ${time(salesOpenAt)}` : "went on sale";
}
