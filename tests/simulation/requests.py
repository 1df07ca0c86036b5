"""What clients asked of one event, and what they could know of its outcome: what both checkers begin with.

A client that asks again under the same key asks for the same thing: all its sendings are one `Request`. The
commands of a batch and the orders of a list are taken apart first, so that each is a `Seen` of its own.
Nothing here knows the log or the rules. Called by the checkers, after a run, on the test's thread.
"""

import json
import math
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from typing import Any

import msgspec

from boxoffice.actors.messages import Book, Command, Hold
from boxoffice.actors.values import OrderId
from boxoffice.http.commands import COMMANDS, INITIALIZE, command_of, initialize_of
from boxoffice.http.problems import ProblemError
from tests.support.log import Seen, as_json


class Outcome(Enum):
    """What a client was told became of its request."""

    DONE = "done"  # 2xx: it made the version that it names
    REFUSED = "refused"  # 4xx: it made none, and never will
    NOT_APPLIED = "not applied"  # 503, or told to ask again: it made none
    UNKNOWN = "unknown"  # no answer, or 504: it made one or none


@dataclass(eq=False, slots=True)
class Request:
    """One thing that was asked for, once or again and again; `final` is the first answer that is one."""

    path: str
    asked: dict[str, Any]
    key: str | None
    sent: Sequence[Seen]
    outcome: Outcome
    final: Seen | None
    began_s: float
    ended_s: float = math.inf
    name: object = field(init=False)
    """The same for all that can have but one effect between them."""

    def __post_init__(self) -> None:
        self.name = id(self) if self.key is None else self.key

    @property
    def version(self) -> int | None:
        """The version that the answer names."""
        return None if self.final is None else version_in(self.final)

    def __str__(self) -> str:
        key = "" if self.key is None else f" under the key {self.key!r}"
        return f"{self.path} {json.dumps(self.asked)}{key}, {self.outcome.value}"

    def command(self, order_id: str) -> Command | None:
        """What it asks the event for; a new order is to have this id. None if it cannot be read."""
        body = as_json(self.asked)
        try:
            if self.path == "/initialize":
                return initialize_of(INITIALIZE.read(body))
            command = command_of(COMMANDS[self.path.removeprefix("/")].read(body), None)[1]
        except ProblemError:
            return None
        if isinstance(command, Book | Hold):
            return msgspec.structs.replace(command, order_id=OrderId(order_id))
        return command


def is_look(seen: Seen) -> bool:
    """Whether it was a GET."""
    return seen.path.startswith(("/status/", "/orders"))


def version_in(seen: Seen) -> int | None:
    """The version that an answer names, if it does."""
    version: int | None = (seen.answer or {}).get("version")
    return version


def looked_at(seen: Seen) -> str:
    """The event, or the order, that a GET names; empty for anything else."""
    return seen.path.split("/")[2] if is_look(seen) else ""


# --- taken apart ---------------------------------------------------------------------------------


def seen_of(event_id: str, seen: Iterable[Seen]) -> list[Seen]:
    """What was asked of this event, taken apart."""
    return [each for each in taken_apart(seen) if event_of(each) == event_id]


def taken_apart(seen: Iterable[Seen]) -> Iterator[Seen]:
    """Each command of each batch, and each order of each list, as if it had been asked for alone."""
    for each in seen:
        if each.path == "/batch":
            yield from seen_in_batch(each)
        elif each.path.startswith("/orders?"):
            yield from seen_in_list(each)
        else:
            yield each


def seen_in_batch(seen: Seen) -> list[Seen]:
    """Each command with its result, in their order; if the batch had no results, with the batch's answer."""
    commands = seen.asked["commands"]
    whole = {"status": seen.status, "body": seen.answer}
    results = seen.answer["results"] if seen.status == 200 else [whole] * len(commands)
    return [
        replace(
            seen,
            path=f"/{command['do']}",
            asked={name: value for name, value in command.items() if name != "do"},
            status=result["status"],
            answer=result["body"],
            key=None if seen.key is None else f"{seen.key}\n{position}",  # no key has a line feed
        )
        for position, (command, result) in enumerate(zip(commands, results, strict=True))
    ]


def seen_in_list(seen: Seen) -> list[Seen]:
    """Each order of a list as if it had been looked at alone. What the list leaves out is not looked for."""
    items = seen.answer["items"] if seen.status == 200 else []
    return [replace(seen, path=f"/orders/{item['orderId']}", answer=item) for item in items]


def event_of(seen: Seen) -> str | None:
    """The event that was asked; None if nobody knows, like that of a sale which was not answered."""
    if is_look(seen):
        return looked_at(seen).partition("-")[0]
    if seen.path == "/initialize":
        named = (seen.answer or {}).get("eventId")
    else:
        named = seen.asked.get("eventId") or str(seen.asked.get("orderId", "")).partition("-")[0]
    return None if named is None else str(named)


# --- put together --------------------------------------------------------------------------------


def requests_of(seen: Iterable[Seen]) -> list[Request]:
    """Everything that was asked for, the looks apart, in the order of the first asking."""
    sendings: dict[object, list[Seen]] = defaultdict(list)
    for each in sorted(seen, key=lambda each: each.began_s):
        alone = each.key is None
        sendings[id(each) if alone else (each.key, each.path, as_json(each.asked))].append(each)
    return [_request(sent) for sent in sendings.values()]


def _request(sent: Sequence[Seen]) -> Request:
    finals = [each for each in sent if is_final(each)]
    final = min(finals, key=lambda each: each.ended_s, default=None)
    if final is not None:
        outcome = Outcome.DONE if final.status < 300 else Outcome.REFUSED
    elif all(each.status in (409, 429, 503) for each in sent):
        outcome = Outcome.NOT_APPLIED
    else:
        outcome = Outcome.UNKNOWN
    ended_s = math.inf if final is None else final.ended_s
    first = sent[0]
    return Request(first.path, first.asked, first.key, sent, outcome, final, first.began_s, ended_s)


def is_final(seen: Seen) -> bool:
    """Whether asking again under the same key would be answered the same."""
    if not 200 <= seen.status < 500 or seen.status == 429:
        return False
    code: object = seen.answer.get("code")
    return code != "in_progress"


def is_mismatch(seen: Seen) -> bool:
    """Whether it was refused because its key was another request's."""
    return seen.status == 422 and seen.answer.get("code") == "idempotency_mismatch"


def without_request_id(answer: Mapping[str, Any]) -> dict[str, Any]:
    """An answer without the one thing that is new each time it is given."""
    return {name: value for name, value in answer.items() if name != "requestId"}
