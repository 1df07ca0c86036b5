// One connection for the tab: a WebSocket on /live that watches what is shown, and is made again when it breaks.
// Where none can be had, the numbers are asked for every 2 s. Never claims to be live when it is not.

import { ask, get, Problem } from "./api.js";
import { key } from "./key.js";

/** @typedef {"connecting" | "live" | "reconnecting" | "polling" | "offline" | "locked"} State */

const OPEN_TIMEOUT_MS = 8_000;
const POLL_EVERY_MS = 2_000;
const CHECK_EVERY_MS = 15_000;
const NEWEST_WITHIN_MS = 3_000; // the server promises a second
const FIRST_RETRY_MS = 400;
const RETRY_MAX_MS = 10_000;
const RETRY_IN_VAIN_MS = 30_000;
const EVENTS_MAX = 100;
const SHUTTING_DOWN = 1001;
const KEY_NO_LONGER_GOOD = 1008;

export class Live {
  /**
   * @param {{status: (status: any, how: {begins?: boolean, isPolled?: boolean}) => void,
   *   order: (order: any) => void, problem: (message: any) => void, state: (state: State) => void,
   *   newest: (eventId: string) => number}} tell `newest`: the version of an event that is known
   */
  constructor(tell) {
    this.tell = tell;
    /** @type {State} */
    this.state = "connecting";
    /** When the numbers were right for the last time, in ms; of no interest while live. */
    this.freshAt = Date.now();
    /** When it is tried again, in ms. */
    this.retryAt = 0;
    /** @type {WebSocket | null} */
    this.socket = null;
    this.wasLive = false;
    this.failures = 0;
    this.timer = 0;
    this.turn = 0;
    /** @type {{watch: Set<string>, watchOrder: Set<string>}} */
    this.wanted = { watch: new Set(), watchOrder: new Set() };
    /** @type {{watch: Set<string>, watchOrder: Set<string>}} */
    this.asked = { watch: new Set(), watchOrder: new Set() };
    /** @type {Set<string>} */
    this.begun = new Set();
    addEventListener("online", () => this.retry());
    addEventListener("offline", () => this.lost());
    addEventListener("pagehide", () => this.socket?.close());
    addEventListener("pageshow", (event) => event.persisted && this.retry());
    document.addEventListener("visibilitychange", () => {
      if (document.hidden || this.state === "locked") return;
      if (this.isLive) void this.#check(); // it may have died in its sleep
      else this.retry();
    });
    setInterval(() => void this.#check(), CHECK_EVERY_MS);
    setInterval(() => void this.#poll(), POLL_EVERY_MS);
  }

  /**
   * What to watch from now on, and nothing else.
   * @param {Iterable<string>} eventIds
   */
  watch(eventIds) {
    this.wanted.watch = new Set([...eventIds].slice(0, EVENTS_MAX));
    this.#askFor();
  }

  /** @param {Iterable<string>} orderIds */
  watchOrders(orderIds) {
    this.wanted.watchOrder = new Set([...orderIds].slice(0, EVENTS_MAX));
    this.#askFor();
  }

  /** Connect for the first time: the server has answered, or should have. */
  begin() {
    if (this.isBegun || this.state === "locked") return;
    this.isBegun = true;
    void this.#connect();
  }

  isBegun = false;

  /** Somebody got no answer: is the connection dead, and nobody has said so? */
  suspect() {
    if (this.isLive) this.lost();
  }

  /** Try at once. */
  retry() {
    this.isBegun = true;
    this.failures = 0;
    this.#close();
    void this.#connect();
  }

  /** Somebody has the key now, or it is needed. @param {boolean} locked */
  lock(locked) {
    this.#close();
    if (locked) this.#enter("locked");
    else if (this.state === "locked") this.#enter("connecting"), (this.isBegun = false);
    else void this.#connect();
  }

  // --- the socket ----------------------------------------------------------------------------------

  async #connect() {
    clearTimeout(this.timer);
    if (!navigator.onLine) return this.#enter("offline");
    if (this.state !== "polling") this.#enter(this.wasLive ? "reconnecting" : "connecting");
    const turn = ++this.turn;
    try {
      const address = await addressOf();
      if (turn === this.turn) this.#open(address);
    } catch (problem) {
      if (turn === this.turn) this.#failed(problem);
    }
  }

  /** @param {string} address */
  #open(address) {
    const socket = new WebSocket(address);
    this.socket = socket;
    const late = setTimeout(() => socket.close(), OPEN_TIMEOUT_MS);
    socket.onopen = () => {
      clearTimeout(late);
      if (socket !== this.socket) return;
      this.wasLive = true;
      this.asked = { watch: new Set(), watchOrder: new Set() };
      this.begun.clear();
      this.#enter("live");
      this.#askFor();
    };
    socket.onmessage = (event) => socket === this.socket && this.#heard(JSON.parse(event.data));
    socket.onclose = (event) => {
      clearTimeout(late);
      if (socket === this.socket) this.lost(event.code);
    };
  }

