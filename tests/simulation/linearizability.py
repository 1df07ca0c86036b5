"""Whether a short history could have been made one operation at a time: a second opinion, without versions.

Wing and Gong's search, with Lowe's memory of what was tried before: of the operations that may come first,
take one that the model allows, and go on with the others. Exponential in how many overlap; meant for some
dozens of operations, a dozen at once. It knows neither tickets nor servers. Called on the test's thread.

J. Wing, C. Gong: Testing and Verifying Concurrent Objects, 1993. G. Lowe: Testing for Linearizability, 2017.
"""

import math
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

TRIED_MAX = 2_000_000
"""Points of the search that are remembered: some 500 MB. Beyond that there is no verdict."""

State = TypeVar("State", bound=Hashable)


@dataclass(frozen=True, slots=True)
class Operation:
    """What was asked and what came back, from its call to its return, in seconds.

    One that never returned (`ended_s` infinite) may take effect at any time after its call, or never.
    """

    asked: Any
    told: Any
    began_s: float
    ended_s: float = math.inf


Step = Callable[[State, Operation], tuple[bool, State]]
"""Whether this operation may come next, and the state after it. Given the same it must say the same."""


class NoVerdictError(Exception):
    """The search was given up."""


def linearization(
    operations: Sequence[Operation], state: State, step: Step[State], tried_max: int = TRIED_MAX
) -> list[Operation] | None:
    """An order in which these could have been done one by one from `state` on; None if there is none.

    Raises NoVerdictError after `tried_max` points of the search.
    """
    by_call = sorted(operations, key=lambda operation: operation.began_s)
    returned = sum(1 << number for number, each in enumerate(by_call) if each.ended_s < math.inf)
    tried = {(0, state)}  # which are done, as bits, and what they have led to
    path: list[int] = []
    branches = [_after(by_call, 0, state, step)]
    done = 0
    while done & returned != returned:
        number, after = next(branches[-1], (None, state))
        if number is None:
            branches.pop()
            if not path:
                return None
            done ^= 1 << path.pop()
        elif (done | 1 << number, after) not in tried:
            if len(tried) >= tried_max:
                raise NoVerdictError(f"{len(tried)} points were tried")
            done |= 1 << number
            tried.add((done, after))
            path.append(number)
            branches.append(_after(by_call, done, after, step))
    return [by_call[number] for number in path]


def _after(
    by_call: Sequence[Operation], done: int, state: State, step: Step[State]
) -> Iterator[tuple[int, State]]:
    """What may come next, and the state after it: whatever began before any that is left had ended."""
    first_end = math.inf
    for number, operation in enumerate(by_call):
        if operation.began_s > first_end:
            return
        if not done >> number & 1:
            first_end = min(first_end, operation.ended_s)  # nobody before us here has begun after that
            may_come, after = step(state, operation)
            if may_come:
                yield number, after
