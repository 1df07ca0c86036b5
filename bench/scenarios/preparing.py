"""What comes before a load: events are made, and it is found out whether the caller may do what is to come.

In the parent process. Whatever stands in the way becomes a LoadError, in words for whoever runs the test.
"""

import asyncio
from collections.abc import Sequence
from typing import Any

from boxoffice.bench.options import Options
from boxoffice.bench.scenarios.scenario import LoadError
from boxoffice.bench.target import Target

PLENTY = 10_000_000
"""Tickets of an event that is not to sell out: the most that a server takes."""

EVENTS_MAX = 1_000_000
"""Events of one load: as many names and ids go to every worker."""

BATCH = 250
"""Events made in one request: some 0.3 s."""

AT_ONCE = 6
"""Requests under way. Events are made one after the other within a batch; the batches share commits."""

NO_EVENT = "9223372036854775807"
"""An event that there is not: the last that a server would make."""

_TRIALS: dict[str, tuple[str, str, str, object]] = {
    "sell": ("book", "POST", "/book", {"eventId": NO_EVENT, "userId": "load-test"}),
    "read": ("look at an event", "GET", f"/status/{NO_EVENT}", None),
}
"""By scope: what it allows, and a call that shows it."""


def tickets_in(options: Options) -> int:
    """Tickets of each event: as the options say, or plenty."""
    return PLENTY if options.tickets is None else options.tickets


def events_in(options: Options, otherwise: int, most: int = EVENTS_MAX) -> int:
    """Events that the options ask for, or as many as this. Raises LoadError for too many, or none."""
    count = otherwise if options.events is None else options.events
    if not 1 <= count <= most:
        raise LoadError(f"`{options.scenario}` takes 1 to {most:,} events, not {count:,}")
    return count


async def make_events(target: Target, events: Sequence[dict[str, object]]) -> list[str]:
    """Make these events, each the body of an `/initialize`; their ids in this order. Raises LoadError."""
    if len(events) == 1:
        status, body = await call(target, "POST", "/initialize", events[0])
        return [_event_id(target, "POST /initialize", status, body)]
    gate = asyncio.Semaphore(AT_ONCE)

    async def make(part: Sequence[dict[str, object]]) -> list[str]:
        async with gate:
            commands = [{"do": "initialize", **event} for event in part]
            status, body = await call(target, "POST", "/batch", {"commands": commands})
        if status != 200:
            raise _refused(target, "make events", "POST /batch", "organise", status, body)
        return [_event_id(target, "POST /batch", each["status"], each["body"]) for each in body["results"]]

    parts = [events[at : at + BATCH] for at in range(0, len(events), BATCH)]
    return [event_id for made in await asyncio.gather(*map(make, parts)) for event_id in made]


async def require(target: Target, *scopes: str) -> None:
    """See that the caller may do what these scopes allow, without changing anything. Raises LoadError."""
    for scope in scopes:
        what, method, path, body = _TRIALS[scope]
        status, answer = await call(target, method, path, body)
        if status != 404 or answer.get("code") != "event_not_found":
            raise _refused(target, what, f"{method} {path}", scope, status, answer)


async def call(target: Target, method: str, path: str, body: object) -> tuple[int, dict[str, Any]]:
    """One call, and the object that was answered. Raises LoadError when nobody answers, or no box office."""
    try:
        status, answer = await target.call(method, path, body)
    except OSError as error:
        raise LoadError(str(error)) from error
    except ValueError as error:
        raise _no_box_office(target, f"{method} {path}", "with something that is no JSON") from error
    if not isinstance(answer, dict):
        raise _no_box_office(target, f"{method} {path}", "with JSON that is no object")
    return status, answer


def _event_id(target: Target, asked: str, status: int, body: dict[str, Any]) -> str:
    if status != 201:
        raise _refused(target, "make an event", asked, "organise", status, body)
    return str(body["eventId"])


def _refused(
    target: Target, what: str, asked: str, scope: str, status: int, body: dict[str, Any]
) -> LoadError:
    """In words: what could not be done by asking this, and what helps."""
    code, detail = body.get("code", ""), body.get("detail", "")
    match status:
        case 401 if target.key is None:
            return LoadError(
                f"{target.url} wants an API key: put one with the scopes `organise`, `sell` and `read` into "
                "BOXOFFICE_API_KEY"
            )
        case 401:
            return LoadError(f"{target.url} does not know this API key, or not any more")
        case 403 if code:
            return LoadError(f"the API key may not {what}: it needs the scope `{scope}`")
        case 429 if target.key is None:
            return LoadError(
                f"{target.url} limits how often an address may ask (429): put an API key that has no rate "
                "limit into BOXOFFICE_API_KEY"
            )
        case 429:
            return LoadError(
                "the API key has a rate limit, and more is asked (429): load with one that has none"
            )
        case _ if not code:
            return _no_box_office(target, asked, f"with {status}, as none would")
        case _:
            wrong = "".join(f" {each['pointer']}: {each['detail']}." for each in body.get("errors", ()))
            return LoadError(f"{target.url} would not {what}: {status} {code}: {detail}{wrong}")


def _no_box_office(target: Target, asked: str, how: str) -> LoadError:
    return LoadError(f"what answers at {target.url} is no box office: it answered {asked} {how}")