  /** @param {any} message */
  #heard(message) {
    this.failures = 0;
    if (message.type === "status") {
      this.tell.status(message, { begins: !this.begun.has(message.eventId) });
      this.begun.add(message.eventId);
    } else if (message.type === "order") this.tell.order(message);
    else if (message.type === "problem") this.tell.problem(message);
  }

  #askFor() {
    if (this.socket?.readyState !== WebSocket.OPEN) return;
    const { watch, watchOrder } = this.asked;
    const send = (/** @type {object} */ message) => this.socket?.send(JSON.stringify(message));
    const fresh = [...this.wanted.watch].filter((id) => !watch.has(id));
    const gone = [...watch].filter((id) => !this.wanted.watch.has(id));
    if (gone.length) send({ unwatch: gone }); // first: there is a bound on how many are watched
    if (fresh.length) send({ watch: fresh });
    for (const id of gone) this.begun.delete(id);
    for (const id of watchOrder) if (!this.wanted.watchOrder.has(id)) send({ unwatchOrder: id });
    for (const id of this.wanted.watchOrder) if (!watchOrder.has(id)) send({ watchOrder: id });
    this.asked = { watch: new Set(this.wanted.watch), watchOrder: new Set(this.wanted.watchOrder) };
  }

  /**
   * The connection broke, or could not be made.
   * @param {number} [code]
   */
  lost(code = 0) {
    const wasOpen = this.state === "live";
    this.#close();
    if (!navigator.onLine) return this.#enter("offline");
    if (this.state !== "polling") this.#enter(this.wasLive ? "reconnecting" : "connecting");
    if (code === KEY_NO_LONGER_GOOD) return void this.#check(true);
    this.#retryLater(code === SHUTTING_DOWN ? 2 * FIRST_RETRY_MS : FIRST_RETRY_MS);
    if (!wasOpen) void this.#poll();
  }

  /** @param {unknown} problem */
  #failed(problem) {
    if (problem instanceof Problem && problem.status === 401) return this.lock(true);
    this.lost();
  }

  /** @param {number} first */
  #retryLater(first) {
    const inVain = this.state === "polling" && !this.wasLive;
    const wait = inVain ? RETRY_IN_VAIN_MS : Math.min(RETRY_MAX_MS, first * 2 ** this.failures);
    const jittered = wait * (0.6 + Math.random() * 0.4); // so that not all come back in the same moment
    this.failures++;
    this.retryAt = Date.now() + jittered;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => void this.#connect(), jittered);
  }

  #close() {
    clearTimeout(this.timer);
    this.turn++;
    const socket = this.socket;
    this.socket = null;
    socket?.close();
  }

  /** @param {State} state */
  #enter(state) {
    if (this.state === "live" && state !== "live") this.freshAt = Date.now();
    if (this.state === state) return;
    this.state = state;
    this.tell.state(state);
  }

  // --- without one ---------------------------------------------------------------------------------

  /** Ask for the numbers, if no socket brings them. The first tells whether there is anybody to ask. */
  async #poll() {
    if (document.hidden || this.isPolling || ["live", "locked", "offline"].includes(this.state)) return;
    if (this.failures === 0) return; // the first try is under way
    this.isPolling = true;
    try {
      const [first, ...others] = this.wanted.watch;
      if (first === undefined) await get("/livez");
      else this.#polled(await get(`/status/${first}`));
      if (this.isLive) return;
      if (this.state !== "polling" && this.wasLive) void this.#connect(); // it is back
      this.#enter("polling");
      const asked = [
        ...others.map((id) => get(`/status/${id}`).then((status) => this.#polled(status))),
        ...[...this.wanted.watchOrder].map((id) => get(`/orders/${id}`).then(this.tell.order)),
      ];
      await Promise.allSettled(asked);
      this.freshAt = Date.now();
    } catch (problem) {
      if (this.isLive) return;
      if (problem instanceof Problem && problem.isLocked) this.lock(true);
      else if (this.state === "polling") this.#enter(this.wasLive ? "reconnecting" : "connecting");
    } finally {
      this.isPolling = false;
    }
  }

  isPolling = false;

  get isLive() {
    return this.state === "live";
  }

  /** @param {any} status */
  #polled(status) {
    if (!this.isLive) this.tell.status(status, { isPolled: true });
  }

  /**
   * A connection may be dead without anybody having said so: is it still the newest that it brings?
   * @param {boolean} [lost]
   */
  async #check(lost = false) {
    if (!lost && (document.hidden || !this.isLive)) return;
    const socket = this.socket;
    try {
      const [first] = this.wanted.watch;
      const { version } = await get(first === undefined ? "/livez" : `/status/${first}`);
      if (lost) return this.retry();
      if (first !== undefined) setTimeout(() => {
        if (socket === this.socket && this.tell.newest(first) < version) this.lost();
      }, NEWEST_WITHIN_MS);
    } catch (problem) {
      if (problem instanceof Problem && problem.isLocked) this.lock(true);
      else if (lost || (problem instanceof Problem && problem.isNoAnswer && socket === this.socket)) this.lost();
    }
  }
}

/** Where to connect to. With a key, the server is asked for a handshake first: a WebSocket has no headers. */
async function addressOf() {
  const address = `${location.origin.replace(/^http/, "ws")}/live`;
  if (!key()) return address;
  const { body } = await ask("POST", "/handshakes");
  return `${address}?handshake=${encodeURIComponent(body.handshake)}`;
}
