// Making and finding elements. Whatever comes from people or from the server is put in as text, never as HTML.

/**
 * An element. `props` are attributes, but for `text` and for handlers (`onclick`, …); what is null, undefined or
 * false is left out.
 * @param {string} tag
 * @param {Record<string, any>} [props]
 * @param {...(Node | string)} children
 * @returns {any}
 */
export function el(tag, props = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(props)) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "text") made.textContent = value;
    else if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : String(value));
  }
  made.append(...children);
  return made;
}

/**
 * A copy of a template of `index.html`, and the elements in it that have a `data-part`, by its value.
 * @param {string} id
 * @returns {{root: HTMLElement, part: Record<string, any>}}
 */
export function copyOf(id) {
  const template = /** @type {HTMLTemplateElement} */ (document.getElementById(id));
  const root = /** @type {HTMLElement} */ (template.content.firstElementChild?.cloneNode(true));
  return { root, part: partsOf(root) };
}

/**
 * @param {HTMLElement} root
 * @returns {Record<string, any>}
 */
export function partsOf(root) {
  /** @type {Record<string, any>} */
  const part = {};
  for (const each of root.querySelectorAll("[data-part]")) {
    part[/** @type {HTMLElement} */ (each).dataset.part ?? ""] ??= each;
  }
  return part;
}

/**
 * Set the text only where it differs: what does not change is not laid out again.
 * @param {HTMLElement} element
 * @param {string} text
 */
export function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

/**
 * @param {HTMLElement} element
 * @param {string} name
 * @param {string} value
 */
export function mark(element, name, value) {
  if (element.getAttribute(name) !== value) element.setAttribute(name, value);
}

/**
 * Text of ours or of a problem, with what stands in `backticks` as code.
 * @param {string} text
 * @returns {(Node | string)[]}
 */
export function withCode(text) {
  return text.split("`").map((piece, i) => (i % 2 ? el("code", { text: piece }) : piece));
}

let silence = 0;

/**
 * Tell a screen reader: the outcome of one's own actions, and what became of the connection. Nothing else.
 * @param {string} text
 */
export function say(text) {
  const live = /** @type {HTMLElement} */ (document.getElementById("said"));
  live.textContent = "";
  clearTimeout(silence);
  silence = setTimeout(() => (live.textContent = text), 60); // a change is what is read, even of the same words
}
