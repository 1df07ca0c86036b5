"""The version checker finds what is falsified in a sale: logs, outcomes and orders that cannot be."""

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from boxoffice.actors.changes import (
    CustomerWaitlisted,
    OrderCancelled,
    OrderExpired,
    OrderReduced,
    TicketsBooked,
)
from boxoffice.actors.values import SECOND, Instant, Promotion
from boxoffice.http.wire import rfc3339
from tests.simulation import report as promise
from tests.simulation.chaos_listeners import Connection
from tests.simulation.listened import look_at_connections, told_of_each
from tests.simulation.matching import unmatched
from tests.simulation.story import History

# --- logs that cannot be -------------------------------------------------------------------------


@pytest.mark.parametrize("version", range(1, 20))
def test_no_version_can_be_missing(story: History, version: int) -> None:
    """In the middle it leaves a gap; at the end, an answer or a look that nobody can have had."""
    expected = promise.NO_GAP if version < 19 else promise.DURABLE
    assert expected in story.without_change(version).broken()


def test_an_acknowledged_answer_whose_change_was_lost_is_found(story: History) -> None:
    lost = replace(story, log=story.log[:-1]).without("sales closed", "end", "list")
    assert lost.broken() == {promise.DURABLE}


def test_two_answers_on_one_version_are_found(story: History) -> None:
    twice = replace(story.seen["joe"], key=None)
    assert promise.ASKED_FOR in story.also(twice).broken()


@pytest.mark.parametrize(
    "name", ["ann", "cleo", "eve", "cleo extends", "cleo confirms", "ann's part", "larger"]
)
def test_a_change_that_nobody_asked_for_is_found(story: History, name: str) -> None:
    assert story.without(name).broken() == {promise.ASKED_FOR}


def test_a_change_is_not_that_of_one_who_asked_for_another(story: History) -> None:
    lost = story.unanswered("dan", "eve", "cleo extends", "ann's part")
    assert not lost.broken()
    others: list[tuple[str, str, object]] = [
        ("dan", "quantity", 1),
        ("eve", "userId", "dan"),
        ("cleo extends", "holdSeconds", 500),
        ("ann's part", "quantity", 2),
    ]
    for name, field, value in others:
        asked = {**lost.seen[name].asked, field: value}
        assert lost.but(name, asked=asked).broken() == {promise.ASKED_FOR}, name


def test_who_asked_after_a_version_was_known_has_not_made_it(story: History) -> None:
    late = story.unanswered("dan").but("dan", began_s=story.seen["fay"].ended_s + 1e-6)
    assert late.broken() == {promise.ASKED_FOR}


def test_an_order_that_is_made_twice_is_found(story: History) -> None:
    first = story.log[story.version("joe") - 1]
    assert isinstance(first, TicketsBooked)
    twice = story.but_logged(first.version + 1, order_id=first.order_id)
    twice = twice.but_answered("joe's second", orderId=story.order("joe"))
    assert promise.NO_GAP in twice.broken()


def test_one_who_never_heard_has_made_one_version_at_the_most(story: History) -> None:
    one = story.without("joe", "joe again").unanswered("joe's second")
    both = one.also(replace(one.seen["joe's second"], key="joe"))
    assert not both.broken()
    assert both.examined().applied == 2
    earlier = one.but("joe's second", began_s=story.seen["ann"].began_s)
    assert earlier.broken() == {promise.ASKED_FOR}


def test_an_overtaken_waiter_is_found(story: History) -> None:
    """One ticket is left, dan waits for two: hal must not have it."""
    version = story.version("hal")
    came = story.log[version - 1]
    assert isinstance(came, CustomerWaitlisted)
    booked = TicketsBooked(came.version, came.at, came.order_id, came.customer, came.quantity)
    answer = {key: value for key, value in story.seen["hal"].answer.items() if key != "position"}
    past = story.with_change(booked).but("hal", status=201, answer=answer | {"status": "confirmed"})
    assert past.broken() == {promise.BY_THE_RULES}


def promoting(story: History, name: str, promoted: tuple[Promotion, ...]) -> History:
    """Others were promoted: in the log, and in the answer that tells of it."""
    version = story.version(name)
    told = [
        {
            "orderId": f"{story.event}-{each.order_id}",
            "userId": each.customer,
            "quantity": each.quantity,
            "status": "offered",
            "expiresAt": rfc3339(each.expires_at or Instant(0)),
        }
        for each in promoted
    ]
    return story.but_logged(version, promoted=promoted).but_answered(name, promoted=told)


