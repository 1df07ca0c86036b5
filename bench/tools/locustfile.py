"""locust's script: people who look at an event, book, and sometimes cancel, with pauses in between.

    locust -f bench/tools/locustfile.py --host http://127.0.0.1:3000 --headless -u 200 -r 50 -t 30s

EVENT_ID in the environment: an event that there is; else one of 100,000 tickets is made. API_KEY: in the name
of this key's holder. PAUSE: seconds between what one person does, 1 on average; 0: as fast as they can. What
is not answered, or 503, is asked again with the same Idempotency-Key, once. Ends with 1 if anything failed.
"""

# mypy: ignore-errors
# locust has no place in the project's environment

import json
import os
import random
import secrets
from itertools import count
from urllib.request import Request, urlopen

from locust import FastHttpUser, events, task
from locust.exception import StopTest

RUN = secrets.token_hex(4)
TICKETS = 100_000
PAUSE_S = float(os.environ.get("PAUSE", "1"))
NOT_DONE = (0, 503, 504)
"""No answer, not done, not known: whoever asks again with the same key is answered truly."""

numbers = count(1)


def headers():
    """What everybody says."""
    key = os.environ.get("API_KEY")
    return {"Authorization": f"Bearer {key}"} if key else {}


class Person(FastHttpUser):
    """One customer; all that they do is told apart by its name in locust's table."""

    host = "http://127.0.0.1:3000"
    event_id = os.environ.get("EVENT_ID", "")

    def on_start(self):
        """Come in."""
        self.user_id = f"{RUN}-{next(numbers)}"
        self.orders = []
        self.asked = 0
        self.version = 0

    def wait_time(self):
        """Look around."""
        return random.uniform(0.5, 1.5) * PAUSE_S

    @task(10)
    def look(self):
        """See how many tickets there are."""
        with self.client.get(
            f"/status/{Person.event_id}", name="/status", headers=headers(), catch_response=True
        ) as answer:
            if answer.status_code != 200:
                answer.failure(said(answer))
                return
            status = answer.json()
            if status["version"] < self.version:
                answer.failure("an older status after a newer answer")
            if status["availableTickets"] < 0 or status["bookedTickets"] > status["totalTickets"]:
                answer.failure("more is sold than there is")
            self.version = max(self.version, status["version"])

    @task(3)
    def book(self):
        """Take a ticket, or a place in line."""
        asked = {"eventId": Person.event_id, "userId": self.user_id, "quantity": 1}
        order = self.post("/book", asked, (201, 202))
        if order:
            self.orders.append(order["orderId"])

    @task(1)
    def cancel(self):
        """Give one back, if there is one."""
        if self.orders:
            self.post("/cancel", {"orderId": self.orders.pop()}, (200,))

    def post(self, call, body, good):
        """Ask under a key, and once again if need be; the answer, if it is a good one."""
        self.asked += 1
        key = {"Idempotency-Key": f"{self.user_id}-{self.asked}"}
        for name in (call, f"{call} again"):
            with self.client.post(
                call, json=body, name=name, headers=headers() | key, catch_response=True
            ) as answer:
                if answer.status_code in good:
                    order = answer.json()
                    self.version = max(self.version, order["version"])
                    return order
                answer.failure(said(answer))
                if answer.status_code not in NOT_DONE:
                    return None
        return None


def said(answer):
    """An answer in a few words: a problem's own."""
    try:
        return f"{answer.status_code} {answer.json()['code']}"
    except (ValueError, KeyError, TypeError, AttributeError):
        return f"{answer.status_code}: no problem document"


def ask(host, path, body=None):
    """What is asked before and after the test, and counts for nothing."""
    data = None if body is None else json.dumps(body).encode()
    request = Request(host + path, data, headers() | {"Content-Type": "application/json"})
    with urlopen(request, timeout=30) as answer:
        return json.load(answer)


@events.test_start.add_listener
def make_event(environment, **_):
    """Put an event on sale, unless there is one. Workers are processes of their own: give them EVENT_ID."""
    if not Person.event_id:
        body = {"eventName": f"locust {RUN}", "totalTickets": TICKETS}
        try:
            Person.event_id = ask(environment.host or Person.host, "/initialize", body)["eventId"]
        except OSError as error:
            environment.process_exit_code = 1
            raise StopTest(f"no event: {error}") from error


@events.test_stop.add_listener
def tell(environment, **_):
    """Say what has become of the event."""
    if Person.event_id:
        status = ask(environment.host or Person.host, f"/status/{Person.event_id}")
        print(f"event {Person.event_id} now: {json.dumps(status)}\nand now: boxoffice audit")
