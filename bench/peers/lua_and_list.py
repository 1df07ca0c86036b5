"""Peer (d): aiohttp and Redis: a Lua script takes tickets from a hash and pushes the order to a list.

    build/peers/venv/bin/python bench/peers/lua_and_list.py --socket FILE [--port 3004] [--pool N]

Redis runs one script after the other, so nothing is oversold. It is started with `appendonly yes` and
`appendfsync always`: what has been written is on disk before any of it is answered, and all clients that wait
share that write.

Done to be fair: everything that is in `shapes.py`; hiredis reads the answers; Redis by its unix socket; the
script is sent once, then called by its digest; a pool of a size that none beat here (8 to 256 were tried);
Redis makes no snapshots and does not rewrite its log meanwhile (see `REDIS` in `bench/trials/peers.py`).
"""

# mypy: disable-error-code="import-not-found, import-untyped"

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import msgspec
import redis.asyncio as redis
import shapes
from aiohttp import web

POOL = 64

BOOK = """
local event, orders, line = KEYS[1], KEYS[2], KEYS[3]
local available = tonumber(redis.call('HGET', event, 'available'))
if not available then return nil end
local version = redis.call('HINCRBY', event, 'version', 1)
local order = version .. ' ' .. ARGV[2]
if available >= tonumber(ARGV[1]) and redis.call('HGET', event, 'waiting') == '0' then
    redis.call('HINCRBY', event, 'available', -ARGV[1])
    redis.call('RPUSH', orders, order)
    return {version}
end
redis.call('RPUSH', line, order)
return {version, redis.call('HINCRBY', event, 'waiting', 1)}
"""


class Desk:
    """The handlers, and the connections that they share."""

    def __init__(self, client: "redis.Redis") -> None:
        self._client = client
        self._book = client.register_script(BOOK)

    async def initialize(self, request: web.Request) -> web.Response:
        """Put an event on sale."""
        asked = await shapes.read(request, shapes.NewEvent)
        event_id = await self._client.incr("events")
        fields = {"name": asked.event_name, "capacity": asked.total_tickets, "available": asked.total_tickets}
        await self._client.hset(f"event:{event_id}", mapping={**fields, "waiting": 0, "version": 1})
        return shapes.answer(201, await self._status(event_id))

    async def book(self, request: web.Request) -> web.Response:
        """Book, or wait."""
        asked = await shapes.read(request, shapes.Booking)
        event_id = asked.event_id
        now = datetime.now(UTC)
        order = msgspec.json.encode((asked.user_id, asked.quantity, now))
        keys = (f"event:{event_id}", f"orders:{event_id}", f"line:{event_id}")
        found = await self._book(keys, (asked.quantity, order))
        if found is None:
            raise shapes.not_found()
        version, position = found if len(found) == 2 else (found[0], None)
        return shapes.order(asked, version, version, now, position)

    async def status(self, request: web.Request) -> web.Response:
        """The event's numbers."""
        return shapes.answer(200, await self._status(int(request.match_info["event_id"])))

    async def _status(self, event_id: int) -> shapes.Status:
        found = await self._client.hgetall(f"event:{event_id}")
        if not found:
            raise shapes.not_found()
        capacity, available, waiting, version = (
            int(found[name]) for name in (b"capacity", b"available", b"waiting", b"version")
        )
        name = found[b"name"].decode()
        booked = capacity - available
        return shapes.Status(str(event_id), name, capacity, available, booked, waiting, version)


async def application(socket: str, size: int) -> web.Application:
    """The routes, and a pool that lives as long as they do."""
    pool = redis.BlockingConnectionPool(
        connection_class=redis.UnixDomainSocketConnection, path=socket, max_connections=size, timeout=30
    )
    client = redis.Redis(connection_pool=pool)
    desk = Desk(client)

    async def pooled(_: web.Application) -> AsyncIterator[None]:
        yield
        await client.aclose()
        await pool.aclose()

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
    shapes.run("aiohttp and Redis", application(options.socket, options.pool), options.port)
