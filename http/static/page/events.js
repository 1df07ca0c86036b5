// The page with all events: the newest first, a page at a time, each as a ticket; and what to do when there are none.

import { get, Problem } from "./api.js";
import { Bar } from "./bar.js";
import { Card } from "./card.js";
import { copyOf, el } from "./dom.js";
import { Attempt, perform } from "./forms.js";
import { lockedView } from "./locked.js";
import { openNewEvent } from "./new_event.js";
import { OrderList } from "./order_cards.js";
import { isUndecided } from "./orders.js";
import { problemView } from "./problem.js";

const PAGE = 24;
const ASK_EVERY_MS = 3_000;
const SAMPLE = { eventName: "Opening night", totalTickets: 50, maxPerCustomer: 6 };

export class EventsPage {
  /**
   * @param {import("./app.js").App} app
   * @param {string} [cursor] where an older page begins
   */
  constructor(app, cursor) {
    this.app = app;
    this.cursor = cursor;
    const { root, part } = copyOf("t-events");
    this.root = root;
    this.part = part;
    /** @type {Map<string, Card>} */
    this.cards = new Map();
    this.isEnded = false;
    this.isFailed = false;
    this.wasShown = false;
    part.new.addEventListener("click", () => openNewEvent(app));
    this.orders = new OrderList(part.orders, app.orders, isUndecided,
      (id) => app.store.entries.get(id)?.status.eventName ?? `Event ${id}`, (count) => (part.mine.hidden = !count));
    this.onVisible = () => !document.hidden && void this.load();
    document.addEventListener("visibilitychange", this.onVisible);
    this.timer = setInterval(() => !document.hidden && app.isReachable && void this.load(), ASK_EVERY_MS);
    this.part.list.append(...[1, 2].map(() => el("li", { class: "ticket waiting", "aria-hidden": "true" })));
    void this.load();
  }

  title = "Box office";
  asked = 0;
  answered = 0;

  /** Read the page of the list that is shown; what is new comes in at its place. */
  async load() {
    const turn = ++this.asked;
    try {
      const after = this.cursor ? `&cursor=${encodeURIComponent(this.cursor)}` : "";
      const found = await get(`/events?order=newest&limit=${PAGE}${after}`);
      if (this.isEnded || turn < this.answered) return; // a newer one came first
      this.answered = turn;
      for (const status of found.items) this.app.store.put(status);
      this.#show(found.items.map((/** @type {any} */ status) => status.eventId));
      this.#pages(found.next);
      this.app.reached();
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (!this.isEnded) this.#fail(problem);
    }
  }

  /** @param {string[]} ids */
  #show(ids) {
    const wanted = new Set(ids);
    for (const [id, card] of this.cards) {
      if (wanted.has(id)) continue;
      card.remove();
      this.cards.delete(id);
    }
    for (const waiting of this.part.list.querySelectorAll(".waiting")) waiting.remove();
    ids.forEach((id, i) => this.#place(id, i));
    this.part.legend.hidden = this.part.list.hidden = !ids.length;
    this.part.new.hidden = !ids.length && !this.cursor;
    this.#showInstead(ids.length ? "" : this.cursor ? "none" : "welcome");
    this.app.watch(ids);
    this.orders.update();
    this.wasShown = true;
  }

  /** What stands where no event does; not made anew, since somebody may be busy with it. @param {string} what */
  #showInstead(what) {
    const { instead } = this.part;
    if (instead.dataset.what === what) return;
    instead.dataset.what = what;
    if (what === "welcome") instead.replaceChildren(this.#welcome());
    else instead.replaceChildren(...(what ? [el("p", { text: "There are no older events." })] : []));
  }

  /** @param {string} id @param {number} i */
  #place(id, i) {
    const known = this.cards.get(id);
    const card = known ?? new Card(this.app.store, id);
    this.cards.set(id, card);
    if (!known && this.wasShown) card.root.classList.add("arrived");
    const there = this.part.list.children[i];
    if (there !== card.root) this.part.list.insertBefore(card.root, there ?? null);
  }

  /** @param {string | null} next */
  #pages(next) {
    const { pages, newest, older } = this.part;
    pages.hidden = !next && !this.cursor;
    newest.hidden = !this.cursor;
    older.hidden = !next;
    if (next) older.href = `#/older/${encodeURIComponent(next)}`;
  }

  /** Nothing is on sale: what this is, and how to begin. */
  #welcome() {
    const { root, part } = copyOf("t-welcome");
    const attempt = new Attempt();
    part.sample.addEventListener("click", () => void perform({ button: part.sample, outcome: part.outcome, run: async () => {
      const { body } = await attempt.send("/initialize", SAMPLE);
      this.app.store.put(body);
      location.hash = `#/events/${body.eventId}`;
    } }));
    part.own.addEventListener("click", () => openNewEvent(this.app));
    part.picture.append(picture());
    return root;
  }

  /** @param {Problem} problem */
  #fail(problem) {
    if (problem.isLocked) return this.app.lock();
    if (problem.isNoAnswer) this.app.unreachable();
    if (this.wasShown) return; // what was read stays; the connection says what it is worth
    this.#replace(problemView(problem, () => void this.load()));
  }

  rekey() {
    void this.load();
  }

  /** Nothing is shown without a key. */
  lock() {
    this.#replace(lockedView());
  }

  /** @param {HTMLElement} view */
  #replace(view) {
    for (const card of this.cards.values()) card.remove();
    this.cards.clear();
    this.wasShown = false;
    this.part.list.hidden = this.part.legend.hidden = this.part.new.hidden = this.part.mine.hidden = this.part.pages.hidden = true;
    this.part.instead.dataset.what = "problem";
    this.part.instead.replaceChildren(view);
  }

  destroy() {
    this.isEnded = true;
    clearInterval(this.timer);
    document.removeEventListener("visibilitychange", this.onVisible);
    this.orders.destroy();
    for (const card of this.cards.values()) card.remove();
  }
}

/** A ticket as it will look, for those who have not seen one. */
function picture() {
  const { root, part } = copyOf("t-card");
  const counts = { bookedTickets: 27, heldTickets: 6, offeredTickets: 5, availableTickets: 12, totalTickets: 50 };
  new Bar(part.bar).show(/** @type {any} */ (counts));
  root.dataset.state = "open";
  root.dataset.quiet = "true";
  part.chip.textContent = "On sale";
  part.name.replaceWith(SAMPLE.eventName);
  part.booked.textContent = "27";
  part.held.textContent = "6";
  part.offered.textContent = "5";
  part.waiting.textContent = "0";
  part.waitingBox.dataset.none = "true";
  part.big.textContent = "12";
  part.small.textContent = "left of 50";
  return el("ul", {}, root);
}
