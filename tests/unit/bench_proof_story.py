"""A box office that is made up: what it has in its log, and what it has told its clients, word by word.

Nothing holds a story to any rule, so that a test can tell one that no box office should. Its log is served
over a real socket; what its clients were told stands in real ledgers.
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

from aiohttp import web
from aiohttp.test_utils import TestServer

from boxoffice.bench.load.asks import Answer, Ask
from boxoffice.bench.proof.checks import Check, Progress, Proof, prove
from boxoffice.bench.proof.findings import TABLES
from boxoffice.bench.proof.ledger import Ledger
from boxoffice.bench.target import Target

EVENT = "7"


def at(version: int) -> str:
    """The moment of a version."""
    return f"2026-11-26T10:00:00.{version:06}Z"


class Story:
    """One event. `changes` and `told` are there to be falsified."""

    def __init__(self, tickets: int = 2, **terms: Any) -> None:
        self.changes: list[dict[str, Any]] = []
        self.told: list[tuple[Ask, Answer, float, float]] = []
        self.shown: dict[str, Any] = {}
        """What the status says, beside what is so."""
        self.may = {"read", "admin"}
        self.breaks_off_after: int | None = None
        self.gone = False
        self.goes_on = False
        """Somebody else books while the orders are read."""
        self.killed = False
        """Whoever wrote the ledger: before its end."""
        self.others = 0
        """Events that nobody has touched, beside this one."""
        self.data_dir: str | None = None
        self.progress: Progress | None = None
        self.asked = Counter[str]()
        """How often the box office was asked for what."""
        self._orders = 0
        self._now_s = 100.0
        self._requests = 0
        self.change("eventInitialized", eventName="Made up", totalTickets=tickets, **terms)

    # --- the log ---------------------------------------------------------------------------------

    def change(self, kind: str, **fields: Any) -> int:
        """One more entry; its version."""
        version = len(self.changes) + 1
        self.changes.append({"version": version, "at": at(version), "type": kind, **fields})
        return version

    def order(self, kind: str, user: str, quantity: int = 1, **more: Any) -> dict[str, Any]:
        """An entry that makes an order; and the order."""
        self._orders += 1
        order_id = f"{EVENT}-01a21439-0000-7000-8000-{self._orders:012x}"
        more |= {"expiresAt": at(900_000)} if kind == "ticketsHeld" else {}
        version = self.change(kind, orderId=order_id, userId=user, quantity=quantity, **more)
        status = {"ticketsBooked": "confirmed", "ticketsHeld": "held", "customerWaitlisted": "waitlisted"}
        return {
            "orderId": order_id, "eventId": EVENT, "userId": user, "quantity": quantity,
            "status": status[kind], "version": version, "createdAt": at(version), **more,
        }  # fmt: skip

    # --- what clients are told -------------------------------------------------------------------

    def tell(
        self, call: str, facts: Any, status: int, said: Any = None, *, key: str | None = None,
        replayed: bool = False, sent_s: float | None = None,
    ) -> None:  # fmt: skip
        """A request and its answer, after all those before; or sent at another time."""
        self._now_s += 2
        self._requests += 1
        body = b"" if said is None else json.dumps(said, separators=(",", ":")).encode()
        ask, answer = Ask(call, f"/{call}", key=key, facts=facts), Answer(status, body, None, replayed)
        self.told.append((ask, answer, self._now_s - 1 if sent_s is None else sent_s, self._now_s))

    def refuse(self, call: str, facts: Any, status: int, code: str, **more: Any) -> None:
        """A request that is refused. `key` and `replayed` are the request's, all else is in the problem."""
        how = {name: more.pop(name) for name in ("key", "replayed") if name in more}
        said = {"status": status, "code": code, "requestId": f"r{self._requests}", **more}
        self.tell(call, facts, status, said, **how)

    def book(self, user: str, quantity: int = 1, **how: Any) -> dict[str, Any]:
        """Somebody books, and is told so."""
        order = self.order("ticketsBooked", user, quantity)
        self.tell("book", {"e": EVENT, "u": user, "q": quantity}, 201, order, **how)
        return order

    def hold(self, user: str, quantity: int = 1) -> dict[str, Any]:
        """Somebody holds tickets, and is told so."""
        order = self.order("ticketsHeld", user, quantity)
        self.tell("hold", {"e": EVENT, "u": user, "q": quantity}, 201, order)
        return order

    def wait(self, user: str, quantity: int = 1, position: int = 1) -> dict[str, Any]:
        """Somebody joins the line, and is told so."""
        order = self.order("customerWaitlisted", user, quantity)
        order["position"] = position
        self.tell("book", {"e": EVENT, "u": user, "q": quantity}, 202, order)
        return order

    def confirm(self, order: dict[str, Any]) -> None:
        """Somebody confirms what they hold."""
        version = self.change("orderConfirmed", orderId=order["orderId"])
        said = {name: value for name, value in order.items() if name != "expiresAt"}
        self.tell(
            "confirm", {"o": order["orderId"]}, 200, {**said, "status": "confirmed", "version": version}
        )

    def cancel(self, order: dict[str, Any], *promoted: dict[str, Any]) -> dict[str, Any]:
        """Somebody gives everything back, and these get tickets; what was told."""
        shown = [promotion(each) for each in promoted]
        version = self.change("orderCancelled", orderId=order["orderId"], promoted=shown)
        said = {name: value for name, value in order.items() if name not in ("position", "expiresAt")}
        more = {"cancelledQuantity": order["quantity"], "promoted": shown}
        said = {**said, "status": "cancelled", "version": version, **more}
        self.tell("cancel", {"o": order["orderId"]}, 200, said)
        return said

    def look(self, **said: Any) -> None:
        """Somebody looks at something."""
        self.tell("status", None, 200, said)

    # --- the proof -------------------------------------------------------------------------------

    @property
    def status(self) -> dict[str, Any]:
        """What adds up from the log, by the plainest count; and what is `shown` instead."""
        orders: dict[str, list[Any]] = {}
        capacity = 0
        for change in self.changes:
            capacity = change.get("totalTickets", capacity)
            _count(orders, change)
        tickets = {status: sum(q for s, q in orders.values() if s == status) for status in _NAMES}
        taken = tickets["confirmed"] + tickets["held"] + tickets["offered"]
        return {
            **{_NAMES[status]: number for status, number in tickets.items()},
            "eventId": EVENT, "totalTickets": capacity, "availableTickets": capacity - taken,
            "waitingListCount": sum(s == "waitlisted" for s, _ in orders.values()),
            "version": self.changes[-1]["version"], "closedAt": None, **self.shown,
        }  # fmt: skip

    async def prove(self, folder: Path, *, own: bool = True, answers_only: bool = False) -> Proof:
        """Write the ledger, open the box office, and have it proved."""
        ledger = Ledger(folder / "ledger")
        for ask, answer, sent_s, answered_s in self.told:
            ledger.note(ask, answer, sent_s, answered_s)
        ledger.close()
        if self.killed:
            whole = (folder / "ledger").read_bytes()
            (folder / "ledger").write_bytes(whole[:-5])
        events = [EVENT, *self._others] if own else []
        async with TestServer(self._app()) as server:
            target = Target(str(server.make_url("")).rstrip("/"), data_dir=self.data_dir)
            ledgers = [folder / "ledger"]
            return await prove(target, events, ledgers, self.progress, answers_only=answers_only)

    @property
    def _others(self) -> list[str]:
        return [str(int(EVENT) + number) for number in range(1, self.others + 1)]

    def _app(self) -> web.Application:
        app = web.Application()
        app.router.add_get("/status/{event}", self._status)
        app.router.add_get("/events/{event}/changes", self._changes)
        app.router.add_get("/orders", self._all_orders)
        app.router.add_get("/events", self._events)
        self.asked.clear()
        return app

    async def _events(self, request: web.Request) -> web.Response:
        self.asked[request.path] += 1
        after, most = int(request.query["cursor"]), int(request.query["limit"])
        untouched = Story().status
        events = [self.status, *({**untouched, "eventId": event} for event in self._others)]
        page = [event for event in events if int(event["eventId"]) > after]
        more = page[most - 1]["eventId"] if len(page) > most else None
        return web.json_response({"items": page[:most], "next": more})

    async def _status(self, request: web.Request) -> web.Response:
        self.asked[request.path] += 1
        if self.gone or request.match_info["event"] != EVENT:
            return web.json_response({"code": "event_not_found", "status": 404}, status=404)
        return web.json_response(self.status) if "read" in self.may else _forbidden()

    async def _changes(self, request: web.Request) -> web.StreamResponse:
        self.asked[request.path] += 1
        if self.gone or request.match_info["event"] != EVENT:
            return web.json_response({"code": "event_not_found", "status": 404}, status=404)
        if "admin" not in self.may:
            return _forbidden()
        after = int(request.query.get("after", "0"))
        lines = [json.dumps(each).encode() + b"\n" for each in self.changes if each["version"] > after]
        if self.breaks_off_after is None or "limit" in request.query:
            return web.Response(body=b"".join(lines))
        most, self.breaks_off_after = self.breaks_off_after, None
        answer = web.StreamResponse()
        await answer.prepare(request)
        await answer.write(b"".join(lines[:most]) + lines[most][:9])
        assert request.transport is not None
        request.transport.close()
        return answer

    async def _all_orders(self, _: web.Request) -> web.Response:
        if self.goes_on:
            self.order("ticketsBooked", "late")
        orders: dict[str, list[Any]] = {}
        made = {each["orderId"]: each for each in self.changes if "userId" in each}
        for change in self.changes:
            _count(orders, change)
        items = [
            {"orderId": name, "userId": made[name]["userId"], "status": status, "quantity": quantity}
            for name, (status, quantity) in orders.items()
        ]
        return web.json_response({"items": items, "next": None})


