"""Whether the server took what is right, refused the rest, and did what it was asked.

Compares its answers with `tests/e2e/takes.py` and with the event's log; the fuzz tests' last word.
"""

from contextlib import suppress
from datetime import datetime
from typing import Any

from tests.e2e import takes
from tests.e2e.watched import Watched, check_problem

REFUSED = (400, 422)
"""The statuses of a body that is not what the call takes; if another refusal comes, the body was right."""


def check_body(watched: Watched, call: str, body: bytes) -> str:
    """The body is taken exactly if it is what the call takes, and then it does what it says. The status."""
    answer, made = watched.post(call, body)
    verdict = takes.takes_body(call, body)
    if len(body) > takes.BODY_MAX:
        assert answer.status == 413, answer
    elif verdict is not None:
        assert (answer.status not in REFUSED) == verdict, (body, answer)
        assert answer.status not in (413, 415), answer
    if 200 <= answer.status < 300:
        check_echo(takes.read(body), answer.document)
        check_made(watched, made, [answer.document])
    elif verdict is False and answer.status == 422:
        check_pointers(call, body, answer.document["errors"])
    return f"{answer.status}"


def check_echo(asked: dict[str, Any], answered: dict[str, Any]) -> None:
    """What was asked for is what was answered, to the letter."""
    for name, value in asked.items():
        if "cancelledQuantity" in answered and name == "quantity":
            assert value in (None, answered["cancelledQuantity"])
        elif name in ("salesOpenAt", "salesCloseAt") and takes.moment(value):
            assert datetime.fromisoformat(answered[name]) == datetime.fromisoformat(value)
        elif name in answered and not name.startswith("sales"):
            assert answered[name] == (str(value) if name.endswith("Id") else value), (asked, answered)


def check_pointers(call: str, body: bytes, errors: list[Any]) -> None:
    """What is wrong is said of a field that is there, or that the call has."""
    with suppress(ValueError, RecursionError):  # something is wrong in it before it ceases to be JSON
        document = takes.read(body)
        names = {"do", *takes.FIELDS[call], *(document if isinstance(document, dict) else ())}
        pointers = {f"/{name.replace('~', '~0').replace('/', '~1')}" for name in names}
        for error in errors:
            assert error["pointer"] in ({"", *pointers} if isinstance(document, dict) else {""}), (
                body,
                error,
            )


def check_made(watched: Watched, made: list[Any], answered: list[Any]) -> None:
    """The log has grown by just the changes that were answered with success."""
    ours = [each for each in answered if each["eventId"] == watched.event_id]
    assert [change["version"] for change in made] == [each["version"] for each in ours]
    for change, each in zip(made, ours, strict=True):
        same = change.keys() & {"orderId", "userId", "eventName", "totalTickets", *takes.TERMS}
        assert {name: change[name] for name in same} == {name: each[name] for name in same}


def check_batch(watched: Watched, body: bytes) -> None:
    """Exactly the entries that are right are taken, and each does what it says."""
    answer, made = watched.post("batch", body)
    verdicts = takes.takes_entries(body)
    if answer.status != 200:
        assert answer.status == 413 if len(body) > takes.BATCH_MAX else answer.status in REFUSED, answer
        assert not verdicts, (body, answer)
        return
    results = answer.document["results"]
    for result in results:
        if result["status"] >= 300:
            check_problem(result["status"], result["body"])
    check_made(watched, made, [result["body"] for result in results if result["status"] < 300])
    if verdicts is not None:
        taken = [result["status"] not in REFUSED for result in results]
        for verdict, was, result in zip(verdicts, taken, results, strict=True):
            assert verdict in (None, was), (body, result)
        for entry, result in zip(takes.read(body)["commands"], results, strict=True):
            if result["status"] < 300:
                check_echo(entry, result["body"])
