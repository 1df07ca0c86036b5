"""The ceiling: the same server, routes, bodies and answers as `POST /book` and `GET /status`, and no booking.

`POST /book` decodes and validates what the real handler does, and answers a document of the same shape; what
it leaves out is the door, the actor, the journal and PostgreSQL. `GET /status/{eventId}` answers the bytes of
a status document that were made beforehand, under the headers that a real one has. Run by the trials as a
process of its own:

    python bench/trials/do_nothing.py --port 3001
"""

import argparse

import uuid_utils
import uvloop
from aiohttp import web

from boxoffice.actors.values import (
    EventId,
    EventStatus,
    Instant,
    Order,
    OrderId,
    OrderStatus,
)
from boxoffice.http import binding, server, wire
from boxoffice.http.commands import COMMANDS
from boxoffice.http.handlers import read_json

STATUS = wire.encode(
    wire.event_body(
        EventStatus(EventId(1), "Hot", 10_000_000, 9_900_000, 100_000, 0, 0, 0, 0, 100_001), Instant(1)
    )
)
STATUS_HEADERS = {
    "X-Request-ID": "01a21439cf6f75b78cdbe4ac",
    "Content-Type": "application/json",
    "ETag": '"100001-open"',
    "Cache-Control": "no-cache",
}


async def book(request: web.Request) -> web.Response:
    """Pretend to have booked."""
    body = COMMANDS["book"].read(await read_json(request))
    order_id = OrderId(str(uuid_utils.uuid7()))
    customer = wire.customer_of(body.user_id)
    order = Order(order_id, customer, body.quantity, OrderStatus.CONFIRMED, Instant(1_764_000_000_000_000))
    event_id = wire.event_id_of(body.event_id) or EventId(1)
    document = wire.encode(wire.order_body(event_id, order, 1))
    return web.Response(body=document, status=201, content_type="application/json")


async def status(_: web.Request) -> web.Response:
    """Say what was said before."""
    return web.Response(body=STATUS, headers=STATUS_HEADERS)


async def main(port: int) -> None:
    """Serve until SIGTERM."""

    async def nothing() -> None: ...

    def ready() -> None:
        print(f"do nothing at http://127.0.0.1:{bound.getsockname()[1]}", flush=True)

    bound = binding.bind("127.0.0.1", port)
    app = web.Application()
    app.add_routes([web.post("/book", book), web.get("/status/{eventId}", status)])
    await server.serve(app, bound, ready=ready, drain=nothing)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=3001)
    uvloop.run(main(parser.parse_args().port))
