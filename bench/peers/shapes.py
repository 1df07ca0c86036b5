"""What the peers on aiohttp have in common: the shapes of requests and answers, and how they are served.

The shapes are those of boxoffice, as far as a booking goes, so that every peer reads and writes the same.
Fast where it can be: msgspec reads, checks and writes; uvloop; no access log; a long queue of connections.
"""

import argparse
import socket
from collections.abc import Awaitable
from datetime import UTC, datetime
from typing import Annotated, TypeVar

import msgspec
import uvloop
from aiohttp import web
from msgspec import UNSET, Meta, UnsetType

BACKLOG = 4096
"""Connections that may wait to be accepted."""

Count = Annotated[int, Meta(ge=1, le=1_000_000_000)]
Text = Annotated[str, Meta(min_length=1, max_length=200)]
Id = Annotated[int, Meta(ge=0, le=2**63 - 1)] | Annotated[str, Meta(pattern=r"^[0-9]{1,18}$")]


class Body(msgspec.Struct, rename="camel"):
    """A JSON object in camelCase."""


class NewEvent(Body):
    """What `POST /initialize` takes."""

    event_name: Text
    total_tickets: Count


class Booking(Body):
    """What `POST /book` takes."""

    event_id: Id
    user_id: Text
    quantity: Count = 1


class Order(Body):
    """What `POST /book` answers."""

    order_id: str
    event_id: str
    user_id: str
    quantity: int
    status: str
    version: int
    created_at: datetime
    position: int | UnsetType = UNSET


class Status(Body):
    """What `GET /status/{eventId}` answers, and `POST /initialize`."""

    event_id: str
    event_name: str
    total_tickets: int
    available_tickets: int
    booked_tickets: int
    waiting_list_count: int
    version: int


T = TypeVar("T", bound=Body)


async def read(request: web.Request, shape: type[T]) -> T:
    """The request's body; an answer with status 422 is raised when it is not of this shape."""
    try:
        return msgspec.json.decode(await request.read(), type=shape)
    except msgspec.DecodeError as error:
        detail = {"code": "invalid_request", "detail": str(error)}
        body = msgspec.json.encode(detail)
        raise web.HTTPUnprocessableEntity(body=body, content_type="application/json") from error


def answer(status: int, body: Body) -> web.Response:
    """A JSON answer."""
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")


def order(
    asked: Booking, order_id: int, version: int, created_at: datetime, position: int | None
) -> web.Response:
    """201 for whoever has a ticket, 202 for whoever has a place in line."""
    waits = position is not None
    event_id = str(asked.event_id)
    found = Order(
        f"{event_id}-{order_id}",
        event_id,
        asked.user_id,
        asked.quantity,
        "waitlisted" if waits else "confirmed",
        version,
        created_at.astimezone(UTC),
        UNSET if position is None else position,
    )
    return answer(202 if waits else 201, found)


def not_found() -> web.HTTPException:
    """There is no such event."""
    return web.HTTPNotFound(body=b'{"code":"event_not_found"}', content_type="application/json")


def parser(doc: str | None, pool: int) -> argparse.ArgumentParser:
    """What each of them is told; `pool` is the best number found here."""
    made = argparse.ArgumentParser(description=doc, formatter_class=argparse.RawTextHelpFormatter)
    made.add_argument("--port", type=int, default=3002)
    made.add_argument("--socket", required=True, help="where the database listens")
    made.add_argument("--pool", type=int, default=pool, help="connections to the database")
    return made


def run(name: str, app: Awaitable[web.Application], port: int) -> None:
    """Serve on loopback until SIGTERM or SIGINT, with one process, as boxoffice does."""
    listening = socket.create_server(("127.0.0.1", port), backlog=BACKLOG)

    def say(*_: object) -> None:
        print(f"{name} is open at http://127.0.0.1:{listening.getsockname()[1]}", flush=True)

    loop = uvloop.new_event_loop()
    web.run_app(app, sock=listening, backlog=BACKLOG, access_log=None, print=say, loop=loop)
