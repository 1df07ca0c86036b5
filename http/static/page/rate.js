// How fast an event sells: tickets booked in each of the last seconds, as far as they were watched.

export const SECONDS = 120;

export const thisSecond = () => Math.floor(performance.now() / 1000);

export class Rate {
  constructor() {
    /** Tickets in each second, the present one last; null where nobody watched. @type {(number | null)[]} */
    this.counts = new Array(SECONDS).fill(null);
    this.second = thisSecond();
  }

  /**
   * Go on to the present second. `known`: nothing can have been missed since.
   * @param {boolean} known
   */
  advance(known) {
    const now = thisSecond();
    const steps = Math.min(now - this.second, SECONDS);
    this.second = now;
    if (steps <= 0) return;
    this.counts.splice(0, steps);
    for (let i = 0; i < steps; i++) this.counts.push(known ? 0 : null);
  }

  /**
   * So many more are booked than were `over` seconds ago.
   * @param {number} tickets
   * @param {number} over
   */
  add(tickets, over) {
    const last = SECONDS - 1;
    const seconds = Math.max(1, Math.min(over, SECONDS));
    for (let i = 0; i < seconds; i++) this.counts[last - i] = (this.counts[last - i] ?? 0) + tickets / seconds;
  }

  /** Tickets a second over the last 5 whole seconds that were watched. */
  get perSecond() {
    const lately = this.counts.slice(-6, -1).filter((count) => count !== null);
    return lately.length ? Math.max(0, lately.reduce((a, b) => a + b, 0) / lately.length) : 0;
  }

  get isQuiet() {
    return this.counts.every((count) => !count);
  }
}
