"""One client: a visitor who asks one request after another, over connections made when they are needed.

It gives up when it has waited for too long, and knows nothing of when to ask: that is its loop's. On a
worker's event loop, where each microsecond counts.
"""

from math import inf
from time import monotonic
from typing import Protocol

from boxoffice.bench.load.asks import GAVE_UP, NO_ANSWER, Answer, Ask
from boxoffice.bench.load.connection import Connection
from boxoffice.bench.load.requests import Requests
from boxoffice.bench.scenarios.scenario import Visitor


class Door(Protocol):
    """How clients come to the server, and whom they tell of their answers."""

    requests: Requests
    patience_s: float

    def connect(self, client: "Client") -> None:
        """Make it a connection: `Client.connected` is called, or `Client.not_connected`."""

    def answered(self, client: "Client", ask: Ask, answer: Answer, now_s: float) -> None:
        """What the client has asked has come to its end, and it is free."""


class Client:
    """Asks for one visitor. `since_s`: the time of the request that is under way, from which latency counts;
    `sent_s`: when it went out, or began to wait for its connection; `until_s`: when it is given up.
    """

    __slots__ = ("_ask", "_connection", "_door", "is_connecting", "sent_s", "since_s", "until_s", "visitor")

    def __init__(self, door: Door, visitor: Visitor) -> None:
        self.visitor = visitor
        self.since_s = self.sent_s = 0.0
        self.until_s = inf
        self.is_connecting = False
        self._door = door
        self._connection: Connection | None = None
        self._ask: Ask | None = None

    @property
    def is_connected(self) -> bool:
        """Whether a connection is open."""
        return self._connection is not None

    @property
    def is_busy(self) -> bool:
        """Whether a request is under way."""
        return self._ask is not None

    def send(self, ask: Ask, since_s: float, now_s: float) -> None:
        """Ask; the answer goes to `Door.answered`."""
        self._ask, self.since_s, self.sent_s = ask, since_s, now_s
        patience_s = ask.patience_s
        self.until_s = now_s + (self._door.patience_s if patience_s is None else patience_s)
        if self._connection is not None:
            self._connection.send(self._door.requests.bytes_of(ask))
        else:
            self.connect()

    def connect(self) -> None:
        """Have a connection made, if there is none."""
        if self._connection is None and not self.is_connecting:
            self.is_connecting = True
            self._door.connect(self)

    def give_up(self) -> None:
        """The answer has not come in time: close the connection, and tell so."""
        self.close()
        self.received(GAVE_UP)

    def close(self) -> None:
        """Close the connection."""
        connection, self._connection = self._connection, None
        if connection is not None:
            connection.close()

    # --- what the connection tells ---------------------------------------------------------------

    def connected(self, connection: Connection) -> None:
        """There is a connection."""
        self.is_connecting = False
        self._connection = connection
        if self._ask is not None:
            connection.send(self._door.requests.bytes_of(self._ask))

    def not_connected(self) -> None:
        """None could be made."""
        self.is_connecting = False
        self.received(NO_ANSWER)

    def received(self, answer: Answer) -> None:
        """The answer came."""
        ask, self._ask = self._ask, None
        self.until_s = inf
        if ask is not None:
            self._door.answered(self, ask, answer, monotonic())

    def lost(self, answer: Answer) -> None:
        """The connection is no more."""
        self._connection = None
        self.received(answer)
