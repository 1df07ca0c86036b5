"""Peer (c): FastAPI, uvicorn and SQLAlchemy's asyncio extension, as most would write it.

    build/peers/venv/bin/python bench/peers/orm.py --socket FOLDER [--port 3003] [--pool N]

A session for each request; the event is read FOR UPDATE, changed as an object, the order added, and the
session committed. Pydantic reads the request and writes the answer.

Done to be fair: uvicorn with uvloop and httptools and without an access log; PostgreSQL by its unix socket,
through asyncpg; a pool of a size that none beat here (2 to 32 were tried), none beyond it; sessions that do
not expire what they have committed, which would read it back; ids from a sequence, and the place in line is a
counter of the event's.
"""

# mypy: disable-error-code="import-not-found, misc, untyped-decorator"

import argparse
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Annotated

import uvicorn
from fastapi import Depends, FastAPI, HTTPException, Response
from pydantic import BaseModel, ConfigDict, Field
from pydantic.alias_generators import to_camel
from sqlalchemy import URL, BigInteger, CheckConstraint, DateTime, select
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession, async_sessionmaker, create_async_engine
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

POOL = 8

# --- what is stored ------------------------------------------------------------------------------


class Base(DeclarativeBase):
    """Of both tables."""


class Event(Base):
    """What people buy tickets for."""

    __tablename__ = "events"
    __table_args__ = (CheckConstraint("available >= 0"),)

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    name: Mapped[str]
    capacity: Mapped[int]
    available: Mapped[int]
    waiting: Mapped[int] = mapped_column(default=0)
    version: Mapped[int] = mapped_column(default=1)


class Order(Base):
    """A ticket, or a place in line."""

    __tablename__ = "orders"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    event_id: Mapped[int] = mapped_column(BigInteger)
    user_id: Mapped[str]
    quantity: Mapped[int]
    status: Mapped[str]
    position: Mapped[int | None]
    version: Mapped[int]
    created_at: Mapped[datetime] = mapped_column(DateTime(timezone=True))


# --- what goes over the wire ---------------------------------------------------------------------


class Body(BaseModel):
    """A JSON object in camelCase."""

    model_config = ConfigDict(alias_generator=to_camel, populate_by_name=True, coerce_numbers_to_str=True)


class NewEvent(Body):
    """What `POST /initialize` takes."""

    event_name: str = Field(min_length=1, max_length=200)
    total_tickets: int = Field(ge=1, le=1_000_000_000)


class Booking(Body):
    """What `POST /book` takes."""

    event_id: int = Field(ge=0, lt=2**63)
    user_id: str = Field(min_length=1, max_length=200)
    quantity: int = Field(1, ge=1, le=1_000_000_000)


class OrderBody(Body):
    """What `POST /book` answers."""

    order_id: str
    event_id: str
    user_id: str
    quantity: int
    status: str
    version: int
    created_at: datetime
    position: int | None = None


class StatusBody(Body):
    """What `GET /status/{eventId}` answers, and `POST /initialize`."""

    event_id: str
    event_name: str
    total_tickets: int
    available_tickets: int
    booked_tickets: int
    waiting_list_count: int
    version: int


# --- the application -----------------------------------------------------------------------------


def application(engine: AsyncEngine) -> FastAPI:
    """The routes, on tables that are made when it starts."""
    sessions = async_sessionmaker(engine, expire_on_commit=False)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        async with engine.begin() as connection:
            await connection.run_sync(Base.metadata.create_all)
        yield
        await engine.dispose()

    async def session() -> AsyncIterator[AsyncSession]:
        async with sessions() as opened:
            yield opened

    app = FastAPI(lifespan=lifespan)
    Session = Annotated[AsyncSession, Depends(session)]  # noqa: N806

    @app.post("/initialize", status_code=201)
    async def initialize(asked: NewEvent, session: Session) -> StatusBody:
        event = Event(name=asked.event_name, capacity=asked.total_tickets, available=asked.total_tickets)
        session.add(event)
        await session.commit()
        return status_body(event)

    @app.post("/book", status_code=201, response_model_exclude_none=True)
    async def book(asked: Booking, session: Session, response: Response) -> OrderBody:
        event = await session.get(Event, asked.event_id, with_for_update=True)
        if event is None:
            raise HTTPException(404, "event_not_found")
        order = Order(event_id=event.id, user_id=asked.user_id, quantity=asked.quantity)
        order.created_at = datetime.now(UTC)
        if event.available >= asked.quantity and not event.waiting:
            event.available -= asked.quantity
            order.status = "confirmed"
        else:
            event.waiting += 1
            order.status, order.position = "waitlisted", event.waiting
            response.status_code = 202
        event.version += 1
        order.version = event.version
        session.add(order)
        await session.commit()
        return order_body(order)

    @app.get("/status/{event_id}")
    async def status(event_id: int, session: Session) -> StatusBody:
        event = await session.scalar(select(Event).where(Event.id == event_id))
        if event is None:
            raise HTTPException(404, "event_not_found")
        return status_body(event)

    return app


def order_body(order: Order) -> OrderBody:
    """An order as it is answered."""
    return OrderBody(
        order_id=f"{order.event_id}-{order.id}",
        event_id=str(order.event_id),
        user_id=order.user_id,
        quantity=order.quantity,
        status=order.status,
        version=order.version,
        created_at=order.created_at,
        position=order.position,
    )


def status_body(event: Event) -> StatusBody:
    """An event as it is answered."""
    return StatusBody(
        event_id=str(event.id),
        event_name=event.name,
        total_tickets=event.capacity,
        available_tickets=event.available,
        booked_tickets=event.capacity - event.available,
        waiting_list_count=event.waiting,
        version=event.version,
    )


class Server(uvicorn.Server):
    """One that says where it is open."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and say so."""
        await super().startup(sockets)
        for each in sockets or ():
            print(f"FastAPI is open at http://127.0.0.1:{each.getsockname()[1]}", flush=True)


def main() -> None:
    """Serve on loopback until SIGTERM or SIGINT."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--port", type=int, default=3003)
    parser.add_argument("--socket", required=True, help="where PostgreSQL listens")
    parser.add_argument("--pool", type=int, default=POOL, help="connections to PostgreSQL")
    options = parser.parse_args()
    where = {"host": options.socket, "port": "5432"}
    url = URL.create("postgresql+asyncpg", username="boxoffice", database="boxoffice", query=where)
    app = application(create_async_engine(url, pool_size=options.pool, max_overflow=0))
    settings = uvicorn.Config(app, loop="uvloop", http="httptools", access_log=False, log_level="warning")
    Server(settings).run([socket.create_server(("127.0.0.1", options.port), backlog=4096)])


if __name__ == "__main__":
    main()
