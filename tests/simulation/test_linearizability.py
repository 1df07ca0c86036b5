"""The linearizability checker: textbook cases, the same by trying everything, and sales on a real server."""

import math
import random
from collections.abc import Iterator
from dataclasses import replace
from itertools import combinations, permutations
from typing import Any

import pytest

from tests.e2e.load import Crowd, at_once, crowd
from tests.simulation.linearizability import NoVerdictError, Operation, linearization
from tests.simulation.small_event import SmallEvent, operations_of, step
from tests.simulation.versions import check
from tests.support.log import Seen
from tests.support.server import Server

NEVER = math.inf

# --- a register: one value, that is written and read ---------------------------------------------


def write(value: int, began_s: float, ended_s: float = NEVER) -> Operation:
    return Operation(value, None, began_s, ended_s)


def read(value: int, began_s: float, ended_s: float = NEVER) -> Operation:
    return Operation(None, value, began_s, ended_s)


def register(value: int, operation: Operation) -> tuple[bool, int]:
    if operation.asked is None:
        return operation.told == value, value
    return True, operation.asked


@pytest.mark.parametrize(
    ("history", "possible"),
    [
        ([], True),
        ([read(0, 0, 1)], True),
        ([read(1, 0, 1)], False),
        ([write(1, 0, 1), read(1, 2, 3)], True),
        ([write(1, 0, 1), read(0, 2, 3)], False),  # a stale read
        ([write(1, 0, 1), read(0, 1, 2)], True),  # they touch, so they overlap
        ([write(1, 0, 9), read(0, 1, 2), read(1, 3, 4)], True),
        ([write(1, 0, 9), read(1, 1, 2), read(0, 3, 4)], False),  # it was seen, and then it was not
        ([write(1, 0, 9), write(2, 0, 9), read(2, 1, 2), read(1, 3, 4)], True),
        ([write(1, 0, 9), write(2, 0, 9), read(2, 1, 2), read(1, 3, 4), read(2, 5, 6)], False),
        ([write(1, 0), read(0, 1, 2), read(0, 3, 4)], True),  # what never returned was never done
        ([write(1, 0), read(0, 1, 2), read(1, 3, 4)], True),  # or late
        ([write(1, 0), read(1, 1, 2), read(0, 3, 4)], False),  # but not undone
        ([read(1, 0, 1), write(1, 2)], False),  # nor done before it was asked for
        ([write(1, 0), write(2, 3, 4), read(1, 5, 6), read(2, 7, 8)], False),
    ],
)
def test_a_register(history: list[Operation], possible: bool) -> None:
    assert (linearization(history, 0, register) is not None) == possible


def by_trying_everything(history: list[Operation]) -> bool:
    """Every choice of what never returned, in every order."""
    returned = [each for each in history if each.ended_s < NEVER]
    pending = [each for each in history if each.ended_s == NEVER]
    return any(
        is_possible(order)
        for number in range(len(pending) + 1)
        for done in combinations(pending, number)
        for order in permutations([*returned, *done])
    )


def is_possible(order: tuple[Operation, ...]) -> bool:
    value = 0
    for number, operation in enumerate(order):
        may_come, value = register(value, operation)
        if not may_come or any(later.ended_s < operation.began_s for later in order[number:]):
            return False
    return True


def a_history(dice: random.Random) -> list[Operation]:
    history = []
    for _ in range(dice.randint(2, 6)):
        began_s = dice.randint(0, 10)
        ended_s = NEVER if dice.random() < 0.2 else began_s + dice.randint(1, 5)
        make = dice.choice([write, read])
        if make is write or ended_s < NEVER:
            history.append(make(dice.randint(0, 2), began_s, ended_s))
    return history


def test_it_says_what_trying_everything_says() -> None:
    said = {True: 0, False: 0}
    for seed in range(400):
        history = a_history(random.Random(seed))
        found = linearization(history, 0, register)
        assert (found is not None) == by_trying_everything(history), history
        assert found is None or is_possible(tuple(found))
        said[found is not None] += 1
    assert min(said.values()) > 50, "not vacuous"


def test_it_does_not_try_the_same_twice() -> None:
    """Twelve writes at once have 479,001,600 orders, and 4,096 sets."""
    history = [*(write(1, 0, 9) for _ in range(12)), read(2, 0, 9)]
    assert linearization(history, 0, register, tried_max=2 * 4_096) is None
    with pytest.raises(NoVerdictError):
        linearization(history, 0, register, tried_max=4_000)


