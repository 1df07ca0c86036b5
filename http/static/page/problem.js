// A problem as people would want to read it: what it is, in words; what to do; and a way to ask again.

import { everySecond } from "./clock.js";
import { el, withCode, write } from "./dom.js";
import { count, duration, number, time } from "./format.js";

/**
 * @param {import("./api.js").Problem} problem
 * @param {(() => void) | null} [again] asks the same again, under the same key
 * @returns {HTMLElement}
 */
export function problemView(problem, again = null) {
  const view = el("div", { class: "problem", role: "group", "aria-label": "Problem" },
    el("b", { text: problem.title }),
    el("p", {}, ...withCode(wording(problem))));
  if (problem.code === "outcome_unknown" || problem.isNoAnswer) {
    if (again) view.append(el("p", { text: "Asking again is safe: it will not happen twice." }));
  }
  const foot = el("p", { class: "problem-foot" });
  if (again && problem.mayEndDifferently) foot.append(againButton(problem.retryAfterS ?? 0, again));
  if (problem.type) foot.append(el("a", { href: problem.type, target: "_blank", rel: "noopener", text: "What this means" }));
  if (foot.childElementCount) view.append(foot);
  return view;
}

/**
 * The detail; for what people meet often, in words that need no API document.
 * @param {import("./api.js").Problem} problem
 */
function wording(problem) {
  const { body } = problem;
  switch (problem.code) {
    case "sold_out": return `${body.waitingListCount ? "Others wait in line already" : "There are not enough left"}, and you chose not to wait. Nothing was changed.`;
    case "waitlist_full": return `Nothing is left, and the line is full: ${number(body.waitlistLimit)} wait already. Nothing was changed.`;
    case "exceeds_capacity": return `The event has ${number(body.totalTickets)} tickets in all. Nothing was changed.`;
    case "sales_closed": return `It ended at ${time(body.closedAt)}. Nothing was changed.`;
    case "sales_not_open": return `It opens at ${time(body.salesOpenAt)}. Nothing was changed.`;
    case "capacity_in_use": return inUse(body);
    case "limit_exceeded": return LIMITS[/** @type {"maxPerOrder"} */ (body.limit)]?.(body) ?? problem.detail;
    case "forbidden": return body.scope ? `That takes a key with the scope \`${body.scope}\`. Nothing was changed.` : problem.detail;
    case "invalid_request": return problem.errors.length ? "Please look at what is marked." : problem.detail;
    default: return problem.detail;
  }
}

/** @param {any} body */
function inUse({ bookedTickets, heldTickets, offeredTickets, largestWaiting }) {
  const taken = `${count(bookedTickets + heldTickets + offeredTickets, "ticket")} taken`;
  const waits = largestWaiting ? `, and somebody waits for ${number(largestWaiting)}` : "";
  return `${taken}${waits}: the event cannot have fewer. Nothing was changed.`;
}

const LIMITS = {
  /** @param {any} body */
  maxPerOrder: (body) => `One order may have ${number(body.maximum)}, and you asked for ${number(body.asked)}. Nothing was changed.`,
  /** @param {any} body */
  maxPerCustomer: (body) => `One customer may have ${number(body.maximum)} in all, and it would come to ${number(body.asked)}. Nothing was changed.`,
  /** @param {any} body */
  maxHoldSeconds: (body) => `A hold may last ${duration(body.maximum)}. Nothing was changed.`,
};

/**
 * @param {number} waitS
 * @param {() => void} again
 */
function againButton(waitS, again) {
  const button = el("button", { type: "button", class: "again", onclick: () => button.ariaDisabled !== "true" && again() });
  const until = Date.now() + waitS * 1000;
  const show = () => {
    const rest = Math.ceil((until - Date.now()) / 1000);
    button.ariaDisabled = String(rest > 0);
    write(button, rest > 0 ? `Ask again in ${duration(rest)}` : "Ask again");
    if (rest <= 0 || (!button.isConnected && rest < waitS - 1)) stop();
  };
  const stop = everySecond(show);
  show();
  return button;
}

/**
 * What is wrong with a field, in words.
 * @param {string} detail "expected `int` >= 1"
 */
export function fieldWording(detail) {
  const bound = /expected `(?:int|float)` ([<>]=) (\d+)/.exec(detail);
  if (bound) return bound[1] === ">=" ? `At least ${number(Number(bound[2]))}.` : `At most ${number(Number(bound[2]))}.`;
  if (/`str` of length >= 1/i.test(detail)) return "Please fill this in.";
  const length = /`str` of length <= (\d+)/i.exec(detail);
  return length ? `At most ${length[1]} characters.` : `${detail[0]?.toUpperCase() ?? ""}${detail.slice(1)}`;
}
