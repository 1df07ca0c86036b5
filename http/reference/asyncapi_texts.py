"""What listeners are told, and what they may say, in words, for the document that AsyncAPI has of it.

One entry for each call that stays open, by its name, and for each message. The examples stand in
`asyncapi_examples.py`. Values only, made once.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from boxoffice.http.live import messages
from boxoffice.http.live.audience import TELL_EVERY_S
from boxoffice.http.live.handshakes import GOOD_FOR_S
from boxoffice.http.live.listener import (
    GOING_AWAY,
    HEARD_MAX,
    IDLE_PING_EVERY_S,
    MESSAGES_MAX,
    OUR_MISTAKE,
    PING_EVERY_S,
    POLICY,
    STUCK_S,
    TRY_LATER,
    UNSUPPORTED,
)
from boxoffice.http.live.messages import MESSAGE_MAX, WATCHED_MAX
from boxoffice.http.reference.openapi_texts import STREAMED

WEBSOCKET, SSE = "WebSocket", "Server-Sent Events"
TOO_LARGE = 1009
"""What aiohttp closes with, by itself."""

TAGS: Mapping[str, str] = {
    WEBSOCKET: "Where the request says `Upgrade: websocket`.",
    SSE: "Where it says `Accept: text/event-stream`.",
}

CLOSE_CODES: Mapping[int, str] = {
    GOING_AWAY: "The server is shutting down. Come back in a moment, not all at once.",
    UNSUPPORTED: "You sent a binary message. Send text.",
    POLICY: "What let you in is no longer good: the key was revoked, or the token has expired. Or you sent"
    f" more than {MESSAGES_MAX} messages, or {HEARD_MAX // 1024} KiB, in a second. The reason says which.",
    TOO_LARGE: f"You sent a message of more than {MESSAGE_MAX // 1024} KiB.",
    OUR_MISTAKE: "We could not handle something. It is in the log. Come back.",
    TRY_LATER: f"Nothing of what was sent has been read for {STUCK_S:.0f} s; or others came first, and no"
    " more fit in. Come back later.",
}

_CLOSE_CODES = "\n".join(f"| {code} | {means} |" for code, means in CLOSE_CODES.items())

INTRODUCTION = f"""\
Tells you what is new as soon as it is committed: an event's numbers, and what becomes of an order.

Listen to one event at `/status/{{eventId}}/live`; to many, and to orders, at `/live`. First you are told how
things stand, then whatever is newer. All other calls stand in [the other document](/openapi.json), and the
examples here belong to its story.

```
websocat ws://localhost:3000/status/1/live
curl -N -H 'Accept: text/event-stream' localhost:3000/status/1/live
```

- **WebSocket**, or **Server-Sent Events** on the same addresses, for `Accept: text/event-stream`. A message
  is a JSON text; in a stream it is the `data`, and its `type` is the `event`.
- **The newest wins.** You are sent the newest status there is, {1 / TELL_EVERY_S:.0f} times a second at the
  most, and less often where many listen. Versions in between may be left out. They never go back. The same
  one comes again when the sale opens or ends by the clock: its `state` has changed.
