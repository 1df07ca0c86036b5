// The dialog that asks for a key, tries it, and keeps it; and the button that shows which one is in use.

import { ask, Problem } from "./api.js";
import { el, partsOf, say, withCode } from "./dom.js";
import { isRemembered, key, keyName, onKeyChange, setKey } from "./key.js";
import { problemView } from "./problem.js";

const dialog = /** @type {HTMLDialogElement} */ (document.getElementById("key-dialog"));
const opener = /** @type {HTMLButtonElement} */ (document.getElementById("key-button"));
const part = partsOf(dialog);
const field = /** @type {HTMLInputElement} */ (part.form.elements.namedItem("token"));
const remember = /** @type {HTMLInputElement} */ (part.form.elements.namedItem("remember"));

/** @type {((given: boolean) => void) | null} */
let waiting = null;

/**
 * Ask whoever sits there for a key.
 * @param {string} [why]
 * @returns {Promise<boolean>} whether there is a new one now
 */
export function askForKey(why = "") {
  waiting?.(false);
  part.why.replaceChildren(...withCode(why));
  part.outcome.replaceChildren();
  part.forget.hidden = !key();
  field.value = "";
  remember.checked = isRemembered();
  if (!dialog.open) dialog.showModal();
  field.focus();
  return new Promise((resolve) => (waiting = resolve));
}

part.form.addEventListener("submit", async (/** @type {SubmitEvent} */ event) => {
  event.preventDefault();
  const token = field.value.trim();
  if (!token) return field.focus();
  try {
    await tried(token);
    setKey(token, remember.checked);
    dialog.close("used");
    say("The key is in use.");
  } catch (problem) {
    if (problem instanceof Problem) part.outcome.replaceChildren(problemView(problem));
    field.focus();
  }
});

/**
 * Whether the server takes a key: a Problem if not. What the key may not do is another matter.
 * @param {string} token
 */
async function tried(token) {
  if (!/^[\x21-\x7e]+$/.test(token)) throw new Problem({ title: "That is no key", detail: "A key has no spaces, and plain letters only." });
  try {
    await ask("GET", "/events?limit=1", undefined, undefined, token);
  } catch (problem) {
    if (!(problem instanceof Problem && problem.status === 403)) throw problem;
  }
}

part.cancel.addEventListener("click", () => dialog.close());
part.forget.addEventListener("click", () => {
  setKey(null);
  dialog.close();
  say("The key is forgotten.");
});
dialog.addEventListener("close", () => {
  waiting?.(dialog.returnValue === "used");
  waiting = null;
  dialog.returnValue = "";
  field.value = "";
});
opener.addEventListener("click", () => void askForKey());

function show() {
  const name = keyName();
  opener.replaceChildren(name ? el("span", {}, "Key ", el("code", { text: name })) : "Key");
  opener.dataset.on = String(name !== null);
}
onKeyChange(show);
show();
