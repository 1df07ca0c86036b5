// The parts that every page shares, and which page is shown: `#/`, `#/older/<cursor>`, `#/events/<id>`.

import { Connection } from "./connection.js";
import { EventPage } from "./event.js";
import { EventsPage } from "./events.js";
import { onKeyChange } from "./key.js";
import { Live } from "./live.js";
import { Orders } from "./orders.js";
import { Store } from "./store.js";

const main = /** @type {HTMLElement} */ (document.getElementById("main"));
const toEvents = /** @type {HTMLElement} */ (document.getElementById("nav-events"));

export class App {
  constructor() {
    this.store = new Store();
    /** @type {EventPage | EventsPage | null} */
    this.page = null;
    this.isReachable = true;
    this.live = new Live({
      status: (status, how) => this.store.put(status, how),
      order: (order) => this.orders.hear(order),
      problem: (message) => message.orderId && this.orders.lose(message.orderId),
      state: (state) => this.#enter(state),
      newest: (eventId) => this.store.entries.get(eventId)?.status.version ?? Infinity,
    });
    this.orders = new Orders(this.live);
    this.connection = new Connection(this.live);
    addEventListener("hashchange", () => this.route(true));
    onKeyChange(() => this.#unlock());
    this.route();
  }

  /** Show the page that the address names. @param {boolean} [byHand] whoever sits there went there */
  route(byHand = false) {
    const [, where = "", what = ""] = location.hash.split("/");
    this.page?.destroy();
    this.page = where === "events" && what ? new EventPage(this, decoded(what)) : new EventsPage(this, where === "older" ? decoded(what) : undefined);
    main.replaceChildren(this.page.root);
    if (where === "events") toEvents.removeAttribute("aria-current");
    else toEvents.setAttribute("aria-current", "page");
    this.retitle();
    if (!byHand) return;
    scrollTo(0, 0);
    /** @type {HTMLElement | null} */ (main.querySelector("h1"))?.focus({ preventScroll: true });
  }

  retitle() {
    if (this.page) document.title = this.page.title;
  }

  /** @param {Iterable<string>} eventIds */
  watch(eventIds) {
    this.live.watch(eventIds);
  }

  /** The server has answered somebody: also where it is open to all, in a box office that is not. */
  reached() {
    this.isReachable = true;
    if (this.live.state === "locked") this.live.lock(false);
    this.live.begin();
  }

  /** Nothing may be read; a page that is opened then is told, too. */
  lock() {
    if (this.live.state === "locked") this.page?.lock();
    else this.live.lock(true);
  }

  unreachable() {
    this.live.begin();
    this.live.suspect();
  }

  /** @param {import("./live.js").State} state */
  #enter(state) {
    this.isReachable = state === "live" || state === "polling";
    this.store.watching(this.isReachable);
    this.connection?.enter(state);
    if (state === "locked") this.page?.lock();
    if (state !== "live") return;
    if (this.page instanceof EventsPage) void this.page.load();
    else if (this.page?.isFailed) this.route();
  }

  /** There is another key, or none: everything is asked anew. What is shown stays, with what is typed in and under way. */
  #unlock() {
    const isShown = this.live.state !== "locked" && !this.page?.isFailed;
    this.live.lock(false);
    if (isShown) return this.page?.rekey();
    this.store.entries.clear();
    this.route();
  }
}

/** @param {string} text */
function decoded(text) {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
