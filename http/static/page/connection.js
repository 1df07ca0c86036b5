// What the page says about its connection: a word in the head, and, when the numbers are not live, how old they are.

import { everySecond } from "./clock.js";
import { mark, say, write } from "./dom.js";
import { duration } from "./format.js";

/** @typedef {import("./live.js").Live} Live */

const WORDS = { connecting: "Connecting", live: "Live", reconnecting: "Reconnecting", polling: "Polling", offline: "Offline", locked: "Locked" };
const SAID = {
  live: "Live again.",
  reconnecting: "The connection is lost. Reconnecting.",
  polling: "No live connection: the numbers are asked for every two seconds.",
  offline: "This device is offline.",
};
const PATIENCE_S = 2; // a connection that is back by then was not worth a word

const box = /** @type {HTMLElement} */ (document.getElementById("connection"));
const text = /** @type {HTMLElement} */ (document.getElementById("connection-text"));
const notice = /** @type {HTMLElement} */ (document.getElementById("notice"));
const noticeText = /** @type {HTMLElement} */ (document.getElementById("notice-text"));
const button = /** @type {HTMLElement} */ (document.getElementById("notice-button"));

export class Connection {
  /** @param {Live} live */
  constructor(live) {
    this.live = live;
    this.since = Date.now();
    this.wasSaid = "live";
    button.addEventListener("click", () => live.retry());
    everySecond(() => this.#show());
    this.enter(live.state);
  }

  /** @param {import("./live.js").State} state */
  enter(state) {
    this.since = Date.now();
    mark(box, "data-state", state);
    write(text, WORDS[state]);
    this.#show();
  }

  #show() {
    const { state, freshAt, retryAt } = this.live;
    const age = Math.max(0, Math.round((Date.now() - freshAt) / 1000));
    const lasted = (Date.now() - this.since) / 1000;
    const isStale = ["reconnecting", "offline"].includes(state) || (state === "connecting" && lasted > PATIENCE_S);
    const isTold = isStale && (lasted >= PATIENCE_S || !notice.hidden);
    document.documentElement.dataset.stale = String(isTold && state !== "connecting");
    notice.hidden = !isTold;
    if (isTold) write(noticeText, `${sentence(state, age)} ${state === "offline" ? "" : next(retryAt)}`.trim());
    if (isTold || state === "live" || state === "polling") this.#say(state);
  }

  /** @param {import("./live.js").State} state */
  #say(state) {
    if (state === this.wasSaid || !(state in SAID)) return;
    this.wasSaid = state;
    say(SAID[/** @type {"live"} */ (state)]);
  }
}

/** @param {string} state @param {number} age */
function sentence(state, age) {
  if (state === "connecting") return "The box office does not answer yet.";
  const old = `These numbers are ${duration(age)} old.`;
  return state === "offline" ? `This device is offline. ${old}` : `Connection lost. ${old}`;
}

/** @param {number} retryAt */
function next(retryAt) {
  const rest = Math.ceil((retryAt - Date.now()) / 1000);
  return rest > 0 ? `Next try in ${duration(rest)}.` : "Trying…";
}
