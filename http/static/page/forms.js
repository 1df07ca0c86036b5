// What all forms have in common: they look at the fields, send once, show that they wait, and what came of it.
//
// An attempt has one idempotency key for as long as its outcome is open, so nothing that is sent again, by the
// button or by "Ask again", can happen twice.

import { ask, newIdempotencyKey, Problem } from "./api.js";
import { el, say } from "./dom.js";
import { askForKey } from "./keyring.js";
import { fieldWording, problemView } from "./problem.js";

let ids = 0;

/** One thing that somebody wants done, until it is known what came of it. */
export class Attempt {
  constructor() {
    this.body = "";
    this.key = "";
  }

  /**
   * Send it; the same again if the last one with this body had no certain end.
   * @param {string} path
   * @param {object} body
   */
  async send(path, body) {
    const text = path + JSON.stringify(body);
    if (text !== this.body) this.key = newIdempotencyKey();
    this.body = text;
    try {
      const answer = await asked(path, body, this.key);
      this.body = "";
      return answer;
    } catch (problem) {
      if (!(problem instanceof Problem && problem.mayEndDifferently)) this.body = "";
      throw problem;
    }
  }
}

/**
 * Ask; if that takes a key, ask for one, and then again.
 * @param {string} path
 * @param {object} body
 * @param {string} idempotencyKey
 */
async function asked(path, body, idempotencyKey) {
  try {
    return await ask("POST", path, body, idempotencyKey);
  } catch (problem) {
    const isLocked = problem instanceof Problem && problem.status === 401;
    if (!isLocked || !(await askForKey(problem.detail))) throw problem;
    return ask("POST", path, body, idempotencyKey);
  }
}

/**
 * Do something, showing by the button that it is under way, and beside it what is wrong if it fails.
 * @param {{button: HTMLElement, outcome: HTMLElement, form?: HTMLFormElement, run: () => Promise<void>}} what
 */
export async function perform({ button, outcome, form, run }) {
  if (button.ariaBusy === "true") return;
  outcome.replaceChildren();
  if (form) clearErrors(form);
  button.ariaBusy = "true";
  try {
    await run();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    const isPlaced = form !== undefined && showErrors(form, problem.errors);
    outcome.replaceChildren(problemView(problem, () => void perform({ button, outcome, form, run })));
    if (!isPlaced) say(`${problem.title}. ${outcome.querySelector("p")?.textContent ?? ""}`);
  } finally {
    button.ariaBusy = "false";
  }
}

/**
 * When a form is sent: its fields are looked at, then `run` does what the pressed button stands for.
 * @param {HTMLFormElement} form
 * @param {HTMLElement} outcome
 * @param {(values: FormData, action: string) => Promise<void>} run
 */
export function onSubmit(form, outcome, run) {
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const button = /** @type {HTMLButtonElement} */ (event.submitter ?? form.querySelector("[type=submit]"));
    outcome.replaceChildren();
    if (!check(form)) return;
    const values = new FormData(form);
    void perform({ button, outcome, form, run: () => run(values, button.value) });
  });
}

// --- fields ----------------------------------------------------------------------------------------

/** @param {HTMLFormElement} form */
function check(form) {
  clearErrors(form);
  const wrong = [...form.elements].filter((each) => each instanceof HTMLInputElement && !each.validity.valid);
  for (const each of /** @type {HTMLInputElement[]} */ (wrong)) showError(each, each.validationMessage);
  /** @type {HTMLElement | undefined} */ (wrong[0])?.focus();
  return !wrong.length;
}

/**
 * @param {HTMLFormElement} form
 * @param {{pointer: string, detail: string}[]} errors
 * @returns {boolean} whether one of them has a field
 */
function showErrors(form, errors) {
  let first = null;
  for (const { pointer, detail } of errors) {
    const field = form.elements.namedItem(pointer.slice(1));
    if (!(field instanceof HTMLInputElement)) continue;
    showError(field, fieldWording(detail));
    first ??= field;
  }
  first?.focus();
  return first !== null;
}

/**
 * @param {HTMLInputElement} field
 * @param {string} text
 */
function showError(field, text) {
  const id = `error-${++ids}`;
  field.setAttribute("aria-invalid", "true");
  field.setAttribute("aria-describedby", id);
  const box = field.closest(".pair") ?? field.closest(".field") ?? field;
  box.after(el("p", { class: "field-error", id, text }));
  field.closest("details")?.setAttribute("open", "");
}

/** @param {HTMLFormElement} form */
function clearErrors(form) {
  for (const each of form.querySelectorAll(".field-error")) each.remove();
  for (const each of form.querySelectorAll("[aria-invalid]")) {
    each.removeAttribute("aria-invalid");
    each.removeAttribute("aria-describedby");
  }
}
