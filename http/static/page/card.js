// An event in the list of all: a ticket, with what is left on its stub.

import { Bar } from "./bar.js";
import { Chart } from "./chart.js";
import { everySecond } from "./clock.js";
import { copyOf, mark, write } from "./dom.js";
import { number, rate } from "./format.js";
import { chipText, stateOf, stubTexts } from "./state.js";

export class Card {
  /**
   * @param {import("./store.js").Store} store
   * @param {string} eventId
   */
  constructor(store, eventId) {
    const { root, part } = copyOf("t-card");
    this.root = root;
    this.part = part;
    this.store = store;
    this.eventId = eventId;
    part.name.href = `#/events/${eventId}`;
    root.dataset.event = eventId;
    this.bar = new Bar(part.bar);
    this.chart = new Chart(part.spark, () => store.entries.get(eventId)?.rate);
    this.stops = [
      store.show(eventId, (entry) => this.#show(entry.status)),
      everySecond(() => this.#tick()),
    ];
  }

  /** @param {import("./store.js").Status} status */
  #show(status) {
    const { part } = this;
    write(part.name, status.eventName);
    mark(this.root, "data-state", stateOf(status));
    write(part.chip, chipText(status));
    this.bar.show(status);
    write(part.booked, number(status.bookedTickets));
    write(part.held, number(status.heldTickets));
    write(part.offered, number(status.offeredTickets));
    write(part.waiting, number(status.waitingListCount));
    mark(part.heldBox, "data-none", String(!status.heldTickets));
    mark(part.offeredBox, "data-none", String(!status.offeredTickets));
    mark(part.waitingBox, "data-none", String(!status.waitingListCount));
    const [big, small] = stubTexts(status);
    write(part.big, big);
    write(part.small, small);
    mark(part.big, "data-long", String(big.length > 5));
  }

  #tick() {
    const entry = this.store.entries.get(this.eventId);
    if (!entry) return;
    const pace = entry.rate.perSecond;
    write(this.part.rate, pace >= 0.05 ? `${rate(pace)}/s` : "");
    mark(this.root, "data-quiet", String(entry.rate.isQuiet));
    if (entry.status.state === "scheduled") write(this.part.chip, chipText(entry.status));
  }

  remove() {
    for (const stop of this.stops) stop();
    this.chart.destroy();
    this.root.remove();
  }
}
