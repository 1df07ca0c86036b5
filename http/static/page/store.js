// The newest status of each event that is shown. Whoever shows one is told at most once per frame.

import { everySecond } from "./clock.js";
import { Rate, thisSecond } from "./rate.js";

/**
 * What `GET /status/{eventId}` answers.
 * @typedef {{eventId: string, eventName: string, totalTickets: number, availableTickets: number,
 *   bookedTickets: number, heldTickets: number, offeredTickets: number, waitingListCount: number,
 *   waitingTickets: number, state: "scheduled" | "open" | "closed", version: number, salesOpenAt: string | null,
 *   salesCloseAt: string | null, closedAt: string | null, maxPerOrder: number | null,
 *   maxPerCustomer: number | null, waitlistLimit: number | null, waitlistMode: "book" | "offer",
 *   offerSeconds: number, holdSeconds: number, maxHoldSeconds: number}} Status
 *
 * @typedef {{status: Status, rate: Rate, isWatched: boolean, second: number}} Entry
 * `isWatched`: nothing was missed since the status; `second`: of when that was seen.
 */

export class Store {
  constructor() {
    /** @type {Map<string, Entry>} */
    this.entries = new Map();
    /** @type {Map<string, Set<(entry: Entry) => void>>} */
    this.shown = new Map();
    /** @type {Set<string>} */
    this.changed = new Set();
    this.frame = 0;
    this.isWatching = false;
    everySecond(() => this.tick());
  }

  /**
   * A status, from wherever. An older one than is known is dropped, unless a new connection begins with it.
   * @param {Status} status
   * @param {{begins?: boolean, isPolled?: boolean}} [how]
   */
  put(status, { begins = false, isPolled = false } = {}) {
    const entry = this.entries.get(status.eventId) ?? this.#added(status);
    if (status.version < entry.status.version && !begins) return;
    entry.rate.advance(this.isWatching && entry.isWatched);
    const more = status.bookedTickets - entry.status.bookedTickets;
    if (more && entry.isWatched) entry.rate.add(more, isPolled ? thisSecond() - entry.second : 1);
    entry.status = status;
    entry.isWatched = this.isWatching;
    entry.second = thisSecond();
    this.#tell(status.eventId);
  }

  /** @param {Status} status */
  #added(status) {
    const entry = { status, rate: new Rate(), isWatched: false, second: thisSecond() };
    this.entries.set(status.eventId, entry);
    return entry;
  }

  /**
   * Whether statuses come in by themselves from now on.
   * @param {boolean} isWatching
   */
  watching(isWatching) {
    this.isWatching = isWatching;
    if (!isWatching) for (const entry of this.entries.values()) entry.isWatched = false;
  }

  /**
   * Show an event: called back with it at once, if it is known, and then whenever it has changed.
   * Returns how to end that.
   * @param {string} eventId
   * @param {(entry: Entry) => void} callback
   */
  show(eventId, callback) {
    const callbacks = this.shown.get(eventId) ?? new Set();
    this.shown.set(eventId, callbacks.add(callback));
    const entry = this.entries.get(eventId);
    if (entry) callback(entry);
    return () => {
      callbacks.delete(callback);
      if (!callbacks.size) this.shown.delete(eventId);
    };
  }

  /** @param {string} eventId */
  #tell(eventId) {
    if (!this.shown.has(eventId)) return;
    this.changed.add(eventId);
    this.frame ||= requestAnimationFrame(() => this.#render()); // in a hidden tab, once that is looked at
  }

  #render() {
    this.frame = 0;
    const changed = [...this.changed];
    this.changed.clear();
    for (const eventId of changed) {
      const entry = this.entries.get(eventId);
      if (entry) for (const callback of this.shown.get(eventId) ?? []) callback(entry);
    }
  }

  /** Time passes: for the rates of sale. */
  tick() {
    for (const eventId of this.shown.keys()) {
      const entry = this.entries.get(eventId);
      entry?.rate.advance(this.isWatching && entry.isWatched);
    }
  }
}
