// The dialog that puts an event on sale.

import { partsOf, say } from "./dom.js";
import { Attempt, onSubmit } from "./forms.js";
import { termsFields, termsOf } from "./terms.js";

const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("event-dialog"));
const part = partsOf(dialog);
const attempt = new Attempt();

/** @type {import("./app.js").App | null} */
let opened = null;

/** What was typed in and not sent is still there. @param {import("./app.js").App} app */
export function openNewEvent(app) {
  opened = app;
  part.outcome.replaceChildren();
  dialog.showModal();
}

part.terms.append(termsFields());
part.cancel.addEventListener("click", () => dialog.close());
onSubmit(part.form, part.outcome, async (values) => {
  const asked = { eventName: values.get("eventName"), totalTickets: Number(values.get("totalTickets")), ...termsOf(values) };
  const { body } = await attempt.send("/initialize", asked);
  dialog.close();
  opened?.store.put(body);
  say(`${body.eventName} is ${body.state === "scheduled" ? "announced" : "on sale"}.`);
  part.form.reset();
  location.hash = `#/events/${body.eventId}`;
});
