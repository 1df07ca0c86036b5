// Orders as cards: where each stands, how long it lasts, and what may be done with it.

import { everySecond } from "./clock.js";
import { copyOf, mark, say, write } from "./dom.js";
import { Attempt, onSubmit, perform } from "./forms.js";
import { count, left, number, ordinal, secondsLeft, shortId, time } from "./format.js";

/** @typedef {import("./orders.js").Order} Order */
/** @typedef {import("./orders.js").Orders} Orders */

export class OrderList {
  /**
   * @param {HTMLElement} root
   * @param {Orders} orders
   * @param {(order: Order) => boolean} isWanted
   * @param {(eventId: string) => string | null} nameOf of an event, where it is to be shown
   * @param {(count: number) => void} counted
   */
  constructor(root, orders, isWanted, nameOf, counted) {
    this.root = root;
    this.orders = orders;
    this.isWanted = isWanted;
    this.nameOf = nameOf;
    this.counted = counted;
    /** @type {Map<string, OrderCard>} */
    this.cards = new Map();
    this.update = () => this.#show();
    orders.shown.add(this.update);
    this.stopTicking = everySecond(() => this.#tick());
    this.#show();
  }

  #show() {
    const wanted = [...this.orders.all.values()].filter(this.isWanted).reverse();
    const ids = new Set(wanted.map((order) => order.orderId));
    let left = -1;
    for (const [id, card] of this.cards) {
      if (ids.has(id)) continue;
      if (card.root.contains(document.activeElement)) left = [...this.root.children].indexOf(card.root);
      card.root.remove();
      this.cards.delete(id);
    }
    wanted.forEach((order, i) => {
      const card = this.cards.get(order.orderId) ?? new OrderCard(this.orders, this.nameOf(order.eventId));
      this.cards.set(order.orderId, card);
      card.show(order);
      if (this.root.children[i] !== card.root) this.root.insertBefore(card.root, this.root.children[i] ?? null);
    });
    this.counted(wanted.length);
    if (left >= 0) this.#refocus(left);
  }

  /** The card with the focus is gone: it goes to the next one, or to the title. @param {number} i */
  #refocus(i) {
    const next = this.root.children[Math.min(i, this.root.children.length - 1)];
    const title = this.root.closest("section:not([hidden])")?.querySelector("h2") ?? document.querySelector("main h1");
    const target = next?.querySelector("[data-part=dismiss]:not([hidden])") ?? title;
    /** @type {HTMLElement | null | undefined} */ (target)?.focus();
  }

  #tick() {
    for (const card of this.cards.values()) card.tick();
  }

  destroy() {
    this.orders.shown.delete(this.update);
    this.stopTicking();
  }
}

const WORDS = { confirmed: "Booked", held: "Held", offered: "Offered", waitlisted: "In line", cancelled: "Cancelled", expired: "Lapsed" };
const CANCELS = { confirmed: "Give back", held: "Let go", offered: "Decline", waitlisted: "Leave the line" };

