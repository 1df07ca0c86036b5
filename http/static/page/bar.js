// The bar of an event: booked, held, offered, and what is left, each with a colour and a pattern of its own.
//
// Each layer is as wide as the bar and pushed to the left by a transform, so that moving it lays nothing out.

import { el, mark } from "./dom.js";
import { number } from "./format.js";

const LEAST = 0.016; // of the width, for whatever there is at all: one ticket of 10,000 is to be seen

export class Bar {
  /** @param {HTMLElement} root */
  constructor(root) {
    this.root = root;
    root.setAttribute("role", "img");
    this.layers = ["offered", "held", "booked"].map((name) => el("i", { class: `layer ${name}` }));
    root.append(...this.layers);
    this.shown = "";
  }

  /** @param {import("./store.js").Status} status */
  show(status) {
    const { bookedTickets, heldTickets, offeredTickets, availableTickets, totalTickets } = status;
    const counts = [bookedTickets, heldTickets, offeredTickets, availableTickets];
    const shown = `${counts}`;
    if (shown === this.shown) return;
    this.shown = shown;
    const [booked, held, offered] = shares(counts);
    const ends = [booked + held + offered, booked + held, booked];
    this.layers.forEach((layer, i) => (layer.style.transform = `translateX(${(ends[i] - 1) * 100}%)`));
    const [b, h, o, a] = counts.map(number);
    mark(this.root, "aria-label", `${b} booked, ${h} held, ${o} offered, ${a} available of ${number(totalTickets)}`);
  }
}

/**
 * How much of the width each has; whatever is not 0 can be seen.
 * @param {number[]} counts
 */
function shares(counts) {
  const whole = counts.reduce((a, b) => a + b, 0) || 1;
  const least = counts.map((count) => (count ? Math.max(LEAST, count / whole) : 0));
  const sum = least.reduce((a, b) => a + b, 0) || 1;
  return least.map((share) => share / sum);
}
