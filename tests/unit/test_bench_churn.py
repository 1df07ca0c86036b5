"""The load tester's `churn`: it does everything, goes on in a steady state, and loses sight of no order."""

from collections import Counter
from random import Random

import msgspec
import pytest

from boxoffice.bench.load.asks import Answer, Ask
from boxoffice.bench.options import Options
from boxoffice.bench.scenarios.churn import ORDERS_MAX, TICKETS_PER_VISITOR, Churn, Regular
from boxoffice.bench.scenarios.scenario import Plan
from tests.unit.paper_box import PaperBox

VISITORS = 16
TURN_S = 0.001
OVERLOADED = Answer(503, b'{"code":"overloaded"}', 2.0)
NO_ANSWER = Answer(0)


class Run:
    """Visitors who take turns at a box office, on a line that may lose what is asked, or what is answered."""

    def __init__(self, seed: int, rate: float | None = None) -> None:
        self.box = PaperBox(events=4, tickets=VISITORS * TICKETS_PER_VISITOR // 4)
        self.failed: Counter[str] = Counter()
        self.good = 0
        self._chance = Random(seed)
        plan, options = Plan(self.box.event_ids, {"run": "run"}), Options(rate=rate)
        self.visitors = [
            Churn().visitor(plan, options, number, Random(seed + number)) for number in range(VISITORS)
        ]

    def turns(self, count: int, faults: float = 0.0) -> None:
        """So many requests of each visitor, of which some meet with a fault."""
        for _ in range(count):
            for visitor in self.visitors:
                self.box.pass_time(TURN_S)
                ask = visitor.next()
                taken = visitor.answered(ask, self._answer(ask, faults))
                self.good += taken.good
                if taken.failed is not None:
                    self.failed[taken.failed] += 1

    def _answer(self, ask: Ask, faults: float) -> Answer:
        luck = self._chance.random()
        if luck < faults / 3:
            return NO_ANSWER
        if luck < faults * 2 / 3:
            self.box.ask(ask)
            return NO_ANSWER
        return OVERLOADED if luck < faults else self.box.ask(ask)


def test_churn_does_everything_that_customers_do_and_nothing_fails() -> None:
    run = Run(seed=1)
    run.turns(2_000)
    assert run.failed == {}
    often = (
        *("book 201", "book 202", "hold 201", "hold 202", "confirm 200", "extend 200", "cancel 200"),
        *("order 200", "promoted", "expired"),
    )
    assert {each: run.box.seen[each] for each in often if run.box.seen[each] < 50} == {}
    assert run.good > 10_000


def test_churn_goes_on_in_a_steady_state() -> None:
    run = Run(seed=2)
    run.turns(500)
    lives, lines = [], []
    for _ in range(20):
        run.turns(200)
        lives.append(run.box.live)
        lines.append(run.box.waiting)
    most = VISITORS * ORDERS_MAX
    assert max(lives) <= most + 25  # holds and offers that are left to lapse
    assert min(lives) > most / 4
    assert min(lines) > 0


def test_churn_loses_sight_of_no_order_when_answers_are_lost() -> None:
    """Every tenth request, or its answer, is lost or refused for now: what it created is found again."""
    run = Run(seed=3)
    run.turns(4_000, faults=0.1)
    assert set(run.failed) == {"no answer", "503 overloaded"}
    assert run.box.seen["a replay"] > 100
    assert run.box.live <= VISITORS * ORDERS_MAX + 25


def test_churn_is_bounded_in_an_open_loop_whatever_is_to_be_asked_later() -> None:
    run = Run(seed=4, rate=100.0)
    run.turns(300, faults=1.0)
    assert run.box.live <= VISITORS * ORDERS_MAX
    assert run.box.seen["book 201"] > 0


def asked(visitor: Regular, call: str, answers: dict[str, Answer]) -> Ask:
    """The next request of this kind; the others before it are answered like this."""
    for _ in range(1_000):
        ask = visitor.next()
        if ask.call == call:
            return ask
        assert visitor.answered(ask, answers[ask.call]).failed is None
    raise AssertionError(f"never a {call}")


def order(status: str, quantity: int = 1) -> bytes:
    return msgspec.json.encode({"orderId": "1-a", "quantity": quantity, "status": status})


BOOKED, HELD = Answer(201, order("confirmed")), Answer(201, order("held"))
ANSWERS = {"book": BOOKED, "hold": HELD, "confirm": Answer(200), "extend": Answer(200), "cancel": Answer(200)}
GONE = Answer(409, b'{"code":"already_cancelled"}')
LATE = Answer(409, b'{"code":"hold_expired"}')


@pytest.fixture
def visitor() -> Regular:
    """Somebody who has nothing yet."""
    return Churn().visitor(Plan(["1"], {"run": "run"}), Options(), 0, Random(5))


def test_that_an_order_is_cancelled_already_is_an_error_unless_the_cancellation_was_not_answered(
    visitor: Regular,
) -> None:
    first = asked(visitor, "cancel", ANSWERS)
    assert visitor.answered(first, GONE).failed == "409 already_cancelled"
    second = asked(visitor, "cancel", ANSWERS)
    assert visitor.answered(second, NO_ANSWER).failed == "no answer"
    again = visitor.next()
    assert (again.path, again.body, again.key) == (second.path, second.body, second.key)
    assert visitor.answered(again, GONE).failed is None


def test_an_offer_that_is_seen_is_taken_up_at_once_or_else_left_to_lapse() -> None:
    waits, offered = Answer(202, order("waitlisted")), Answer(200, order("offered"))
    done: Counter[str] = Counter()
    for seed in range(300):
        visitor = Churn().visitor(Plan(["1"], {"run": "run"}), Options(), 0, Random(seed))
        look = asked(visitor, "order", {**ANSWERS, "book": waits, "hold": waits})
        assert visitor.answered(look, offered).failed is None
        ask = visitor.next()
        done[ask.call if ask.note is look.note else "lapse"] += 1
    assert done["confirm"] > done["cancel"] > done["lapse"] > 0


def test_a_hold_that_ended_in_time_is_no_error(visitor: Regular) -> None:
    assert visitor.answered(asked(visitor, "confirm", ANSWERS), LATE).failed is None


def test_a_confirmation_that_was_not_answered_may_have_been_done(visitor: Regular) -> None:
    confirm = asked(visitor, "confirm", ANSWERS)
    visitor.answered(confirm, Answer(504, b'{"code":"outcome_unknown"}', 1.0))
    again = visitor.next()
    assert (again.body, again.after_s) == (confirm.body, 1.0)
    assert visitor.answered(again, Answer(409, b'{"code":"already_confirmed"}')).failed is None


def test_whatever_creates_an_order_or_reduces_one_has_a_key_of_its_own() -> None:
    run = Run(seed=6)
    keys: list[str | int] = []
    for visitor in run.visitors:
        for _ in range(500):
            ask = visitor.next()
            visitor.answered(ask, run.box.ask(ask))
            assert (ask.key is not None) == (ask.call in ("book", "hold") or "q" in (ask.facts or ()))
            keys.append(ask.key or len(keys))
    assert len(set(keys)) == len(keys)