_NAMES = {
    "confirmed": "bookedTickets", "held": "heldTickets", "offered": "offeredTickets",
    "waitlisted": "waitingTickets",
}  # fmt: skip
_BECOMES = {
    "ticketsBooked": "confirmed", "ticketsHeld": "held", "customerWaitlisted": "waitlisted",
    "orderConfirmed": "confirmed", "orderCancelled": "cancelled", "orderExpired": "expired",
}  # fmt: skip


def _count(orders: dict[str, list[Any]], change: dict[str, Any]) -> None:
    if change["type"] in _BECOMES:
        order = orders.setdefault(change["orderId"], ["", 0])
        order[0] = _BECOMES[change["type"]]
        order[1] = change.get("quantity", order[1])
    if change["type"] == "orderReduced":
        orders[change["orderId"]][1] = change["quantity"]
    for each in change.get("promoted", ()):
        orders[each["orderId"]][0] = each["status"]


def promotion(order: dict[str, Any], status: str = "confirmed") -> dict[str, Any]:
    """An order as those are named who are promoted."""
    return {name: order[name] for name in ("orderId", "userId", "quantity")} | {"status": status}


def _forbidden() -> web.Response:
    return web.json_response({"code": "forbidden", "status": 403}, status=403)


def named(proof: Proof) -> dict[str, Check]:
    """The checks by their names."""
    return {check.name: check for check in proof.checks}