def test_a_promotion_of_the_wrong_person_or_of_nobody_is_found(story: History) -> None:
    by_ann, by_eve = (story.log[story.version(name) - 1] for name in ("ann's part", "ann's rest"))
    assert isinstance(by_ann, OrderReduced)
    assert isinstance(by_eve, OrderCancelled)
    assert not promoting(story, "ann's part", by_ann.promoted).broken()
    end = by_ann.promoted[0].expires_at
    eve = msgspec.structs.replace(by_eve.promoted[0], expires_at=end)
    for promoted in [(eve,), (), (*by_ann.promoted, eve)]:
        assert promoting(story, "ann's part", promoted).broken() >= {promise.BY_THE_RULES}


@pytest.mark.parametrize("seconds", [-1, -3600])
def test_an_end_before_its_time_and_a_time_that_runs_backwards_are_found(
    story: History, seconds: int
) -> None:
    expired = next(change for change in story.log if isinstance(change, OrderExpired))
    early = story.but_logged(expired.version, at=Instant(expired.at + seconds * SECOND))
    assert early.broken() == {promise.BY_THE_RULES}


def test_what_should_have_ended_first_is_found(story: History) -> None:
    fay = story.log[story.version("fay") - 1]
    assert story.but_logged(fay.version, at=Instant(fay.at + 3 * SECOND)).broken() == {promise.BY_THE_RULES}


def test_an_expiry_answers_nobody(story: History) -> None:
    answer = story.seen["hal"].answer | {"version": story.version("hal") - 1}
    assert promise.TRUE in story.but("hal", answer=answer).broken()


# --- outcomes that cannot be ---------------------------------------------------------------------


@pytest.mark.parametrize("name", ["ann", "cleo", "cleo confirms", "ann's rest", "larger", "close"])
def test_what_had_an_effect_was_not_unapplied_nor_refused(story: History, name: str) -> None:
    not_applied = {"code": "not_applied", "status": 503}
    assert story.but(name, status=503, answer=not_applied).broken() == {promise.NO_EFFECT}
    invalid = {"code": "invalid_request", "status": 422}
    assert promise.NO_EFFECT in story.but(name, status=422, answer=invalid).broken()


def test_a_key_with_two_effects_is_found(story: History) -> None:
    """Joe books twice under two keys; were it one, he would have been answered once."""
    assert story.but("joe's second", key="joe").broken() >= {promise.ONE_KEY}
    unheard = story.but("joe's second", key="joe").unanswered("joe's second")
    assert unheard.broken() == {promise.ONE_KEY}


def test_a_key_that_another_request_has_used_has_no_second_effect(story: History) -> None:
    assert not story.unanswered("hal").broken()
    assert story.unanswered("hal").but("hal", key="fay").broken() == {promise.ONE_KEY}


def test_a_key_with_two_requests_or_two_answers_is_found(story: History) -> None:
    other = story.seen["fay's key"].asked
    assert story.but("joe's second", key="joe", asked=other).broken() >= {promise.ONE_KEY}
    assert story.but("fay again", status=409, answer=story.seen["not held"].answer).broken() == {
        promise.ONE_KEY
    }
    assert promise.ONE_KEY in story.but_answered("fay again", position=2).broken()


def test_a_mistake_of_ours_is_found(story: History) -> None:
    mistake = replace(story.seen["sold out"], status=500, answer={"code": "internal_error"})
    assert story.also(mistake).broken() == {promise.NO_MISTAKE}


def test_a_valid_request_is_not_called_invalid(story: History) -> None:
    invalid = replace(story.seen["unknown"], status=422, answer={"code": "invalid_request"})
    assert story.also(invalid).broken() == {promise.TRUE}
    assert not story.also(replace(invalid, asked={"eventId": story.event, "orderId": "1"})).broken()


# --- orders that cannot be -----------------------------------------------------------------------


def moved(story: History, name: str, to: str) -> History:
    """This was asked and answered while something else was."""
    return story.but(name, began_s=story.seen[to].began_s, ended_s=story.seen[to].ended_s)


@pytest.mark.parametrize("name", ["ann", "hal", "sold out", "hold expired", "eve waits", "hold lapsed"])
def test_an_answer_from_the_past_is_found(story: History, name: str) -> None:
    assert moved(story, name, "end").broken() == {promise.IN_ORDER}


@pytest.mark.parametrize("name", ["close", "larger", "hold expired", "sales closed", "ann is out", "end"])
def test_an_answer_from_the_future_is_found(story: History, name: str) -> None:
    assert moved(story, name, "ann").broken() == {promise.IN_ORDER}


