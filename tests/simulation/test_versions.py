"""The version checker passes what a real server did, also when some of its answers were lost."""

import asyncio
import random
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from tests.e2e.load import Crowd, at_once, crowd
from tests.simulation import report as promise
from tests.simulation.load import Buyer
from tests.simulation.requests import is_look, seen_in_batch, seen_in_list, seen_of
from tests.simulation.story import History
from tests.simulation.versions import check, committed, examine
from tests.support.log import Seen
from tests.support.server import Server


def test_a_sale_in_which_everything_happens_passes(story: History) -> None:
    report = story.examined().check()
    assert (report.versions, report.answers, report.expiries, report.promotions) == (19, 17, 1, 4)
    assert (report.refusals, report.looks, report.repeated) == (15, 14, 2)
    assert (report.applied, report.not_applied) == (0, 0)


@pytest.mark.parametrize("mode", ["book", "offer"])
async def test_a_crowd_that_does_all_there_is_to_do_passes(server: Server, mode: str) -> None:
    terms: dict[str, Any] = {
        "waitlistMode": mode,
        "offerSeconds": 1,
        "maxPerCustomer": 9,
        "waitlistLimit": 30,
    }
    async with crowd(server) as clients:
        opened = await clients.ask("/initialize", eventName="Concert", totalTickets=30, **terms)
        event = opened.answer["eventId"]
        lapsing = await clients.ask("/hold", eventId=event, userId="nobody", holdSeconds=1)
        await at_once(*(Buyer(clients, event, seed).run(12) for seed in range(60)))
        await until_expired(clients, lapsing.answer["orderId"])
    report = check(server.database_url, event, clients.seen)
    assert report.answers + report.expiries == report.versions
    assert min(report.answers, report.refusals, report.looks, report.expiries, report.promotions) > 0
    assert report.repeated > 0
    lost = without_some_answers(clients.seen, random.Random(mode))
    report = check(server.database_url, event, lost)
    assert min(report.applied, report.not_applied) > 5


async def until_expired(clients: Crowd, order: str) -> None:
    """Look at a hold until its end was noticed."""
    for _ in range(100):
        if (await clients.look(f"/orders/{order}")).answer["status"] == "expired":
            return
        await asyncio.sleep(0.1)
    raise AssertionError("it does not end")


def without_some_answers(seen: Iterable[Seen], dice: random.Random) -> list[Seen]:
    """A third of the requests without a key was never answered."""

    def is_lost(each: Seen) -> bool:
        return each.key is None and not is_look(each) and dice.random() < 0.3

    return [replace(each, status=504, answer=None) if is_lost(each) else each for each in seen]


def test_what_was_lost_on_the_way_back_is_found_in_the_log(story: History) -> None:
    done = [name for name, each in story.seen.items() if not is_look(each) and each.status < 300]
    once = [name for name in done if story.seen[name].key is None]
    report = story.unanswered(*once, "sold out", "not held", status=504).examined().check()
    assert (report.applied, report.not_applied) == (len(once), 2)
    report = story.unanswered(*done).examined().check()
    assert (report.answers, report.applied, report.not_applied) == (0, 17, 0)


def test_the_first_sending_may_be_lost_and_the_second_answered(story: History) -> None:
    report = story.unanswered("fay").unanswered("joe again", status=503).examined().check()
    assert (report.applied, report.not_applied, report.repeated) == (0, 0, 0)


def test_what_is_still_under_way_or_asked_too_often_is_no_answer_yet(story: History) -> None:
    told = {"code": "in_progress", "status": 409}
    assert not story.but("fay again", status=409, answer=told).broken()
    assert not story.but("joe", status=429, answer={"code": "rate_limited"}).broken()
    assert story.but("fay again", answer={**story.seen["sold out"].answer}, status=409).broken() == {
        promise.ONE_KEY
    }


def test_a_batch_and_a_list_are_taken_apart(story: History) -> None:
    asked = [{"do": "book", "eventId": "7", "userId": "ann"}, {"do": "close", "eventId": "8"}]
    results = [{"status": 201, "body": {"version": 2}}, {"status": 409, "body": {"version": 3}}]
    batch = Seen("/batch", {"commands": asked}, 200, {"results": results}, 1.0, 2.0, "key")
    book, close = seen_in_batch(batch)
    assert (book.path, book.asked) == ("/book", {"eventId": "7", "userId": "ann"})
    assert (book.status, book.answer, book.began_s, book.ended_s) == (201, {"version": 2}, 1.0, 2.0)
    assert (close.status, close.answer) == (409, {"version": 3})
    assert book.key not in {close.key, "key"}
    assert seen_of("8", [batch]) == [close]
    assert {each.status for each in seen_in_batch(replace(batch, status=504, answer=None))} == {504}
    assert len(seen_in_list(story.seen["list"])) == 9


async def test_a_batch_under_a_key_that_is_lost_is_resolved_command_by_command(server: Server) -> None:
    event = server.event(tickets=2)
    users = [{"do": "book", "eventId": event, "userId": name} for name in ("ann", "bob", "cleo")]
    async with crowd(server) as clients:
        seen = [await clients.ask("/batch", key="batch", commands=users) for _ in range(2)]
    backwards = {"results": seen[0].answer["results"][::-1]}
    unordered = replace(seen[0], asked={"commands": users[::-1]}, answer=backwards, key=None)
    (found,) = {
        each.promise for each in examine(event, committed(server.database_url, event), [unordered]).violations
    }
    assert found == promise.IN_BATCH
    first, again = (replace(each, status=504, answer=None) for each in seen)
    report = check(server.database_url, event, [first, again])
    assert (report.applied, report.not_applied) == (3, 0)
    assert check(server.database_url, event, [first, seen[1]]).answers == 3


async def run(server: Server, event: str, *, killed_after: int | None = None) -> list[Seen]:
    """What a crowd saw whose server, perhaps, is killed after so many answers."""
    async with crowd(server) as clients:

        def kill_in_time() -> None:
            if killed_after is not None and len(clients.seen) >= killed_after:
                server.process.kill()

        clients.when_answered = kill_in_time
        await at_once(*(Buyer(clients, event, seed).run(8) for seed in range(40)))
    return clients.seen


async def test_a_server_that_is_killed_in_the_midst_and_started_again_passes(own_server: Server) -> None:
    """The crowd begins again with the keys that it had used before, for other things in the end."""
    event = own_server.event(tickets=30, waitlistMode="offer", offerSeconds=1, waitlistLimit=60)
    before = await run(own_server, event, killed_after=200)
    own_server.process.wait()
    own_server.start()
    after = await run(own_server, event)
    report = check(own_server.database_url, event, before + after)
    assert min(report.answers, report.refusals, report.looks, report.promotions, report.not_applied) > 0