def broken(proof: Proof) -> dict[str, str]:
    """What is broken, each with its first example."""
    return {check.name: check.examples[0] for check in proof.checks if check.broken}


def vacuous(proof: Proof) -> set[str]:
    """The checks that looked at nothing, but for the one that needs a server of our own."""
    return {check.name for check in proof.checks if not check.looked_at} - {TABLES}


def honest() -> Story:
    """Everything that is looked at, and all of it right: two tickets, and those who want them."""
    story = Story(tickets=2, waitlistLimit=2)
    ann = story.book("ann", key="ann")
    story.tell("book", {"e": EVENT, "u": "ann", "q": 1}, 201, ann, key="ann", replayed=True)
    bob = story.hold("bob")
    story.confirm(bob)
    cleo = story.wait("cleo", position=1)
    story.wait("dan", quantity=2, position=2)
    facts = {"e": EVENT, "u": "eve"}
    story.refuse("book", facts, 409, "waitlist_full", waitlistLimit=2, version=6)
    sold_out = {"availableTickets": 0, "waitingListCount": 2, "version": 6}
    story.refuse("book", {**facts, "w": False}, 409, "sold_out", **sold_out)
    story.refuse("book", facts, 503, "overloaded")
    story.look(**story.status)
    story.look(orderId=cleo["orderId"], userId="cleo", quantity=1, status="waitlisted", version=6, position=1)
    story.cancel(ann, cleo)
    story.refuse("cancel", {"o": ann["orderId"]}, 409, "already_cancelled", orderId=ann["orderId"], version=7)
    return story
