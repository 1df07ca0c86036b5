// Finding orders that were not made in this tab: by id or by customer; and cancelling them by either.

import { get, Problem } from "./api.js";
import { el, say } from "./dom.js";
import { Attempt, onSubmit } from "./forms.js";
import { count } from "./format.js";

const ORDER_ID = /^[1-9][0-9]{0,18}-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const FOUND_MAX = 20;

export class FindForm {
  /**
   * @param {import("./app.js").App} app
   * @param {string} eventId
   * @param {Record<string, any>} part
   */
  constructor(app, eventId, part) {
    this.app = app;
    this.eventId = eventId;
    this.outcome = part.findOutcome;
    this.attempt = new Attempt();
    onSubmit(part.find, part.findOutcome, (values, action) => {
      const wanted = String(values.get("wanted")).trim();
      return action === "cancel" ? this.#cancel(wanted) : this.#find(wanted);
    });
  }

  /** @param {string} wanted */
  async #find(wanted) {
    const byId = ORDER_ID.test(wanted);
    const customer = `/orders?eventId=${this.eventId}&userId=${encodeURIComponent(wanted)}&limit=${FOUND_MAX}`;
    const found = byId ? [await get(`/orders/${wanted}`)] : (await get(customer)).items;
    if (!found.length) throw new Problem({ title: "Nothing found", detail: `There is no order of “${wanted}” here.` });
    for (const order of found) this.app.orders.add(order);
    const elsewhere = found.some((/** @type {any} */ order) => order.eventId !== this.eventId);
    this.#tell(elsewhere ? "It is an order for another event, and stands there." : `${count(found.length, "order")} found.`);
  }

  /** @param {string} wanted */
  async #cancel(wanted) {
    const which = ORDER_ID.test(wanted) ? { orderId: wanted } : { eventId: this.eventId, userId: wanted };
    try {
      const { body } = await this.attempt.send("/cancel", which);
      this.app.orders.add(body);
      this.#tell(`Cancelled: ${count(body.cancelledQuantity, "ticket")} of ${body.userId}.`);
    } catch (problem) {
      if (problem instanceof Problem && problem.code === "ambiguous_order") await this.#find(wanted); // so that one can choose
      throw problem;
    }
  }

  /** @param {string} text */
  #tell(text) {
    this.outcome.replaceChildren(el("p", { class: "done", text }));
    say(text);
  }
}