# --- a sale: one thing after the other -----------------------------------------------------------


def told(history: list[Seen]) -> bool:
    """Whether this can have been told of an event with two tickets."""
    operations = operations_of("1", history)
    return linearization(operations, SmallEvent(2), step) is not None


def sale() -> dict[str, Seen]:
    """Ann and bob book, cleo and dan wait, ann leaves, and cleo is promoted."""
    moments = iter(range(1_000))

    def seen(path: str, asked: dict[str, Any], http: int, **answer: Any) -> Seen:
        return Seen(path, asked, http, answer, next(moments), next(moments))

    def book(name: str, http: int, **answer: Any) -> Seen:
        order = {"orderId": f"1-{name}", "userId": name}
        return seen("/book", {"eventId": "1", "userId": name}, http, **order, **answer)

    ann, cleo = ({"orderId": f"1-{name}", "userId": name, "quantity": 1} for name in ("ann", "cleo"))
    promoted = [{**cleo, "status": "confirmed"}]
    return {
        "ann": book("ann", 201, status="confirmed"),
        "bob": book("bob", 201, status="confirmed"),
        "cleo": book("cleo", 202, status="waitlisted", position=1),
        "dan": book("dan", 202, status="waitlisted", position=2),
        "look": seen("/orders/1-cleo", {}, 200, **cleo, status="waitlisted", position=1),
        "cancel": seen("/cancel", {"orderId": "1-ann"}, 200, **ann, status="cancelled", promoted=promoted),
        "again": seen("/cancel", {"orderId": "1-ann"}, 409, code="already_cancelled"),
        "status": seen("/status/1", {}, 200, availableTickets=0, waitingListCount=1),
    }


def test_a_true_sale_is_possible_and_so_it_is_without_one_of_its_answers() -> None:
    history = sale()
    assert told(list(history.values()))
    for name in ("ann", "bob", "cleo", "dan", "cancel"):
        lost = replace(history[name], status=0, answer=None)
        assert told([lost if each is history[name] else each for each in history.values()]), name


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("ann", {"status": "waitlisted"}),
        ("cleo", {"position": 2}),
        ("dan", {"position": 1}),
        ("look", {"position": 2}),
        ("look", {"status": "confirmed"}),
        ("cancel", {"status": "confirmed"}),
        ("cancel", {"promoted": []}),
        (
            "cancel",
            {"promoted": [{"orderId": "1-dan", "userId": "dan", "quantity": 1, "status": "confirmed"}]},
        ),
        ("again", {"code": "hold_expired"}),
        ("status", {"availableTickets": 1}),
        ("status", {"waitingListCount": 2}),
    ],
)
def test_a_sale_in_which_anything_else_was_told_is_not(name: str, answer: dict[str, Any]) -> None:
    history = sale()
    history[name] = replace(history[name], answer=history[name].answer | answer)
    assert not told(list(history.values()))


@pytest.mark.parametrize(
    ("name", "status"), [("ann", 202), ("cleo", 201), ("cancel", 409), ("again", 200), ("look", 404)]
)
def test_nor_with_another_http_status(name: str, status: int) -> None:
    history = sale()
    history[name] = replace(history[name], status=status)
    assert not told(list(history.values()))


def test_what_was_not_answered_must_have_had_its_effect_or_must_not() -> None:
    history = sale()
    cancel = replace(history["cancel"], status=504, answer=None)
    assert told([*(history | {"cancel": cancel}).values()]), "its effect was seen"
    late = replace(cancel, began_s=history["status"].ended_s + 1)
    assert not told([*(history | {"cancel": late}).values()]), "it was seen before it was asked for"
    assert not told([each for name, each in history.items() if name != "cancel"]), "nobody asked for it"
    assert not told([*(history | {"cancel": replace(cancel, status=503)}).values()]), "503 means not applied"
    other = replace(cancel, asked={"orderId": "1-bob"})
    assert told([*history.values(), other]), "it need not have had any"


