"""The load tester's `rush`: people without patience, and what they do until they are answered."""

import json
from random import Random

import msgspec
import pytest

from boxoffice.bench.load.asks import Answer, Ask
from boxoffice.bench.options import Options
from boxoffice.bench.scenarios.again import LATER_MAX
from boxoffice.bench.scenarios.naming import Names
from boxoffice.bench.scenarios.rush import (
    GIVE_BACK_S,
    HASTE_S,
    PATIENCE_MAX_S,
    PATIENCE_S,
    Crowd,
    tickets_for,
)
from boxoffice.bench.scenarios.scenario import Taken

ORDER = b'{"orderId":"7-a","quantity":1,"status":"confirmed"}'
BOOKED, WAITLISTED, LOOKED = Answer(201, ORDER), Answer(202, ORDER), Answer(200)
SOLD_OUT = Answer(409, b'{"code":"sold_out"}')
IN_PROGRESS = Answer(409, b'{"code":"in_progress"}', 1.0)
GAVE_UP = Answer(0)
OVERLOADED = Answer(503, b'{"code":"overloaded"}', 3.0)


class Clock:
    """A time that is told."""

    now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


CLOCK = Clock()


def crowd(clock: Clock = CLOCK, seed: int = 1, warm_up_s: float = 0.0, rate: float | None = None) -> Crowd:
    options = Options(warm_up_s=warm_up_s, rate=rate)
    return Crowd("7", Names("run", 3), options, Random(seed), clock)


def somebody(people: Crowd, *, presses_twice: bool = False) -> Ask:
    """The booking of the next who presses twice at once, or does not."""
    for _ in range(10_000):
        ask = people.next()
        if ask.call == "book" and (ask.patience_s == HASTE_S) == presses_twice:
            return ask
        people.answered(ask, BOOKED if ask.call == "book" else LOOKED)
    raise AssertionError("nobody")


def the_same(ask: Ask) -> tuple[str, bytes, str | None]:
    return ask.path, ask.body, ask.key


def test_before_the_doors_open_people_reload_the_page() -> None:
    clock = Clock()
    people = crowd(clock, warm_up_s=2.0)
    for _ in range(20):
        look = people.next()
        assert (look.method, look.path, look.facts) == ("GET", "/status/7", None)
        assert look.after_s > 0
        assert people.answered(look, LOOKED) == Taken()
        clock.now_s += 0.09
    clock.now_s += 0.2
    assert people.next().call == "book"


def test_everybody_books_under_a_key_of_their_own_and_the_facts_are_what_is_asked() -> None:
    people = crowd()
    asks: dict[str | None, Ask] = {}
    while len(asks) < 2_000:
        ask = people.next()
        people.answered(ask, SOLD_OUT if ask.call == "book" else LOOKED)
        if ask.call == "book":
            assert the_same(asks.setdefault(ask.key, ask)) == the_same(ask)
    bodies = [json.loads(ask.body) for ask in asks.values()]
    names = {"eventId": "e", "userId": "u", "quantity": "q", "waitlist": "w"}
    facts = [{names[field]: value for field, value in body.items()} for body in bodies]
    assert facts == [ask.facts for ask in asks.values()]
    assert None not in asks
    assert len({body["userId"] for body in bodies}) == len(asks)
    assert {body["quantity"] for body in bodies} == {1, 2, 4}
    assert {body.get("waitlist", True) for body in bodies} == {True, False}


def test_who_is_not_answered_asks_the_same_again_with_more_patience_until_there_is_an_answer() -> None:
    people = crowd()
    ask = first = somebody(people)
    patience_s = []
    for _ in range(8):
        assert ask.patience_s is not None
        patience_s.append(ask.patience_s)
        assert people.answered(ask, GAVE_UP).failed == "no answer"
        ask = people.next()
        assert the_same(ask) == the_same(first)
        assert 0 < ask.after_s < 1
    assert PATIENCE_S[0] <= patience_s[0] <= PATIENCE_S[1]
    assert patience_s == sorted(patience_s)
    assert patience_s[-1] == PATIENCE_MAX_S
    assert people.answered(ask, msgspec.structs.replace(BOOKED, replayed=True)) == Taken(1)


@pytest.mark.parametrize(("answer", "failed"), [(OVERLOADED, "503 overloaded"), (IN_PROGRESS, None)])
def test_who_is_told_to_come_later_does(answer: Answer, failed: str | None) -> None:
    people = crowd()
    first = somebody(people)
    assert people.answered(first, answer) == Taken(0, failed)
    again = people.next()
    assert the_same(again) == the_same(first)
    assert again.after_s == answer.retry_after_s
    assert again.patience_s == first.patience_s


