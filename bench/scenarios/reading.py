"""What a scenario reads of an answer, and no more of it: orders, and why something was refused.

Called on a worker's event loop, for each answer that is looked at: a typed decoder takes 0.5 µs for an order.
"""

import msgspec

from boxoffice.bench.load.asks import Answer
from boxoffice.bench.scenarios.scenario import Taken

CODE_LENGTH_MAX = 40


class Order(msgspec.Struct, rename="camel", gc=False):
    """An order, as far as its owner needs to know it."""

    order_id: str
    quantity: int
    status: str


class _Problem(msgspec.Struct, gc=False):
    code: str = ""


_ORDER = msgspec.json.Decoder(Order)
_PROBLEM = msgspec.json.Decoder(_Problem)


def order_in(answer: Answer) -> Order | None:
    """The order that was answered; None for what is none."""
    try:
        return _ORDER.decode(answer.body)
    except msgspec.MsgspecError:
        return None


def code_in(body: bytes) -> str:
    """The `code` of a problem document; empty if it has none."""
    try:
        return _PROBLEM.decode(body).code[:CODE_LENGTH_MAX]
    except msgspec.MsgspecError:
        return ""


def problem(answer: Answer) -> str:
    """What the table of errors calls this: "no answer", "503 overloaded", or the status alone."""
    if not answer.status:
        return "no answer"
    code = code_in(answer.body) if answer.status >= 300 else ""
    return f"{answer.status} {code}".rstrip()


def failed(answer: Answer) -> Taken:
    """An answer that is not as it should be."""
    return Taken(failed=problem(answer))
