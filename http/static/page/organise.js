// What organisers do with an event: change it, and end its sale.

import { el, partsOf, say } from "./dom.js";
import { Attempt, onSubmit } from "./forms.js";
import { count } from "./format.js";
import { fill, fillTerms, termsFields, termsOf } from "./terms.js";

/** @typedef {import("./store.js").Status} Status */

const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("close-dialog"));
const inDialog = partsOf(dialog);

/** @type {Organise | null} */
let ending = null;

export class Organise {
  /**
   * @param {import("./app.js").App} app
   * @param {string} eventId
   * @param {Record<string, any>} part
   */
  constructor(app, eventId, part) {
    this.app = app;
    this.eventId = eventId;
    this.part = part;
    /** The status that the fields were filled from. @type {Status | null} */
    this.filled = null;
    /** @type {Status | null} */
    this.status = null;
    this.changing = new Attempt();
    this.closing = new Attempt();
    part.adjustTerms.append(termsFields());
    part.organise.addEventListener("toggle", () => part.organise.open && this.#fill(true));
    part.close.addEventListener("click", () => this.#askToClose());
    onSubmit(part.adjust, part.adjustOutcome, (values) => this.#adjust(values));
  }

  /** @param {Status} status */
  show(status) {
    this.status = status;
    this.part.close.hidden = status.state === "closed" && status.closedAt !== null;
    if (this.part.organise.open) this.#fill(true); // others may change it, too
  }

  /** @param {boolean} [keep] what somebody has typed in */
  #fill(keep = false) {
    const form = /** @type {HTMLFormElement} */ (this.part.adjust);
    if (!this.status) return;
    this.filled = this.status;
    fill(/** @type {HTMLInputElement} */ (form.elements.namedItem("eventName")), this.status.eventName, keep);
    fill(/** @type {HTMLInputElement} */ (form.elements.namedItem("totalTickets")), String(this.status.totalTickets), keep);
    fillTerms(form, this.status, keep);
  }

  /** Only what was changed is sent: the rest may have become something else. @param {FormData} values */
  async #adjust(values) {
    const wanted = { eventName: values.get("eventName"), totalTickets: Number(values.get("totalTickets")), ...termsOf(values) };
    const known = /** @type {Record<string, any>} */ (this.filled ?? {});
    const changed = Object.entries(wanted).filter(([name, value]) => !isSame(value, known[name]));
    if (!changed.length) return this.#tell("Nothing to change.");
    const { body } = await this.changing.send("/adjust", { eventId: this.eventId, ...Object.fromEntries(changed) });
    const { promoted, promotedCount, ...status } = body;
    this.app.store.put(status);
    this.status = status;
    this.#fill();
    this.#tell(promotedCount ? `Changed; ${count(promotedCount, "order")} in line got tickets.` : "Changed.");
  }

  /** @param {string} text */
  #tell(text) {
    this.part.adjustOutcome.replaceChildren(el("p", { class: "done", text }));
    say(text);
  }

  #askToClose() {
    ending = this;
    const waiting = this.status?.waitingListCount ?? 0;
    inDialog.outcome.replaceChildren();
    const line = waiting ? ` ${count(waiting, "order")} in line will get none.` : "";
    inDialog.text.replaceChildren("“", el("bdi", { text: this.status?.eventName }), `” will sell no more tickets.${line} This cannot be undone.`);
    dialog.showModal();
    inDialog.cancel.focus();
  }

  async close() {
    const { body } = await this.closing.send("/close", { eventId: this.eventId });
    this.app.store.put(body);
    dialog.close();
    /** @type {HTMLElement | null} */ (document.querySelector("main h1"))?.focus(); // its button is gone
    say("The sale has ended.");
  }
}

/** A time may be written in several ways. @param {any} a @param {any} b */
function isSame(a, b) {
  return a === b || (typeof a === "string" && typeof b === "string" && Math.floor(Date.parse(a) / 1000) === Math.floor(Date.parse(b) / 1000));
}

inDialog.cancel.addEventListener("click", () => dialog.close());
onSubmit(inDialog.form, inDialog.outcome, async () => ending?.close());