def test_others_come_meanwhile_in_an_open_loop() -> None:
    clock = Clock()
    people = crowd(clock, rate=100.0)
    first = somebody(people)
    people.answered(first, OVERLOADED)
    clock.now_s += 2.9
    assert the_same(people.next()) != the_same(first)
    clock.now_s += 0.2
    assert the_same(people.next()) == the_same(first)


def test_those_who_come_later_in_an_open_loop_are_bounded() -> None:
    clock = Clock()
    people = crowd(clock, rate=100.0)
    for _ in range(LATER_MAX + 500):
        people.answered(people.next(), OVERLOADED)
    clock.now_s += 10
    again = 0
    while (ask := people.next()).key is not None and int(ask.key.rpartition("-")[2]) <= LATER_MAX + 500:
        again += 1
    assert again == LATER_MAX


def test_some_press_twice_at_once_which_is_no_error() -> None:
    people = crowd()
    hasty = somebody(people, presses_twice=True)
    assert people.answered(hasty, GAVE_UP) == Taken()
    again = people.next()
    assert the_same(again) == the_same(hasty)
    assert again.after_s == 0
    assert again.patience_s is not None
    assert again.patience_s >= PATIENCE_S[0]
    assert people.answered(again, GAVE_UP).failed == "no answer"


def test_a_booking_counts_once_however_often_it_is_asked_for() -> None:
    """A hundred people or so press once more when they have their answer."""
    people, good, again = crowd(), 0, 0
    before: Ask | None = None
    for _ in range(4_000):
        ask = people.next()
        taken = people.answered(ask, BOOKED if ask.call == "book" else LOOKED)
        if ask.call == "book" and before is not None and the_same(ask) == the_same(before):
            assert taken == Taken()
            again += 1
        good += taken.good
        assert taken.good == (ask.call == "book" and (before is None or the_same(ask) != the_same(before)))
        before = ask
    assert again > 50


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        (BOOKED, Taken(1)),
        (WAITLISTED, Taken(1)),
        (SOLD_OUT, Taken()),
        (Answer(409, b'{"code":"waitlist_full"}'), Taken()),
        (Answer(409, b'{"code":"sales_closed"}'), Taken(failed="409 sales_closed")),
        (Answer(422, b'{"code":"idempotency_mismatch"}'), Taken(failed="422 idempotency_mismatch")),
        (Answer(500, b"<html>"), Taken(failed="500")),
    ],
)
def test_sold_out_is_as_it_should_be_and_a_mistake_is_not(answer: Answer, taken: Taken) -> None:
    people = crowd()
    assert people.answered(somebody(people), answer) == taken


def test_who_gives_back_does_so_when_others_wait_for_it_and_others_come_meanwhile() -> None:
    clock = Clock()
    people = crowd(clock)

    def came(requests: int) -> list[str]:
        asks = []
        for _ in range(requests):
            ask = people.next()
            people.answered(ask, BOOKED if ask.call == "book" else LOOKED)
            asks.append(ask.call)
        return asks

    assert "cancel" not in came(500)
    clock.now_s += GIVE_BACK_S[1] / 2
    half = came(100).count("cancel")
    clock.now_s += GIVE_BACK_S[1] / 2
    assert 10 < half < came(100).count("cancel") + half < 60


def test_some_give_back_what_they_got_and_ask_until_it_is_done() -> None:
    clock = Clock()
    people = crowd(clock)
    while (ask := people.next()).call != "cancel":
        people.answered(ask, BOOKED if ask.call == "book" else LOOKED)
        clock.now_s += 0.01
    assert (ask.body, ask.facts) == (b'{"orderId":"7-a"}', {"o": "7-a"})
    assert people.answered(ask, GAVE_UP).failed == "no answer"
    again = people.next()
    assert (the_same(again), again.call) == (the_same(ask), "cancel")
    assert people.answered(again, Answer(200)) == Taken()


def test_there_are_tickets_for_a_tenth_of_what_is_expected_to_be_wanted() -> None:
    assert tickets_for(Options(tickets=77, rate=1_000.0)) == 77
    people, wanted = crowd(), 0
    for _ in range(10_000):  # requests, at 1,000 a second in 10 s
        ask = people.next()
        new = people.answered(ask, BOOKED if ask.call == "book" else LOOKED).good
        wanted += new * ask.facts["q"] if new else 0
    assert 0.08 < tickets_for(Options(rate=1_000.0, seconds=10.0)) / wanted < 0.12


def test_the_same_seed_brings_the_same_people() -> None:
    def some(seed: int) -> list[tuple[bytes, float | None]]:
        people = crowd(seed=seed)
        asks = []
        for _ in range(500):
            asks.append(people.next())
            people.answered(asks[-1], BOOKED if asks[-1].call == "book" else LOOKED)
        return [(ask.body, ask.patience_s) for ask in asks]

    assert some(1) == some(1)
    assert some(1) != some(2)
