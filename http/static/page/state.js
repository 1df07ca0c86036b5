// In what state a sale is, in words: for the chip beside an event's name, and for the stub of its ticket.

import { count, left, number, time } from "./format.js";

/**
 * @param {import("./store.js").Status} status
 * @returns {"closed" | "scheduled" | "soldout" | "line" | "open"}
 */
export function stateOf(status) {
  if (status.state !== "open") return status.state;
  if (status.availableTickets === 0) return "soldout";
  return status.waitingListCount ? "line" : "open";
}

/** @param {import("./store.js").Status} status */
export function chipText(status) {
  switch (stateOf(status)) {
    case "closed": return "Closed";
    case "scheduled": return `Opens in ${left(status.salesOpenAt ?? "")}`;
    case "soldout": return "Sold out";
    case "line": return "Waiting list";
    case "open": return "On sale";
  }
}

/**
 * What stands on the stub: large, and small below it.
 * @param {import("./store.js").Status} status
 * @returns {[string, string]}
 */
export function stubTexts(status) {
  const of = `of ${number(status.totalTickets)}`;
  const waiting = status.waitingListCount ? `${number(status.waitingListCount)} in line` : of;
  switch (stateOf(status)) {
    case "closed": return [number(status.bookedTickets), `sold ${of}`];
    case "scheduled": return [number(status.totalTickets), "to come"];
    case "soldout": return ["0", waiting];
    case "line": return [number(status.availableTickets), `left, ${waiting}`];
    case "open": return [number(status.availableTickets), `left ${of}`];
  }
}

/**
 * A sentence on where the sale stands.
 * @param {import("./store.js").Status} status
 */
export function leadText(status) {
  switch (stateOf(status)) {
    case "closed": return `The sale ended ${status.closedAt ?? status.salesCloseAt ? `at ${time(status.closedAt ?? status.salesCloseAt ?? "")}` : ""}.`;
    case "scheduled": return `The sale opens at ${time(status.salesOpenAt ?? "")}.`;
    case "soldout": return soldOutText(status);
    case "line": return "What is left is too little for the first in line, so others wait behind.";
    case "open": return status.salesCloseAt ? `The sale closes in ${left(status.salesCloseAt)}.` : "First come, first served.";
  }
}

/** @param {import("./store.js").Status} status */
function soldOutText({ waitlistLimit, waitingListCount, waitlistMode }) {
  if (waitlistLimit === 0) return "Nobody may wait in line.";
  if (waitlistLimit !== null && waitingListCount >= waitlistLimit) return "The line is full, too.";
  return `Whoever comes now waits in line, and ${waitlistMode === "offer" ? "is offered" : "gets"} what comes back.`;
}

/** @param {import("./store.js").Status} status */
export function lineText(status) {
  if (!status.waitingListCount) return "Nobody waits in line.";
  const orders = count(status.waitingListCount, "order");
  return `In line: ${orders} for ${count(status.waitingTickets, "ticket")}.`;
}
