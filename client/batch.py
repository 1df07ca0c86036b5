"""`POST /batch`: many commands in one request, and what became of each. Called on the event loop."""

from collections.abc import Sequence
from typing import Any, TypeVar

import msgspec

from boxoffice.client.commands import Command
from boxoffice.client.connection import Answer, reader
from boxoffice.client.problems import BadAnswer, BoxOfficeError, Problem, problem_of
from boxoffice.client.types import Result

R = TypeVar("R", bound=Result)

SOON = {"in_progress", "not_applied", "overloaded", "event_moved", "outcome_unknown"}
"""What may be otherwise within seconds. An event that is out of service holds up nobody else's results."""

encode = msgspec.json.Encoder().encode


class _Result(msgspec.Struct, frozen=True):
    status: int
    body: msgspec.Raw


class _Results(msgspec.Struct, frozen=True):
    results: list[_Result]


_read = reader(msgspec.json.Decoder(_Results))


class UnfinishedError(BoxOfficeError):
    """Some of a batch was not done, and may be if all of it is sent again under its key."""

    passing = True
    maybe_applied = True

    def __init__(self, results: list[Any]) -> None:
        super().__init__(results)
        self.results = results


def body_of(commands: Sequence[Command[Result]]) -> bytes:
    """The body of a batch."""
    return encode({"commands": commands})


def results_of(commands: Sequence[Command[R]], key: str, answer: Answer) -> list[R | Problem]:
    """What became of each command. Raises UnfinishedError, with that, if asking again soon may help."""
    found = _read(answer).results
    if len(found) != len(commands):
        raise BadAnswer(f"{len(found)} results for {len(commands)} commands", answer.status)
    results = [_outcome(command, result, key) for command, result in zip(commands, found, strict=True)]
    if any(isinstance(each, Problem) and each.code in SOON for each in results):
        raise UnfinishedError(results)
    return results


def _outcome(command: Command[R], result: _Result, key: str) -> R | Problem:
    try:
        if 200 <= result.status < 300:
            done: R = msgspec.json.decode(result.body, type=command.answer)
            return done
        problem = problem_of(result.status, msgspec.json.decode(result.body))
    except msgspec.DecodeError as failure:
        raise BadAnswer(f"a result is not what was asked for: {failure}", result.status) from failure
    if problem is None:
        raise BadAnswer("a result is neither what was asked for nor a problem", result.status)
    problem.key = key
    return problem
