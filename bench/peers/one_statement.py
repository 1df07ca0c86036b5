"""Peer (b): aiohttp and asyncpg, and PostgreSQL does it all: one statement books.

    build/peers/venv/bin/python bench/peers/one_statement.py --socket FOLDER [--port 3002] [--pool N]

A conditional UPDATE takes the tickets and, in the same statement, an INSERT writes the order; a statement is
a transaction. Only who finds nothing left needs a second one, which takes a place in line.

Done to be fair: everything that is in `shapes.py`; PostgreSQL by its unix socket; statements prepared once on
each connection; a pool of a size that none beat here (1 to 32 were tried: more than a few only wait in
another place for the same row); the place in line is a counter of the event's, nothing is ever counted.
"""

# mypy: disable-error-code="import-not-found, import-untyped"

from collections.abc import AsyncIterator
from datetime import datetime

import asyncpg
import shapes
from aiohttp import web

POOL = 8

TABLES = """
CREATE TABLE IF NOT EXISTS events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name text NOT NULL,
    capacity integer NOT NULL,
    available integer NOT NULL CHECK (available >= 0),
    waiting integer NOT NULL DEFAULT 0,
    version integer NOT NULL DEFAULT 1
);
CREATE TABLE IF NOT EXISTS orders (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id bigint NOT NULL,
    user_id text NOT NULL,
    quantity integer NOT NULL,
    position integer,
    version integer NOT NULL,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp()
);
"""
BOOK = """
WITH taken AS (
    UPDATE events SET available = available - $3, version = version + 1
     WHERE id = $1 AND available >= $3 AND waiting = 0
 RETURNING version
)
INSERT INTO orders (event_id, user_id, quantity, version)
SELECT $1, $2, $3, version FROM taken
RETURNING id, version, created_at, position
"""
WAIT = """
WITH place AS (
    UPDATE events SET waiting = waiting + 1, version = version + 1
     WHERE id = $1 AND (available < $3 OR waiting > 0)
 RETURNING version, waiting
)
INSERT INTO orders (event_id, user_id, quantity, version, position)
SELECT $1, $2, $3, version, waiting FROM place
RETURNING id, version, created_at, position
"""
INITIALIZE = "INSERT INTO events (name, capacity, available) VALUES ($1, $2, $2) RETURNING *"
STATUS = "SELECT * FROM events WHERE id = $1"


class Desk:
    """The handlers, and the pool that they share."""

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool

    async def initialize(self, request: web.Request) -> web.Response:
        """Put an event on sale."""
        asked = await shapes.read(request, shapes.NewEvent)
        return shapes.answer(
            201, status(await self._pool.fetchrow(INITIALIZE, asked.event_name, asked.total_tickets))
        )

    async def book(self, request: web.Request) -> web.Response:
        """Book, or wait."""
        asked = await shapes.read(request, shapes.Booking)
        values = int(asked.event_id), asked.user_id, asked.quantity
        async with self._pool.acquire() as connection:
            for statement in (BOOK, WAIT):
                row = await connection.fetchrow(statement, *values)
                if row is not None:
                    created_at: datetime = row["created_at"]
                    return shapes.order(asked, row["id"], row["version"], created_at, row["position"])
        raise shapes.not_found()

    async def status(self, request: web.Request) -> web.Response:
        """The event's numbers."""
        row = await self._pool.fetchrow(STATUS, int(request.match_info["event_id"]))
        if row is None:
            raise shapes.not_found()
        return shapes.answer(200, status(row))


def status(row: asyncpg.Record) -> shapes.Status:
    """An event as it is answered."""
    booked = row["capacity"] - row["available"]
    return shapes.Status(
        str(row["id"]), row["name"], row["capacity"], row["available"], booked, row["waiting"], row["version"]
    )


async def application(socket: str, size: int) -> web.Application:
    """The routes, and a pool that lives as long as they do."""
    pool = await asyncpg.create_pool(
        host=socket, port=5432, user="boxoffice", database="boxoffice", min_size=size, max_size=size
    )
    await pool.execute(TABLES)
    desk = Desk(pool)

    async def pooled(_: web.Application) -> AsyncIterator[None]:
        yield
        await pool.close()

    app = web.Application()
    app.cleanup_ctx.append(pooled)
    app.add_routes([
        web.post("/initialize", desk.initialize),
        web.post("/book", desk.book),
        web.get(r"/status/{event_id:\d+}", desk.status),
    ])  # fmt: skip
    return app


if __name__ == "__main__":
    options = shapes.parser(__doc__, POOL).parse_args()
    shapes.run("aiohttp and asyncpg", application(options.socket, options.pool), options.port)
