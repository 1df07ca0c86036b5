// The page of one event: its numbers, its rate of sale, its log, its terms, and the forms that belong to it.

import { get, Problem } from "./api.js";
import { Bar } from "./bar.js";
import { BuyForm } from "./buy.js";
import { Chart } from "./chart.js";
import { everySecond } from "./clock.js";
import { copyOf, el, mark, write } from "./dom.js";
import { number, paceText } from "./format.js";
import { Log } from "./log.js";
import { lockedView } from "./locked.js";
import { OrderList } from "./order_cards.js";
import { Organise } from "./organise.js";
import { FindForm } from "./find.js";
import { problemView } from "./problem.js";
import { chipText, leadText, lineText, stateOf, stubTexts } from "./state.js";
import { termsList } from "./terms.js";

export class EventPage {
  /**
   * @param {import("./app.js").App} app
   * @param {string} eventId
   */
  constructor(app, eventId) {
    this.app = app;
    this.eventId = eventId;
    const { root, part } = copyOf("t-event");
    this.root = root;
    this.part = part;
    this.bar = new Bar(part.bar);
    this.chart = new Chart(part.chart, () => app.store.entries.get(eventId)?.rate, true);
    this.log = new Log(eventId, /** @type {any} */ (part));
    this.buy = new BuyForm(app, eventId, part);
    this.find = new FindForm(app, eventId, part);
    this.organise = new Organise(app, eventId, part);
    this.orders = new OrderList(part.orders, app.orders, (order) => order.eventId === eventId, () => null,
      (count) => (part.noOrders.hidden = count > 0));
    part.terms.addEventListener("toggle", () => this.#tick());
    this.isEnded = false;
    this.isFailed = false;
    this.stops = [
      app.store.show(eventId, (entry) => this.#show(entry.status)),
      everySecond(() => this.#tick()),
    ];
    app.watch([eventId]);
    void this.load();
  }

  get title() {
    const name = this.app.store.entries.get(this.eventId)?.status.eventName;
    return name ? `${name} · Box office` : "Box office";
  }

  /** The first status need not come by the socket: there may be none. */
  async load() {
    try {
      this.app.store.put(await get(`/status/${encodeURIComponent(this.eventId)}`));
      if (!this.isEnded) this.app.reached();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (this.isEnded) return;
      if (problem.isNoAnswer) this.app.unreachable();
      if (problem.isLocked) this.app.lock();
      else if (!this.app.store.entries.has(this.eventId)) this.#fail(problem);
    }
  }

  /** @param {import("./store.js").Status} status */
  #show(status) {
    const { part } = this;
    mark(this.root, "data-state", stateOf(status));
    if (part.name.textContent !== status.eventName) {
      write(part.name, status.eventName);
      this.app.retitle();
    }
    this.bar.show(status);
    write(part.booked, number(status.bookedTickets));
    write(part.held, number(status.heldTickets));
    write(part.offered, number(status.offeredTickets));
    write(part.available, number(status.availableTickets));
    write(part.line, lineText(status));
    part.pace.hidden = status.state === "closed";
    const [big, small] = stubTexts(status);
    write(part.big, big);
    write(part.small, small);
    mark(part.big, "data-long", String(big.length > 5));
    this.#showState(status);
    this.#showTerms(status);
    this.buy.show(status);
    this.organise.show(status);
    this.log.announce(status.version);
  }

  /** What changes with time as well. @param {import("./store.js").Status} status */
  #showState(status) {
    write(this.part.chip, chipText(status));
    write(this.part.lead, leadText(status));
  }

  shownTerms = "";

  /** @param {import("./store.js").Status} status */
  #showTerms(status) {
    const rows = this.part.terms.open ? termsList(status) : [];
    const shown = rows.map((row) => row.textContent).join();
    if (shown === this.shownTerms) return;
    this.shownTerms = shown;
    this.part.termsList.replaceChildren(...rows);
  }

  #tick() {
    const entry = this.app.store.entries.get(this.eventId);
    if (!entry) return;
    const pace = entry.rate.perSecond;
    write(this.part.rate, paceText(pace));
    mark(this.part.chart, "aria-label", `Rate of sale: ${paceText(pace)} lately`);
    this.#showState(entry.status);
    this.#showTerms(entry.status);
    this.buy.tick();
  }

  rekey() {
    this.log.begin();
    void this.load();
  }

  /** Nothing is shown without a key. */
  lock() {
    this.root.replaceChildren(lockedView());
  }

  /** @param {Problem} problem */
  #fail(problem) {
    this.isFailed = true;
    const isGone = problem.code === "event_not_found";
    const box = el("div", { class: "instead" }, el("h1", { tabindex: "-1", text: isGone ? "There is no such event" : "This event cannot be shown" }),
      isGone ? el("p", { text: "Nothing here has this number. Its address may be another box office's." }) : problemView(problem, () => void this.app.route()), el("p", {}, el("a", { href: "#/", text: "← All events" })));
    this.root.replaceChildren(box);
  }

  destroy() {
    this.isEnded = true;
    for (const stop of this.stops) stop();
    this.orders.destroy();
    this.chart.destroy();
    this.log.destroy();
  }
}