def test_a_promotion_names_whom_nobody_else_knows() -> None:
    """Both of cleo's bookings were lost: which of them was promoted is told only by the promotion."""
    history = sale()
    history["cleo"] = replace(history["cleo"], status=0, answer=None)
    history["dan"] = replace(history["dan"], status=0, answer=None, asked=history["cleo"].asked)
    del history["look"]
    assert told([*history.values()])
    promoted = history["cancel"].answer["promoted"]
    other = history["cancel"].answer | {"promoted": [promoted[0] | {"userId": "dan"}]}
    assert not told([*(history | {"cancel": replace(history["cancel"], answer=other)}).values()])


def test_a_booking_that_was_lost_is_known_again_by_its_order() -> None:
    """Bob's second booking: not by that of his first, which was answered."""
    history = sale()
    lost = replace(history["dan"], asked=history["bob"].asked, status=0, answer=None)
    cleo, dan = history["look"], history["look"].answer | {"orderId": "1-dan", "userId": "bob", "position": 2}
    look = replace(cleo, path="/orders/1-dan", answer=dan)
    assert told([*(history | {"dan": lost, "another look": look}).values()])
    first = replace(look, answer=dan | {"position": 1})
    assert not told([*(history | {"dan": lost, "another look": first}).values()])


def test_a_stale_look_is_not_possible_but_one_that_overlaps_is() -> None:
    history = sale()
    late = replace(history["look"], began_s=history["status"].began_s, ended_s=history["status"].ended_s)
    assert not told([*(history | {"look": late}).values()])
    assert told([*(history | {"look": replace(late, began_s=history["cancel"].began_s)}).values()])


def test_who_asks_twice_under_one_key_asks_once() -> None:
    history = sale()
    first = replace(history["ann"], key="ann", status=504, answer=None)
    again = replace(history["ann"], key="ann")
    assert told([*(history | {"ann": first, "ann again": again}).values()])
    without_key = {"ann": replace(history["ann"]), "ann again": replace(history["ann"], answer=again.answer)}
    assert not told([*(history | without_key).values()])


# --- short sales on a real server ----------------------------------------------------------------


async def one_client(crowd: Crowd, event: str, seed: int) -> None:
    """Books, looks, and leaves, three or four times in all."""
    dice = random.Random(seed)
    for _ in range(2):
        asked: dict[str, Any] = {"quantity": dice.randint(1, 2), "waitlist": dice.random() < 0.8}
        booked = await crowd.ask("/book", eventId=event, userId=f"user-{seed}", **asked)
        if booked.status in (201, 202):
            order = booked.answer["orderId"]
            await crowd.look(dice.choice([f"/orders/{order}", f"/status/{event}"]))
            if dice.random() < 0.7:
                await crowd.ask("/cancel", orderId=order)


async def short_sale(server: Server, clients: int, seed: int) -> tuple[str, list[Seen]]:
    event = server.event(tickets=3)
    async with crowd(server) as them:
        await at_once(*(one_client(them, event, 100 * seed + number) for number in range(clients)))
        await them.look(f"/status/{event}")
    return event, them.seen


def altered(history: list[Seen]) -> Iterator[tuple[str, list[Seen]]]:
    """The history with one answer altered, so that it cannot be."""

    def but(seen: Seen, **answer: Any) -> list[Seen]:
        return [replace(each, answer=each.answer | answer) if each is seen else each for each in history]

    for each in history:
        if "position" in each.answer:
            yield "position", but(each, position=each.answer["position"] + 20)
        if each.answer.get("promoted"):
            first, *others = each.answer["promoted"]
            yield "promoted", but(each, promoted=[first | {"userId": "nobody"}, *others])
    yield "status", but(history[-1], availableTickets=4)


@pytest.mark.parametrize("seed", [0, 2, 3, 5, 6, 9])  # in these, two or more are promoted whoever comes first
async def test_short_sales_can_have_been_made_one_at_a_time(server: Server, seed: int) -> None:
    event, seen = await short_sale(server, clients=8 + seed % 5, seed=seed)
    assert linearization(operations_of(event, seen), SmallEvent(3), step) is not None
    assert check(server.database_url, event, seen).promotions > 0
    lost = [replace(each, status=0, answer=None) if each.path == "/cancel" else each for each in seen]
    assert linearization(operations_of(event, lost), SmallEvent(3), step) is not None
    for how, history in random.Random(seed).sample(list(altered(seen)), 6):
        assert linearization(operations_of(event, history), SmallEvent(3), step) is None, how
