"""The ceiling: the same server, route, body and answer as `POST /book`, and no booking.

Decodes and validates what the real handler does, and answers a document of the same shape; what it
leaves out is the actor, the journal and PostgreSQL. Run by the benchmarks as a process of its own:

    python bench/trials/do_nothing.py --port 3001
"""

import argparse

import uuid_utils
import uvloop
from aiohttp import web

from boxoffice.actors.values import (
    EventId,
    Instant,
    Order,
    OrderId,
    OrderStatus,
)
from boxoffice.http import binding, server, wire
from boxoffice.http.commands import COMMANDS
from boxoffice.http.handlers import read_json, response


async def book(request: web.Request) -> web.Response:
    """Pretend to have booked."""
    body = COMMANDS["book"].read(await read_json(request))
    order_id = OrderId(str(uuid_utils.uuid7()))
    customer = wire.customer_of(body.user_id)
    order = Order(order_id, customer, body.quantity, OrderStatus.CONFIRMED, Instant(1_764_000_000_000_000))
    event_id = wire.event_id_of(body.event_id) or EventId(1)
    return response(201, wire.order_body(event_id, order, 1))


async def main(port: int) -> None:
    """Serve until SIGTERM."""

    async def nothing() -> None: ...

    def ready() -> None:
        print(f"do nothing at http://127.0.0.1:{bound.getsockname()[1]}", flush=True)

    bound = binding.bind("127.0.0.1", port)
    app = web.Application()
    app.add_routes([web.post("/book", book)])
    await server.serve(app, bound, ready=ready, drain=nothing)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, default=3001)
    uvloop.run(main(parser.parse_args().port))