class OrderCard {
  /**
   * @param {Orders} orders
   * @param {string | null} eventName
   */
  constructor(orders, eventName) {
    const { root, part } = copyOf("t-order");
    this.root = root;
    this.part = part;
    this.orders = orders;
    this.eventName = eventName;
    /** @type {Order | null} */
    this.order = null;
    this.attempt = new Attempt();
    part.confirm.addEventListener("click", () => this.#do(part.confirm, "/confirm", {}, "Confirmed."));
    part.extend.addEventListener("click", () => this.#do(part.extend, "/extend", {}, "Held for longer."));
    part.cancel.addEventListener("click", () => this.#ask(part.giving.hidden));
    part.keep.addEventListener("click", () => this.#ask(false));
    part.giving.addEventListener("keydown", (/** @type {KeyboardEvent} */ event) => event.key === "Escape" && this.#ask(false));
    onSubmit(part.giving, part.outcome, (values) => this.#cancel(Number(values.get("quantity"))));
    part.dismiss.addEventListener("click", () => this.order && orders.dismiss(this.order.orderId));
  }

  /** What is given back is gone: so that is asked first, and how many. @param {boolean} isAsked */
  #ask(isAsked) {
    const { part, order } = this;
    if (!order) return;
    part.giving.hidden = !isAsked;
    part.cancel.setAttribute("aria-expanded", String(isAsked));
    part.part.max = part.part.value = String(order.quantity);
    part.partField.hidden = order.quantity < 2;
    write(part.partLabel, `How many of ${number(order.quantity)}?`);
    write(part.givingText, order.status === "waitlisted" ? "The place in line is lost." : order.quantity < 2 ? "It goes to whoever is next." : "They go to whoever is next.");
    if (isAsked) (order.quantity < 2 ? part.give : part.part).focus();
    else if (part.giving.contains(document.activeElement)) part.cancel.focus();
  }

  /** @param {number} quantity */
  async #cancel(quantity) {
    const isWhole = quantity >= (this.order?.quantity ?? 0);
    const { body } = await this.attempt.send("/cancel", { orderId: this.order?.orderId, ...(isWhole ? {} : { quantity }) });
    this.orders.add(body);
    this.#ask(false);
    this.#refocus();
    say(isWhole ? "Cancelled." : `${count(quantity, "ticket")} given back.`);
  }

  /**
   * @param {HTMLElement} button
   * @param {string} path
   * @param {object} more
   * @param {string} done
   */
  #do(button, path, more, done) {
    const orderId = this.order?.orderId;
    void perform({ button, outcome: this.part.outcome, run: async () => {
      const { body } = await this.attempt.send(path, { orderId, ...more });
      this.orders.add(body);
      this.#refocus();
      say(done);
    } });
  }

  /** What had the focus may be hidden now. */
  #refocus() {
    const at = document.activeElement;
    const isLost = !at || at === document.body || !at.getClientRects().length;
    if (isLost) this.part.buttons.querySelector("button:not([hidden])")?.focus();
  }

  /** @param {Order} order */
  show(order) {
    const { part, root } = this;
    const isNew = this.order?.status !== order.status;
    this.order = order;
    const status = order.isGone ? "expired" : order.status;
    mark(root, "data-status", status);
    if (isNew) stamp(part.word);
    write(part.word, order.isGone ? "Not found" : WORDS[status]);
    write(part.quantity, `× ${number(order.quantity)}`);
    write(part.who, order.userId);
    write(part.id, shortId(order.orderId));
    part.id.title = order.orderId;
    part.event.hidden = this.eventName === null;
    part.event.href = `#/events/${order.eventId}`;
    write(part.event, this.eventName ?? "");
    const settled = status === "cancelled" || status === "expired";
    part.confirm.hidden = status !== "held" && status !== "offered";
    write(part.confirm, status === "offered" ? "Accept" : "Confirm");
    part.extend.hidden = status !== "held";
    part.cancel.hidden = settled;
    if (settled) part.giving.hidden = true;
    part.dismiss.hidden = !settled && status !== "confirmed";
    if (!settled) {
      const gives = CANCELS[/** @type {"held"} */ (status)];
      write(part.cancel, `${gives}…`);
      write(part.give, gives);
    }
    this.tick();
  }

  /** What it says changes with time, too. */
  tick() {
    const order = this.order;
    if (!order) return;
    write(this.part.says, says(order));
    const rest = order.expiresAt ? secondsLeft(order.expiresAt) : 0;
    this.part.fuse.hidden = !order.expiresAt;
    this.part.burn.style.transform = `scaleX(${order.lasts ? Math.min(1, rest / order.lasts) : 0})`;
    mark(this.root, "data-hurry", String(Boolean(order.expiresAt) && rest < 60));
  }
}

/** @param {Order} order */
function says(order) {
  const until = order.expiresAt ? left(order.expiresAt) : "";
  const over = order.expiresAt && secondsLeft(order.expiresAt) === 0;
  if (order.isGone) return "The server does not know this order.";
  switch (order.status) {
    case "confirmed": return `Yours. Ordered at ${time(order.createdAt)}.`;
    case "held": return over ? "Time is up." : `${until} left to confirm.`;
    case "offered": return over ? "Time is up." : `Yours, if you accept within ${until}.`;
    case "waitlisted": return place(order);
    case "cancelled": return "Given up, for whoever is next.";
    case "expired": return "Not confirmed in time, and given back.";
  }
}

/** @param {Order} order */
function place(order) {
  if (!order.position) return "Waiting.";
  const now = order.position === 1 ? "Next in line" : `${ordinal(order.position)} in line`;
  return order.was && order.was > order.position ? `${now}, up from ${ordinal(order.was)}.` : `${now}.`;
}

/** @param {HTMLElement} word */
function stamp(word) {
  word.classList.remove("stamped");
  void word.offsetWidth; // begins the animation anew
  word.classList.add("stamped");
}