- **Nothing is told that can still be undone.** It is durable by then, as in answers.
- **Who may**: whoever has the scope `read`, with the same `Authorization` as elsewhere. Browsers cannot send
  one with a WebSocket: for them there is a [handshake](/docs#/Listening/handshake), which stands in the
  address, and is good once, within {GOOD_FOR_S:.0f} s. Without any keys there is no need for either; and the
  operator may have opened the events, though not the orders, to anybody.
- **Whose page**: if there is an `Origin`, a WebSocket is opened for the server's own pages, and for those of
  origins that the operator has allowed.
- **Refusals** come before anything is opened, as problem documents: 400, 401, 403, 404 for an event that
  there is not, 422, 426 for what asks for neither kind of connection, 429 for too many requests, or listeners
  from one address, and 503 if no more fit in.
- **Pings** come every {PING_EVERY_S:.0f} s while there is something to tell, and every
  {IDLE_PING_EVERY_S:.0f} s otherwise. Libraries answer them by themselves. Whoever is late with it is sent
  nothing until then, and the newest afterwards; after {STUCK_S:.0f} s the connection is closed. In a stream a
  comment comes every {IDLE_PING_EVERY_S:.0f} s.
- **Coming back**: wait for a moment, at random, and longer each time. With `since` and the version that you
  have, one event's status is sent only if it is newer. With a stream, browsers do all this by themselves.

| Closed with | because |
| --- | --- |
{_CLOSE_CODES}

A stream ends with an event `close`, which says the same, where that can still be sent.
"""


@dataclass(frozen=True, slots=True)
class Message:
    """One kind of message: a type of `messages.py`."""

    body: Any
    title: str
    summary: str
    description: str = ""


MESSAGES: Mapping[str, Message] = {
    "status": Message(
        messages.StatusMessage,
        "An event's status",
        "What `GET /status/{eventId}` answers, as of one version.",
    ),
    "order": Message(
        messages.OrderMessage,
        "How an order stands",
        "What `GET /orders/{orderId}` answers: once at first, then when it has changed.",
        "When its status, quantity, `position` or `expiresAt` has changed, once a second at the most. After"
        " `cancelled` or `expired` nothing more comes, and the order is watched no longer.",
    ),
    "problem": Message(
        messages.ProblemMessage,
        "A problem",
        "Something could not be done. What is watched already still is.",
        "`eventId` or `orderId` says what it was about, as you wrote it; neither, that a message was not"
        " understood. There is no such event (`event_not_found`) or order (`order_not_found`: also those of"
        " others, for a customer), you watch as many as you may, or have asked too often (`rate_limited`).",
    ),
    "close": Message(
        messages.CloseNotice,
        "The end of a stream",
        f"Why the server ends it. {SSE} only: a WebSocket is told so in its close frame.",
    ),
    "watch": Message(
        messages.WatchBody,
        "What to watch",
        "Several of these in one message are done in the order: unwatch, unwatchOrder, watch, watchOrder.",
        f"One connection watches {WATCHED_MAX} events and {WATCHED_MAX} orders at the most. To watch what is"
        " watched already has it told again. A message counts as a request does, and each event in it after"
        " the first as another.",
    ),
}


@dataclass(frozen=True, slots=True)
class Channel:
    """A call that stays open. `query` and `path`: names of `openapi_parts.py`."""

    title: str
    summary: str
    description: str
    query: tuple[str, ...]
    messages: tuple[str, ...]
    path: tuple[str, ...] = ()


CHANNELS: Mapping[str, Channel] = {
    "liveStatus": Channel(
        "One event",
        "An event's status, and every newer one.",
        "The status comes at once, unless it is not newer than `since`. Nothing is expected from the client:"
        " what it sends is ignored.\n\n"
        f"The stream:\n\n```\n{STREAMED}```\n\n"
        "Its `id` is `<eventId>-<version>`; who comes back with it as `Last-Event-ID` has said `since`.",
        ("since", "handshakeParameter"),
        ("status", "close"),
        ("eventId",),
    ),
    "live": Channel(
        "Many events, and orders",
        "Whatever you want to watch, over one connection.",
        "By WebSocket, say what to watch in messages, at any time; in the address, too, if that is known"
        " beforehand. A stream has only the address: `/live?watch=1,2&watchOrder=…`. Customers may watch"
        " every event, and their own orders.\n\n"
        "In a stream, the `id` of a status is `<eventId>-<version>`; the others have none.",
        ("watch", "watchOrder", "handshakeParameter"),
        ("status", "order", "problem", "watch", "close"),
    ),
}


@dataclass(frozen=True, slots=True)
class Operation:
    """What the server does on a channel: it sends, or it receives. `answered`: with which messages."""

    channel: str
    action: Literal["send", "receive"]
    transport: str
    title: str
    summary: str
    messages: tuple[str, ...]
    answered: tuple[str, ...] = ()


OPERATIONS: Mapping[str, Operation] = {
    "sendStatus": Operation(
        "liveStatus",
        "send",
        WEBSOCKET,
        "Statuses of an event",
        "How it stands now, then every newer status.",
        ("status",),
    ),
    "streamStatus": Operation(
        "liveStatus",
        "send",
        SSE,
        "Statuses of an event, as a stream",
        "The same, and why it ends.",
        ("status", "close"),
    ),
    "receiveWatch": Operation(
        "live",
        "receive",
        WEBSOCKET,
        "What to watch",
        "Said by the listener, at any time: what to watch, and what no longer.",
        ("watch",),
        ("status", "order", "problem"),
    ),
    "sendNews": Operation(
        "live",
        "send",
        WEBSOCKET,
        "What is new",
        "How each thing that is watched stands now, then what is newer.",
        ("status", "order", "problem"),
    ),
    "streamNews": Operation(
        "live",
        "send",
        SSE,
        "What is new, as a stream",
        "The same of what stands in the address, and why it ends.",
        ("status", "order", "problem", "close"),
    ),
}
