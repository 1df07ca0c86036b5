// Asks the server. Whatever is not a success is thrown as a `Problem`, also when nothing came back at all.

import { hear } from "./clock.js";
import { key } from "./key.js";

const ANSWER_TIMEOUT_MS = 20_000;

/** Codes after which the same request, with the same key, may end differently. */
const AGAIN = new Set(["in_progress", "rate_limited", "not_applied", "overloaded", "event_moved", "request_timeout",
  "event_unavailable", "not_ready", "internal_error", "outcome_unknown", "no_answer"]);

/** Why something was not done: a problem document (RFC 9457), or that there was no answer. */
export class Problem extends Error {
  /**
   * @param {Record<string, any>} body
   * @param {number | null} retryAfterS
   */
  constructor(body, retryAfterS = null) {
    super(body.title);
    this.status = /** @type {number} */ (body.status ?? 0);
    this.code = /** @type {string} */ (body.code ?? "");
    this.title = /** @type {string} */ (body.title ?? "That did not work");
    this.detail = /** @type {string} */ (body.detail ?? "");
    this.type = /** @type {string | null} */ (body.type?.startsWith("/problems/") ? body.type : null);
    const field = body.field ? [{ pointer: `/${body.field}`, detail: "This contradicts another of the terms." }] : [];
    this.errors = /** @type {{pointer: string, detail: string}[]} */ (body.errors ?? field);
    this.retryAfterS = retryAfterS;
    this.body = body;
  }

  /** Whether to ask the same again, under the same key. */
  get mayEndDifferently() {
    return AGAIN.has(this.code) || (this.status >= 500 && this.code === "");
  }

  /** Whether nothing may be read: there is no key, or it is not good, or not one for reading. */
  get isLocked() {
    return this.status === 401 || (this.status === 403 && this.body.scope === "read");
  }

  get isNoAnswer() {
    return this.code === "no_answer";
  }
}

/**
 * The JSON of an answer, and its status.
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @param {string} [idempotencyKey]
 * @param {string | null} [token] other than the key that is in use
 * @returns {Promise<{status: number, body: any, replayed: boolean}>}
 */
export async function ask(method, path, body, idempotencyKey, token = key()) {
  /** @type {Record<string, string>} */
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  if (idempotencyKey) headers["Idempotency-Key"] = idempotencyKey;
  if (token) headers.Authorization = `Bearer ${token}`;
  const answer = await fetched(path, { method, headers, body: JSON.stringify(body) });
  const found = await answer.json().catch(() => null); // broken off, or not ours
  if (answer.ok && found === null) throw noAnswer();
  if (answer.ok) return { status: answer.status, body: found, replayed: answer.headers.has("Idempotent-Replayed") };
  throw new Problem({ status: answer.status, title: `The server answered ${answer.status}`, ...found }, waitOf(answer));
}

/** @param {string} path */
export const get = async (path) => (await ask("GET", path)).body;

/**
 * @param {string} path
 * @param {RequestInit} request
 */
async function fetched(path, request) {
  try {
    const answer = await fetch(path, { ...request, signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) });
    if (!answer.headers.has("Age")) hear(answer.headers.get("Date"));
    return answer;
  } catch {
    throw noAnswer();
  }
}

function noAnswer() {
  const detail = navigator.onLine ? "The server did not answer." : "This device is not connected to the network.";
  return new Problem({ code: "no_answer", title: "No answer", detail });
}

/** @param {Response} answer */
function waitOf(answer) {
  const wait = Number.parseInt(answer.headers.get("Retry-After") ?? "", 10);
  return Number.isNaN(wait) ? null : wait;
}

/** A key under which a request has one effect, however often it is sent. */
export function newIdempotencyKey() {
  const bytes = crypto.getRandomValues(new Uint8Array(16)); // randomUUID is there on secure origins only
  return `page-${[...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("")}`;
}
