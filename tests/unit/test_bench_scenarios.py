"""The load tester's scenarios: what their visitors ask for, and what they make of the answers."""

import json
from itertools import islice
from random import Random

import msgspec
import pytest

from boxoffice.bench.load.asks import Answer, Ask
from boxoffice.bench.options import Options
from boxoffice.bench.scenarios.all import SCENARIOS
from boxoffice.bench.scenarios.batch import COMMANDS_MAX, Batch
from boxoffice.bench.scenarios.hot import Hot
from boxoffice.bench.scenarios.naming import new_run
from boxoffice.bench.scenarios.reading import problem
from boxoffice.bench.scenarios.scenario import Plan, Taken, Visitor
from boxoffice.bench.scenarios.spread import Spread, by_popularity
from boxoffice.http import wire
from boxoffice.http.batch import SIZE_MAX

PLAN = Plan(["7"], {"run": "run"})
BOOKED, WAITLISTED, NO_ANSWER = Answer(201), Answer(202), Answer(0)
OVERLOADED = Answer(503, b'{"code":"overloaded","detail":"Too much."}', 2.0)


def some(visitor: Visitor) -> Ask:
    """What they ask next."""
    ask = visitor.next()
    assert ask is not None
    return ask


def test_each_scenario_is_found_under_its_own_name() -> None:
    assert {"hot", "spread", "rush", "churn", "batch"} <= set(SCENARIOS)
    assert all(name == scenario.name for name, scenario in SCENARIOS.items())


def test_a_plan_goes_to_a_worker_as_it_is() -> None:
    plan = Plan(["1", "2"], {"run": new_run()})
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(plan), type=Plan) == plan


@pytest.mark.parametrize("name", sorted({"hot", "spread", "rush", "churn", "batch"}))
def test_nobody_has_the_name_of_somebody_else(name: str) -> None:
    """Neither another visitor's customers, nor those of another run on the same server."""
    options, theirs = Options(batch=5, warm_up_s=0), []
    for run in (new_run(), new_run()):
        for number in (0, 1, 7):
            visitor = SCENARIOS[name].visitor(Plan(["1"], {"run": run}), options, number, Random(1))
            names = set()
            for _ in range(50):
                ask = some(visitor)
                commands = ask.facts if isinstance(ask.facts, list) else [ask.facts or {}]
                names |= {each["u"] for each in commands if "u" in each}
                visitor.answered(ask, Answer(500))
            assert len(names) > 30
            theirs.append(names)
    assert len(set.union(*theirs)) == sum(map(len, theirs))


# --- one booking a request -----------------------------------------------------------------------


@pytest.mark.parametrize("scenario", [Hot(), Spread()], ids=lambda each: each.name)
def test_a_request_books_one_ticket_and_the_facts_are_what_is_asked(scenario: Hot | Spread) -> None:
    ask = scenario.visitor(PLAN, Options(), 3, Random(1)).next()
    assert (ask.call, ask.method, ask.path, ask.key, ask.after_s) == ("book", "POST", "/book", None, 0.0)
    assert msgspec.json.decode(ask.body, type=wire.BookBody) == wire.BookBody(event_id="7", user_id="run-3-1")
    assert ask.facts == {"e": "7", "u": "run-3-1"}


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        (BOOKED, Taken(1)),
        (WAITLISTED, Taken(failed="202 no tickets left")),
        (OVERLOADED, Taken(failed="503 overloaded")),
        (NO_ANSWER, Taken(failed="no answer")),
    ],
)
def test_only_a_booking_is_good(answer: Answer, taken: Taken) -> None:
    visitor = Hot().visitor(PLAN, Options(), 0, Random(1))
    assert visitor.answered(visitor.next(), answer) == taken


@pytest.mark.parametrize("scenario", [Hot(), Batch()], ids=lambda each: each.name)
def test_who_is_refused_comes_back_when_told_and_only_once(scenario: Hot | Batch) -> None:
    visitor = scenario.visitor(PLAN, Options(batch=1), 0, Random(1))
    visitor.answered(some(visitor), OVERLOADED)
    assert [some(visitor).after_s, some(visitor).after_s] == [2.0, 0.0]
    visitor.answered(some(visitor), NO_ANSWER)
    assert some(visitor).after_s > 0


@pytest.mark.parametrize(
    ("answer", "name"),
    [
        (NO_ANSWER, "no answer"),
        (OVERLOADED, "503 overloaded"),
        (Answer(429, b'{"code":"rate_limited"}'), "429 rate_limited"),
        (Answer(502, b"<html>Bad Gateway</html>"), "502"),
        (Answer(500, b'["code"]'), "500"),
        (Answer(500, b'{"code":7}'), "500"),
        (Answer(500, b"\xff"), "500"),
        (Answer(503, b'{"code":"%b"}' % (b"x" * 1000)), "503 " + "x" * 40),
        (Answer(204), "204"),
    ],
)
def test_what_is_not_as_it_should_be_has_a_short_name(answer: Answer, name: str) -> None:
    assert problem(answer) == name


