// k6's script: people come at a rate that grows, whatever the server does; each books a ticket, and sees that the
// answer is what was asked for.
//   k6 run -e URL=http://127.0.0.1:3000 -e RATE=2000 bench/tools/k6.js
// -e EVENT_ID=…  an event that there is; else one of 10,000,000 tickets is made
// -e API_KEY=…   in the name of this key's holder
// -e KEYS=1      each request has an Idempotency-Key, and one in ten is sent again, as after a lost connection
// -e RATE=…      bookings a second at the end of the climb (1000); -e CLIMB=5s, -e LASTS=10s
import { check } from "k6";
import exec from "k6/execution";
import http from "k6/http";
import { Counter } from "k6/metrics";

const URL = __ENV.URL || "http://127.0.0.1:3000";
const RATE = Number(__ENV.RATE || 1000);
const WITH_KEYS = __ENV.KEYS === "1";
const REPEATED_ONE_IN = 10;
const TICKETS = 10000000;

export const tickets = new Counter("tickets_booked");
export const waiting = new Counter("customers_waiting");

export const options = {
  scenarios: {
    people: {
      executor: "ramping-arrival-rate",
      startRate: Math.max(1, Math.floor(RATE / 10)),
      timeUnit: "1s",
      // a person holds one of these until answered: with fewer than rate x latency, people are dropped
      preAllocatedVUs: Math.max(10, Math.ceil(RATE / 10)),
      maxVUs: Math.max(100, RATE),
      stages: [
        { target: RATE, duration: __ENV.CLIMB || "5s" },
        { target: RATE, duration: __ENV.LASTS || "10s" },
      ],
    },
  },
  thresholds: {
    checks: ["rate==1"],
    http_req_failed: ["rate<0.001"],
    "http_req_duration{call:book}": ["p(99)<250"],
    dropped_iterations: ["count<1"], // else the rate was not what it says
  },
};

function params(call, key) {
  const headers = { "Content-Type": "application/json" };
  if (__ENV.API_KEY) headers.Authorization = "Bearer " + __ENV.API_KEY;
  if (key) headers["Idempotency-Key"] = key;
  return { headers: headers, tags: { call: call, name: "/" + call } };
}

export function setup() {
  const run = Date.now().toString(36);
  if (__ENV.EVENT_ID) return { event: __ENV.EVENT_ID, run: run };
  const body = JSON.stringify({ eventName: "k6 " + run, totalTickets: TICKETS });
  const made = http.post(URL + "/initialize", body, params("initialize"));
  if (made.status !== 201) exec.test.abort("no event: " + made.status + " " + made.body);
  return { event: made.json("eventId"), run: run };
}

function isWhatWasAsked(answer, event, user) {
  if (answer.status !== 201 && answer.status !== 202) return false;
  const order = answer.json();
  return (
    String(order.orderId).startsWith(event + "-") &&
    order.userId === user &&
    order.quantity === 1 &&
    order.status === (answer.status === 201 ? "confirmed" : "waitlisted")
  );
}

export default function (data) {
  const number = exec.scenario.iterationInTest; // nobody else has it, on any machine of the test
  const user = data.run + "-" + number;
  const key = WITH_KEYS ? user : null;
  const body = JSON.stringify({ eventId: data.event, userId: user, quantity: 1 });
  const answer = http.post(URL + "/book", body, params("book", key));
  check(answer, { "the order is what was asked for": (each) => isWhatWasAsked(each, data.event, user) });
  if (answer.status === 201) tickets.add(1);
  if (answer.status === 202) waiting.add(1);
  if (key && number % REPEATED_ONE_IN === 0) {
    const again = http.post(URL + "/book", body, params("book", key));
    check(again, {
      "asked again, the answer is the same": (each) => each.status === answer.status && each.body === answer.body,
      "asked again, it says so": (each) => each.headers["Idempotent-Replayed"] === "true",
    });
  }
}

export function teardown(data) {
  const status = http.get(URL + "/status/" + data.event, params("status"));
  console.log("event " + data.event + " now: " + status.body);
  console.log("tickets_booked below must be what is booked there, if nobody else booked; then: boxoffice audit");
}
