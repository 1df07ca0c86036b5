// Booking and holding: one form with two buttons. What comes of it is a card among one's orders.

import { say } from "./dom.js";
import { write } from "./dom.js";
import { Attempt, onSubmit } from "./forms.js";
import { count, duration, left, ordinal, time } from "./format.js";
import { stateOf } from "./state.js";

const NAME = "boxoffice.customer";

export class BuyForm {
  /**
   * @param {import("./app.js").App} app
   * @param {string} eventId
   * @param {Record<string, any>} part
   */
  constructor(app, eventId, part) {
    this.app = app;
    this.eventId = eventId;
    this.part = part;
    this.attempt = new Attempt();
    /** @type {import("./store.js").Status | null} */
    this.status = null;
    const form = /** @type {HTMLFormElement} */ (part.buy);
    this.quantity = /** @type {HTMLInputElement} */ (form.elements.namedItem("quantity"));
    const user = /** @type {HTMLInputElement} */ (form.elements.namedItem("userId"));
    user.value = remembered();
    part.less.addEventListener("click", () => this.#step(-1));
    part.more.addEventListener("click", () => this.#step(1));
    for (const each of [this.quantity, form.elements.namedItem("waitlist")]) {
      /** @type {HTMLElement} */ (each).addEventListener("input", () => this.#name());
    }
    onSubmit(form, part.buyOutcome, (values, action) => this.#send(values, action));
  }

  /** @param {number} by */
  #step(by) {
    const max = Number(this.quantity.max);
    this.quantity.value = String(Math.min(max, Math.max(1, (Number(this.quantity.value) || 1) + by)));
    this.#name();
  }

  /**
   * @param {FormData} values
   * @param {string} action
   */
  async #send(values, action) {
    const userId = String(values.get("userId"));
    remember(userId);
    const body = { eventId: this.eventId, userId, quantity: Number(values.get("quantity")), waitlist: values.has("waitlist") };
    const { body: order } = await this.attempt.send(action === "hold" ? "/hold" : "/book", body);
    this.app.orders.add(order);
    say(outcome(order));
    this.quantity.value = "1";
    this.#name();
  }

  /** @param {import("./store.js").Status} status */
  show(status) {
    this.status = status;
    this.quantity.max = String(Math.min(status.maxPerOrder ?? 1000, status.totalTickets, 1000));
    this.part.buyFields.disabled = status.state !== "open";
    this.part.buyFields.hidden = status.state === "closed";
    this.#name();
    this.tick();
  }

  /** The buttons say what they will do, as things stand. */
  #name() {
    const { status, part } = this;
    if (!status) return;
    const waits = !["open"].includes(stateOf(status)) || Number(this.quantity.value) > status.availableTickets;
    const mayWait = part.buy.elements.namedItem("waitlist").checked;
    const joins = status.state === "open" && waits && mayWait;
    write(part.book, joins ? "Join the line" : "Book");
    write(part.hold, `Hold for ${duration(status.holdSeconds)}`);
    part.hold.hidden = joins;
  }

  tick() {
    const { status, part } = this;
    if (!status) return;
    part.buyHint.hidden = status.state === "open" && status.maxPerCustomer === null;
    if (status.state === "closed") write(part.buyHint, "The sale is over. What is held or offered may still be confirmed, and everything given back.");
    else if (status.state === "scheduled") write(part.buyHint, `Opens in ${left(status.salesOpenAt ?? "")}, at ${time(status.salesOpenAt ?? "")}.`);
    else write(part.buyHint, `At most ${count(status.maxPerCustomer ?? 0, "ticket")} for one customer.`);
  }
}

/** @param {any} order */
function outcome(order) {
  const tickets = `${count(order.quantity, "ticket")} for ${order.userId}`;
  if (order.status === "confirmed") return `Booked: ${tickets}.`;
  if (order.status === "held") return `Held: ${tickets}, for ${left(order.expiresAt)}.`;
  return `In line for ${tickets}${order.position ? `: ${ordinal(order.position)}` : ""}.`;
}

function remembered() {
  try {
    return sessionStorage.getItem(NAME) ?? "";
  } catch {
    return "";
  }
}

/** @param {string} userId */
function remember(userId) {
  try {
    sessionStorage.setItem(NAME, userId);
  } catch {
    // then it is typed again
  }
}