# --- many events ---------------------------------------------------------------------------------


def test_the_nth_event_is_asked_for_an_nth_as_often_as_the_first() -> None:
    ids = [str(number) for number in range(1, 10_001)]
    drawn = list(islice(by_popularity(ids, Random(1)), 200_000))
    first = drawn.count("1")
    assert 0.09 < first / len(drawn) < 0.115  # 1 in 9.79, the harmonic number
    for rank in (2, 3, 5, 10, 30):
        assert 0.8 < drawn.count(str(rank)) * rank / first < 1.2
    assert 0.05 < sum(int(each) > 5_000 for each in drawn) / len(drawn) < 0.09
    assert set(drawn) <= set(ids)


def test_the_same_seed_asks_for_the_same_events() -> None:
    ids = [str(number) for number in range(100)]
    some = [list(islice(by_popularity(ids, Random(seed)), 200)) for seed in (1, 1, 2)]
    assert some[0] == some[1] != some[2]


# --- many bookings a request ---------------------------------------------------------------------


def results(*statuses: int, code: str = "overloaded") -> Answer:
    """What the server answers to a batch."""
    order = wire.OrderBody("7-a", "7", "a", 1, "confirmed", 2, "2026-11-25T19:41:02.637406Z")
    bodies = [order if status < 300 else {"code": code} for status in statuses]
    whole = wire.ResultsBody([wire.ResultBody(*each) for each in zip(statuses, bodies, strict=True)])
    return Answer(200, wire.encode(whole))


def test_a_batch_is_as_many_bookings_as_the_options_say_and_the_facts_are_what_is_asked() -> None:
    ask = some(Batch().visitor(PLAN, Options(batch=3), 3, Random(1)))
    assert (ask.path, ask.units) == ("/batch", 3)
    users = ["run-3-1", "run-3-2", "run-3-3"]
    assert json.loads(ask.body)["commands"] == [{"do": "book", "eventId": "7", "userId": u} for u in users]
    assert ask.facts == [{"do": "book", "e": "7", "u": user} for user in users]


def test_the_largest_batch_that_a_server_takes_is_smaller_than_the_largest_body() -> None:
    assert COMMANDS_MAX == wire.COMMANDS_MAX
    plan = Plan([str(2**63 - 1)], {"run": new_run()})
    visitor = Batch().visitor(plan, Options(batch=COMMANDS_MAX), 7, Random(1))
    ask = [some(visitor) for _ in range(20)][-1]
    assert len(ask.body) < SIZE_MAX / 8
    assert len(json.loads(ask.body)["commands"]) == COMMANDS_MAX


def test_batches_go_to_the_events_in_turn_and_visitors_begin_at_different_ones() -> None:
    plan = Plan(["1", "2", "3"], {"run": "run"})
    asked = []
    for number in (0, 1):
        visitor = Batch().visitor(plan, Options(batch=1), number, Random(1))
        asked.append([some(visitor).facts[0]["e"] for _ in range(4)])
    assert asked == [["1", "2", "3", "1"], ["2", "3", "1", "2"]]


@pytest.mark.parametrize(
    ("answer", "taken"),
    [
        (results(201, 201, 201), Taken(3)),
        (results(201, 503, 503), Taken(1, "503 overloaded")),
        (results(503, 409, 503, code="x"), Taken(0, "503 x")),
        (results(201, 202, 201), Taken(2, "202 no tickets left")),
        (results(201, 201), Taken(2, "200 too few results")),
        (Answer(200, b"[]"), Taken(0, "200 unreadable")),
        (OVERLOADED, Taken(0, "503 overloaded")),
        (NO_ANSWER, Taken(0, "no answer")),
    ],
)
def test_the_bookings_in_a_batch_are_counted_and_the_first_failure_is_named(
    answer: Answer, taken: Taken
) -> None:
    visitor = Batch().visitor(PLAN, Options(batch=3), 0, Random(1))
    assert visitor.answered(some(visitor), answer) == taken
    assert (some(visitor).after_s == 0) == (taken == Taken(3))


def test_as_many_come_with_batches_as_were_asked_for() -> None:
    visitors = [Batch().visitor(PLAN, Options(batch=1_000), number, Random(1)) for number in range(64)]
    assert sum(some(visitor).units for visitor in visitors) == 64_000
