// The orders of this tab: kept in the session, watched, and those who show them are told of changes.

import { say } from "./dom.js";
import { count, left, ordinal, secondsLeft } from "./format.js";

/**
 * @typedef {{orderId: string, eventId: string, userId: string, quantity: number, version: number,
 *   status: "confirmed" | "held" | "offered" | "waitlisted" | "cancelled" | "expired", createdAt: string,
 *   position?: number, expiresAt?: string, was?: number, isGone?: boolean, lasts?: number}} Order
 * `was`: its position before; `isGone`: the server knows it no longer; `lasts`: how long it lasts in all, in s.
 */

const NAME = "boxoffice.orders";
const KEPT_MAX = 50;
const UNDECIDED = new Set(["held", "offered", "waitlisted"]);

export class Orders {
  /** @param {import("./live.js").Live} live */
  constructor(live) {
    this.live = live;
    /** @type {Map<string, Order>} the newest last */
    this.all = new Map(read().map((order) => [order.orderId, order]));
    /** @type {Set<(order: Order | null) => void>} */
    this.shown = new Set();
    this.#watch();
  }

  /**
   * An order that was made or looked up here.
   * @param {Order} order
   */
  add(order) {
    this.#keep(order); // where it is, if it is known already: a card that is worked on does not jump
    while (this.all.size > KEPT_MAX) this.all.delete(this.all.keys().next().value ?? "");
    this.#changed(order);
  }

  /**
   * News of one that is kept here; whoever sits there is told what it means.
   * @param {Order} order
   */
  hear(order) {
    const known = this.all.get(order.orderId);
    if (!known || order.version < known.version || isSame(order, known)) return;
    if (order.status === "waitlisted" && known.position !== order.position) order.was = known.position;
    this.#keep(order);
    this.#changed(order);
    const news = newsOf(order, known);
    if (news) say(news);
  }

  /** @param {string} orderId */
  lose(orderId) {
    const known = this.all.get(orderId);
    if (!known) return;
    this.#keep({ ...known, isGone: true });
    this.#changed(known);
  }

  /** @param {string} orderId */
  dismiss(orderId) {
    this.all.delete(orderId);
    this.#changed(null);
  }

  /** @param {Order} order */
  #keep(order) {
    const known = this.all.get(order.orderId);
    const lasts = order.expiresAt ? Math.max(known?.lasts ?? 1, secondsLeft(order.expiresAt)) : undefined;
    this.all.set(order.orderId, { ...order, lasts: known?.status === order.status ? lasts : order.expiresAt && secondsLeft(order.expiresAt) || undefined });
  }

  /** @param {Order | null} order */
  #changed(order) {
    try {
      sessionStorage.setItem(NAME, JSON.stringify([...this.all.values()]));
    } catch {
      // then they last as long as the page
    }
    this.#watch();
    for (const callback of this.shown) callback(order);
  }

  #watch() {
    const unsettled = [...this.all.values()].filter((order) => !order.isGone && !["cancelled", "expired"].includes(order.status));
    this.live.watchOrders(unsettled.map((order) => order.orderId));
  }
}

/** @returns {Order[]} */
function read() {
  try {
    const kept = JSON.parse(sessionStorage.getItem(NAME) ?? "[]");
    return Array.isArray(kept) ? kept : [];
  } catch {
    return [];
  }
}

/** @param {Order} a @param {Order} b */
const isSame = (a, b) => a.status === b.status && a.quantity === b.quantity && a.position === b.position && a.expiresAt === b.expiresAt;

/** @param {Order} order @param {Order} known */
function newsOf(order, known) {
  const tickets = count(order.quantity, "ticket");
  if (order.status !== known.status) {
    if (order.status === "confirmed") return `${order.userId} has ${tickets}.`;
    if (order.status === "offered") return `${tickets} offered to ${order.userId}, for ${left(order.expiresAt ?? "")}.`;
    if (order.status === "expired") return `Time is up: the order of ${order.userId} has lapsed.`;
  }
  if (order.position && known.position && order.position < known.position) return `${order.userId} moved up: ${ordinal(order.position)} in line.`;
  return "";
}

export const isUndecided = (/** @type {Order} */ order) => UNDECIDED.has(order.status) && !order.isGone;
