"""An event under attack: whatever is asked of its server, what must be true after any request is checked.

The event has an order in every state, and its log is read after each request, on the same connection where
that stays open: so an answer that is too long, too short or too many is seen as well. Blocks.
"""

import re
import time
from collections.abc import Iterable
from typing import Any

from boxoffice.http.problems import STATUS_AND_TITLE
from tests.e2e.anything_http import JSON, LAST, NEW_LENGTH
from tests.e2e.raw_http import Answer, answers, exchange, exchange_anything, request
from tests.support import documented
from tests.support.server import Server

REQUESTS_MAX = 25
"""Requests until the event is made anew: by then it may be closed, or so adjusted that all is refused."""

FAILURES = ("Traceback", '"level":"error"', '"level":"critical"')
NEVER = "01a207b4-f0fc-731a-86f3-b11a201e05f5"


class Watched:
    """One server, and an event on it, under names that the strategies know: `@event`, `@held` and so on."""

    def __init__(self, server: Server) -> None:
        self._server = server
        self._heard = len(server.said)
        self._asked = REQUESTS_MAX
        self._ids: dict[bytes, bytes] = {}
        self._version = 0
        self._posted = 0

    # --- the event -------------------------------------------------------------------------------

    def begin(self) -> None:
        """Another example: with an event that can still be booked."""
        self._asked += 1
        if self._asked > REQUESTS_MAX:
            self._asked = 0
            self._make()

    def _make(self) -> None:
        event = self._server.event(tickets=4, waitlistMode="offer")
        steps: list[dict[str, Any]] = [
            {"do": "book", "userId": "ann"},
            {"do": "book", "userId": "bob"},
            {"do": "hold", "userId": "cleo"},
            {"do": "hold", "userId": "dan", "holdSeconds": 1},
            {"do": "book", "userId": "eve"},
            {"do": "book", "userId": "fay", "quantity": 2},
            {"do": "book", "userId": "gus"},
            {"do": "cancel", "userId": "ann"},
        ]
        status, answer = self._server.post("/batch", commands=[{"eventId": event, **step} for step in steps])
        assert status == 200, answer
        names = ["@cancelled", "@confirmed", "@held", "@short", "@offered", "@waiting", "@next"]
        made = {name: each["body"]["orderId"] for name, each in zip(names, answer["results"], strict=False)}
        ids = {**made, "@HELD": made["@held"].upper(), "@never": f"{event}-{NEVER}", "@event": event}
        self._ids = {name.encode(): each.encode() for name, each in ids.items()}
        self._version = answer["results"][-1]["body"]["version"]
        self._posted = 0

    def fill(self, template: bytes) -> bytes:
        """With the ids in place of their names."""
        new = b"%s-%d" % (self._ids[b"@event"], self._asked)
        for name, each in ((b"@new", new.rjust(NEW_LENGTH, b"0")), *self._ids.items()):
            template = template.replace(name, each)
        return template

    @property
    def event_id(self) -> str:
        """The event's id on the wire."""
        return self._ids[b"@event"].decode()

    # --- asking it -------------------------------------------------------------------------------

    def post(self, call: str, body: bytes, *headers: bytes) -> tuple[Answer, list[Any]]:
        """`POST` these bytes as JSON, and `ask`."""
        return self.ask(b"POST", b"/" + call.encode(), body, [JSON, *headers])

    def ask(
        self, method: bytes, target: bytes, body: bytes = b"", headers: Iterable[bytes] = ()
    ) -> tuple[Answer, list[Any]]:
        """The answer to a request that HTTP allows, and what it made the event's log longer by."""
        sent = request(method, target, body, headers) + self._look()
        received = list(answers(exchange(self._server.address, sent), [method, b"GET"]))
        assert received, "there was no answer"
        first = received[0]
        if len(received) < 2:
            assert first.last, (first, "the connection was closed without a word")
        self._check(first)
        as_text = method.decode("latin-1"), target.decode("latin-1")
        documented.check(*as_text, first.status, first.headers, first.body)
        made = self._made(received[1] if len(received) > 1 else None)
        assert not made or 200 <= first.status < 300, (first, made)
        return first, made

    def send(self, sent: bytes, patience_s: float) -> bytes:
        """Whatever comes back for these bytes, no 5xx among it.

        Who goes away unanswered may have had an effect, and sooner or later; but nobody two.
        """
        received = exchange_anything(self._server.address, sent, patience_s)
        assert received.startswith(b"HTTP/") or not received, received
        assert not re.search(rb"HTTP/[0-9.]{3} 5[0-9]{2} ", received), received
        self._posted += sent.count(b"POST") - len(self._made(None))
        assert self._posted >= 0, "more was done than was asked for"
        self._check_log()
        return received

    def _look(self) -> bytes:
        target = b"/events/%s/changes?after=%d&limit=500" % (self._ids[b"@event"], self._version)
        return request(b"GET", target, headers=[LAST])

    def _made(self, look: Answer | None) -> list[Any]:
        """What has been added to the log since it was last looked at, but for what time has ended."""
        if look is None:
            (look,) = answers(exchange(self._server.address, self._look()), [b"GET"])
        assert look.status == 200, look
        items = look.document["items"]
        versions = [item["version"] for item in items]
        assert versions == list(range(self._version + 1, self._version + 1 + len(items)))
        self._version += len(items)
        return [item for item in items if item["type"] != "orderExpired"]

    def goes_on(self) -> None:
        """The server still serves, and nothing was added to the log unseen."""
        assert self._server.process.poll() is None
        assert self._server.book(self._server.event(), "alice")["status"] == "confirmed"

    # --- what must be true of every answer -------------------------------------------------------

    def _check(self, answer: Answer) -> None:
        assert answer.status < 500, answer
        if answer.status >= 400 and answer.body:
            assert answer.headers["content-type"] == "application/problem+json", answer
            assert answer.headers["x-request-id"] == answer.document["requestId"]
            check_problem(answer.status, answer.document)
        self._check_log()

    def _check_log(self) -> None:
        said, self._heard = self._server.said[self._heard :], len(self._server.said)
        assert not any(failure in line for line in said for failure in FAILURES), "".join(said)

    def end(self) -> None:
        """After the last example."""
        time.sleep(0.1)  # what was logged last is still on its way to us
        self._check_log()
        self.goes_on()


def check_problem(status: int, problem: Any) -> None:
    """A problem document, of an answer or of an entry in a batch."""
    code = problem["code"]
    assert code in STATUS_AND_TITLE, problem
    assert STATUS_AND_TITLE[code][0] == status == problem["status"], problem
    assert status < 500, problem
    assert problem["detail"], problem