def test_what_overlaps_may_have_any_order(story: History) -> None:
    first, last = story.seen["ann"].began_s, story.seen["list"].ended_s
    at_once = replace(
        story, seen={name: replace(each, began_s=first, ended_s=last) for name, each in story.seen.items()}
    )
    assert not at_once.broken()


def test_who_asks_again_counts_from_the_first_asking_to_the_first_answer(story: History) -> None:
    assert not moved(story, "fay again", "end").broken()
    assert moved(moved(story, "fay again", "end"), "fay", "end").broken() == {promise.IN_ORDER}
    early = moved(story, "joe again", "ann")
    assert early.broken() == {promise.IN_ORDER}, "what came later than an answer's second giving"
    assert not early.unanswered("joe again", status=503).broken()


def test_a_stale_status_is_found(story: History) -> None:
    stale = story.seen["hold lapsed"]
    assert moved(story, "hold lapsed", "hal").broken() == set()
    assert moved(story, "hold lapsed", "ann's part").broken() == {promise.IN_ORDER}
    answer = stale.answer | {"version": story.version("hal")}
    assert moved(story, "hold lapsed", "ann's part").but("hold lapsed", answer=answer).broken() >= {
        promise.TRUE
    }


def test_a_look_may_lag_behind_if_that_is_allowed_and_a_refusal_may_not(story: History) -> None:
    for name, broken in {"hold lapsed": set[str](), "hold expired": {promise.IN_ORDER}}.items():
        late = moved(story, name, "end")
        lag_s = late.seen[name].began_s - story.seen[name].ended_s
        assert {each.promise for each in late.examined(look_lag_s=lag_s).violations} == broken, name
    assert moved(story, "hold lapsed", "end").examined(look_lag_s=1e-6).violations


# --- one version each ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fitting", "left"),
    [
        ({}, []),
        ({2: "a"}, []),
        ({2: "a", 3: "a"}, [3]),
        ({2: "ab", 3: "a"}, []),
        ({2: "ab", 3: "ac", 4: "a"}, []),
        ({2: "ab", 3: "ab", 4: "ab"}, [4]),
        ({2: "ab", 3: "bc", 4: "a"}, []),
        ({2: "ab", 3: "bc", 4: "a", 5: "b"}, [5]),
        ({2: ""}, [2]),
    ],
)
def test_as_many_versions_as_possible_are_given_a_request_each(fitting: Any, left: list[int]) -> None:
    assert unmatched(fitting) == left


# --- what listeners were told that cannot be -----------------------------------------------------


def told_by(story: History, *names: str) -> Connection:
    """A listener who was told what was seen in the story."""
    connection = Connection("fast listener", server=0)
    for seen in (story.seen[name] for name in names):
        kind = "order" if "orderId" in seen.answer else "status"
        connection.told.append(({"type": kind, **seen.answer}, seen.ended_s))
    return connection


def broken_by(story: History, connection: Connection) -> set[str]:
    """The promises that are broken if that was told, too."""
    (told,) = told_of_each([connection])[story.event]
    return story.also(told).broken()


@pytest.mark.parametrize("name", ["hold lapsed", "end", "eve waits", "bob holds", "ann is out"])
def test_listeners_are_told_what_was_so(story: History, name: str) -> None:
    connection = told_by(story, name)
    assert not broken_by(story, connection)
    message, at_s = connection.told[0]
    for field in ("version", "state", "heldTickets", "quantity", "position", "expiresAt"):
        if field in message:
            falsified = {**message, field: message[field] + 1 if isinstance(message[field], int) else "no"}
            told = replace(connection, told=[(falsified, at_s)])
            assert broken_by(story, told), field


def test_whoever_asks_after_a_listener_was_told_knows_no_less(story: History) -> None:
    connection = told_by(story, "end")
    connection.told[0] = connection.told[0][0], story.seen["larger"].began_s - 0.001
    assert promise.IN_ORDER in broken_by(story, connection)


def test_no_listener_is_taken_back(story: History) -> None:
    look_at_connections([told_by(story, "eve waits", "hold lapsed", "bob holds", "end")])
    look_at_connections([told_by(story, "end"), told_by(story, "hold lapsed")])  # each for itself
    since = replace(told_by(story, "end"), since=story.version("end") + 1)
    settled = told_by(story, "ann is out", "ann is out")
    settled.told[1][0]["version"] += 1
    for wrong in (told_by(story, "end", "hold lapsed"), since, settled):
        with pytest.raises(AssertionError, match="what cannot be"):
            look_at_connections([wrong])
