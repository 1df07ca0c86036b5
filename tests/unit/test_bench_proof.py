"""The proof of a load test: each check holds where it should, and is broken by what it is there to find."""

from pathlib import Path

import pytest

from boxoffice.bench.proof.findings import (
    ASKED,
    CHECKS,
    FIRST,
    IN_ORDER,
    KEYS,
    NO_EFFECT,
    RULES,
    SOLD,
    STATUS,
    TABLES,
    THERE,
    TRUE,
)
from tests.unit.bench_proof_story import (
    EVENT,
    Story,
    at,
    broken,
    honest,
    named,
    promotion,
    vacuous,
)

NOTHING: dict[str, str] = {}


async def test_an_honest_run_is_proved_and_no_check_has_looked_at_nothing(tmp_path: Path) -> None:
    proof = await honest().prove(tmp_path)
    assert broken(proof) == NOTHING
    assert vacuous(proof) == set()
    assert [check.name for check in proof.checks] == list(CHECKS)
    assert {check.name for check in proof.checks if check.skipped} == {TABLES}
    assert (proof.ok, proof.unknown, proof.events, proof.changes) == (True, 0, 1, 7)


async def test_it_is_counted_how_much_was_looked_at(tmp_path: Path) -> None:
    looked_at = {check.name: check.looked_at for check in (await honest().prove(tmp_path)).checks}
    assert looked_at == {
        THERE: 6,  # ann, bob twice, cleo, dan, and ann who cancels
        SOLD: 7,
        FIRST: 5,
        RULES: 7,
        KEYS: 1,
        ASKED: 6,
        NO_EFFECT: 4,
        IN_ORDER: 11,
        TRUE: 7,  # three refusals with a version, two looks, and two positions
        STATUS: 1,
        TABLES: 0,
    }


async def test_a_check_that_had_nothing_to_look_at_says_so(tmp_path: Path) -> None:
    proof = await Story().prove(tmp_path)
    assert broken(proof) == NOTHING
    assert named(proof)[KEYS].skipped == "there were no repeated requests"
    assert named(proof)[THERE].skipped == "there were no acknowledged requests"


async def test_an_event_that_nobody_touched_is_proved_by_its_status_alone(tmp_path: Path) -> None:
    story = Story(tickets=5)
    story.may = {"read", "admin"}
    proof = await story.prove(tmp_path)
    assert (proof.changes, named(proof)[STATUS].looked_at) == (0, 1)
    story.shown = {"availableTickets": 4}
    assert "availableTickets was told as 4, and is 5" in broken(await story.prove(tmp_path))[STATUS]


# --- what was acknowledged is there --------------------------------------------------------------


async def test_an_acknowledged_order_that_the_log_has_lost(tmp_path: Path) -> None:
    story = honest()
    story.book("zoe")
    del story.changes[-1]
    found = broken(await story.prove(tmp_path))
    assert list(found) == [THERE]
    assert (
        "version 8: book (event 7, customer zoe, quantity 1) was acknowledged, and the log ends at"
        in found[THERE]
    )


async def test_an_acknowledged_order_that_is_somebody_elses(tmp_path: Path) -> None:
    story = Story()
    story.book("ann")
    story.changes[1]["userId"] = "bob"
    found = broken(await story.prove(tmp_path))
    assert list(found) == [THERE]
    assert "was told that it is theirs, and it is ticketsBooked for bob" in found[THERE]


@pytest.mark.parametrize(
    ("field", "told", "words"),
    [
        ("orderId", f"{EVENT}-01a21439-0000-7000-8000-00000000000f", "orderId was told as"),
        ("userId", "bob", "userId was told as bob, and is ann"),
        ("quantity", 2, "quantity was told as 2, and is 1"),
        ("status", "held", "status was told as held, and is confirmed"),
        ("expiresAt", at(5), "expiresAt was told as"),
    ],
)
async def test_an_answer_that_is_not_what_the_log_has(
    tmp_path: Path, field: str, told: object, words: str
) -> None:
    story = Story()
    order = story.order("ticketsBooked", "ann")
    story.tell("book", {"e": EVENT, "u": "ann"}, 201, {**order, field: told})
    found = broken(await story.prove(tmp_path))
    assert list(found) == [THERE]
    assert words in found[THERE]


@pytest.mark.parametrize(
    ("asked", "said", "words"),
    [
        (1, {}, ""),
        (2, {}, "was told that it is theirs, and it is orderReduced"),
        (1, {"quantity": 3}, "quantity was told as 3, and is 2"),
        (1, {"cancelledQuantity": 2}, "cancelledQuantity was told as 2, and is 1"),
        (1, {"promoted": []}, "promoted was told as []"),
    ],
)
async def test_a_part_that_is_given_back(
    tmp_path: Path, asked: int, said: dict[str, object], words: str
) -> None:
    story = Story(tickets=3)
    ann = story.book("ann", 3)
    bob = promotion(story.wait("bob"))
    version = story.change("orderReduced", orderId=ann["orderId"], quantity=2, promoted=[bob])
    told = {**ann, "quantity": 2, "version": version, "cancelledQuantity": 1, "promoted": [bob], **said}
    story.tell("cancel", {"e": EVENT, "u": "ann", "q": asked}, 200, told)
    found = broken(await story.prove(tmp_path))
    assert (words in found[THERE]) if words else (found == NOTHING)


async def test_a_cancellation_of_another_size_than_was_asked_for(tmp_path: Path) -> None:
    story = Story(tickets=3)
    ann = story.book("ann", 3)
    said = story.cancel(ann)
    del story.told[-1]
    story.tell("cancel", {"o": ann["orderId"], "q": 3}, 200, said)
    assert broken(await story.prove(tmp_path)) == NOTHING
    del story.told[-1]
    story.tell("cancel", {"o": ann["orderId"], "q": 2}, 200, said)
    assert "it is orderCancelled for ann" in broken(await story.prove(tmp_path))[THERE]


async def test_an_adjustment_that_names_others_than_it_has_promoted(tmp_path: Path) -> None:
    story = Story(tickets=1)
    story.book("ann")
    bob = promotion(story.wait("bob"))
    story.change("eventAdjusted", totalTickets=2, promoted=[bob])
    numbers = story.status
    story.tell("adjust", {"e": EVENT, "n": 2}, 200, {**numbers, "promoted": [bob], "promotedCount": 1})
    assert broken(await story.prove(tmp_path)) == NOTHING
    del story.told[-1]
    story.tell("adjust", {"e": EVENT, "n": 2}, 200, {**numbers, "promoted": [], "promotedCount": 0})
    assert "it names 0 who were promoted, and the log 1" in broken(await story.prove(tmp_path))[THERE]


async def test_somebody_who_waits_and_did_not_want_to(tmp_path: Path) -> None:
    story = Story(tickets=1)
    story.book("ann")
    order = story.order("customerWaitlisted", "bob")
    story.tell("book", {"e": EVENT, "u": "bob", "w": False}, 202, {**order, "position": 1})
    assert "was told that it is theirs" in broken(await story.prove(tmp_path))[THERE]


async def test_an_acknowledgement_that_cannot_be_read(tmp_path: Path) -> None:
    story = Story()
    story.tell("book", {"e": EVENT, "u": "ann"}, 201)
    assert "without an order that can be read" in broken(await story.prove(tmp_path))[THERE]


async def test_a_batch_with_too_few_results(tmp_path: Path) -> None:
    story = Story()
    facts = [{"do": "book", "e": EVENT, "u": user} for user in ("ann", "bob")]
    story.tell("batch", facts, 200, {"results": [{"status": 503, "body": {"code": "overloaded"}}]})
    assert "a batch of 2 was answered with 1 results" in broken(await story.prove(tmp_path))[THERE]


async def test_the_commands_of_a_batch_are_looked_at_one_by_one(tmp_path: Path) -> None:
    story = Story()
    facts = [{"do": "book", "e": EVENT, "u": user} for user in ("ann", "bob", "cleo")]
    ann, bob = story.order("ticketsBooked", "ann"), story.order("ticketsBooked", "bob")
    sold_out = {"code": "exceeds_capacity", "totalTickets": 2, "version": 3}
    results = [{"status": 201, "body": ann}, {"status": 201, "body": bob}, {"status": 409, "body": sold_out}]
    story.tell("batch", facts, 200, {"results": results})
    proof = await story.prove(tmp_path)
    assert (named(proof)[THERE].looked_at, proof.requests) == (2, 3)
    assert list(broken(proof)) == [TRUE]  # cleo asked for one ticket, and the event has two


# --- nothing is oversold -------------------------------------------------------------------------


async def test_more_tickets_than_there_are(tmp_path: Path) -> None:
    story = Story(tickets=1)
    story.book("ann")
    story.hold("bob")
    story.book("cleo")
    proof = await story.prove(tmp_path)
    assert list(broken(proof)) == [SOLD]
    assert "version 3 (ticketsHeld) leaves 2 tickets booked, held or offered, of 1" in broken(proof)[SOLD]
    assert named(proof)[SOLD].broken == 1  # it stays so at version 4


async def test_an_event_that_is_made_smaller_than_what_is_sold(tmp_path: Path) -> None:
    story = Story(tickets=2)
    story.book("ann", 2)
    story.change("eventAdjusted", totalTickets=1)
    story.tell("adjust", {"e": EVENT, "n": 1}, 200, {**story.status, "promoted": [], "promotedCount": 0})
    assert list(broken(await story.prove(tmp_path))) == [SOLD]


async def test_a_version_that_is_left_out(tmp_path: Path) -> None:
    story = honest()
    del story.changes[3]
    found = broken(await story.prove(tmp_path))
    assert found.keys() == {RULES, THERE}
    assert "version 3 is followed by 5; the rest of its log is not looked at" in found[RULES]
    assert "version 4: confirm" in found[THERE]


# --- first come, first served --------------------------------------------------------------------


async def test_somebody_who_is_promoted_before_whoever_came_first(tmp_path: Path) -> None:
    story = Story(tickets=1)
    ann = story.book("ann")
    story.wait("bob", position=1)
    cleo = story.wait("cleo", position=2)
    story.cancel(ann, cleo)
    found = broken(await story.prove(tmp_path))
    assert list(found) == [FIRST]
    assert (
        "promotes cleo, who waits for 1 since version 4 before bob, who waits for 1 since version 3"
        in found[FIRST]
    )


async def test_a_small_party_that_overtakes_a_large_one(tmp_path: Path) -> None:
    """The head blocks: two tickets come free one by one, and are kept for the two."""
    story = Story(tickets=2)
    ann = story.book("ann")
    story.book("bob")
    story.wait("two", quantity=2, position=1)
    cleo = story.wait("cleo", position=2)
    story.cancel(ann, cleo)
    assert "promotes cleo" in broken(await story.prove(tmp_path))[FIRST]


async def test_a_large_party_at_the_head_keeps_a_ticket_idle_and_that_is_right(tmp_path: Path) -> None:
    story = Story(tickets=2)
    ann, bob = story.book("ann"), story.book("bob")
    two = story.wait("two", quantity=2, position=1)
    story.wait("cleo", position=2)
    story.cancel(ann)
    story.cancel(bob, two)
    assert broken(await story.prove(tmp_path)) == NOTHING


async def test_somebody_who_books_past_the_line(tmp_path: Path) -> None:
    story = Story(tickets=2)
    story.book("ann")
    story.wait("two", quantity=2, position=1)
    story.book("bob")
    found = broken(await story.prove(tmp_path))
    assert list(found) == [FIRST]
    assert "gives bob 1 tickets past two, who waits for 2 since version 3" in found[FIRST]


async def test_somebody_who_has_to_wait_for_what_is_free(tmp_path: Path) -> None:
    story = Story(tickets=2)
    story.wait("ann")
    proof = await story.prove(tmp_path)
    assert "has ann wait for 1 tickets, and 2 are free" in broken(proof)[FIRST]


async def test_a_ticket_that_lies_idle(tmp_path: Path) -> None:
    story = Story(tickets=1)
    ann = story.book("ann")
    story.wait("bob")
    story.cancel(ann)
    found = broken(await story.prove(tmp_path))
    assert list(found) == [FIRST]
    assert "leaves 1 tickets idle, and bob, who waits for 1 since version 3 could have them" in found[FIRST]


async def test_nobody_is_promoted_when_the_sale_is_over(tmp_path: Path) -> None:
    story = Story(tickets=1)
    ann = story.book("ann")
    bob = story.wait("bob")
    story.change("saleClosed")
    story.shown = {"closedAt": at(4)}
    story.tell("close", {"e": EVENT}, 200, story.status)
    story.cancel(ann)
    assert broken(await story.prove(tmp_path)) == NOTHING
    story.changes[-1]["promoted"] = [promotion(bob)]
    assert "promotes somebody after the end of the sale" in broken(await story.prove(tmp_path))[FIRST]


# --- the log keeps the rules ---------------------------------------------------------------------


async def test_an_order_that_is_cancelled_twice(tmp_path: Path) -> None:
    story = Story()
    ann = story.book("ann")
    story.cancel(ann)
    story.cancel(ann)
    assert "which is cancelled; the rest" in broken(await story.prove(tmp_path))[RULES]


async def test_a_hold_that_ends_before_its_time(tmp_path: Path) -> None:
    story = Story()
    ann = story.hold("ann")
    story.change("orderExpired", orderId=ann["orderId"], promoted=[])
    assert "before its time" in broken(await story.prove(tmp_path))[RULES]
    story.changes[-1]["at"] = at(900_000)
    assert broken(await story.prove(tmp_path)) == NOTHING


async def test_a_hold_that_is_confirmed_too_late(tmp_path: Path) -> None:
    story = Story()
    story.confirm(story.hold("ann"))
    story.changes[-1]["at"] = at(900_000)
    assert "that is too late" in broken(await story.prove(tmp_path))[RULES]


async def test_a_larger_order_than_is_allowed_and_a_longer_line(tmp_path: Path) -> None:
    story = Story(tickets=2, maxPerOrder=1, waitlistLimit=0)
    story.book("ann", 2)
    story.wait("bob")
    check = named(await story.prove(tmp_path))[RULES]
    assert check.broken == 2
    assert "is of 2 tickets, and an order may have 1" in check.examples[0]
    assert "is one more than the 0 who may wait" in check.examples[1]


async def test_a_booking_after_the_end_of_the_sale(tmp_path: Path) -> None:
    story = Story(tickets=9, salesCloseAt=at(3))
    story.book("ann")
    story.book("bob")
    found = broken(await story.prove(tmp_path))
    assert list(found) == [RULES]
    assert "version 3 (ticketsBooked) sells after the end of the sale" in found[RULES]


async def test_time_that_runs_backwards(tmp_path: Path) -> None:
    story = Story(tickets=9)
    story.book("ann")
    story.book("bob")
    story.changes[-1]["at"] = at(1)
    assert "is of 2026-11-26T10:00:00.000001Z, and the one" in broken(await story.prove(tmp_path))[RULES]


async def test_an_order_that_is_made_twice(tmp_path: Path) -> None:
    story = Story(tickets=9)
    ann = story.book("ann")
    story.order("ticketsBooked", "bob")
    story.changes[-1]["orderId"] = ann["orderId"]
    assert "is made at version 3; the rest" in broken(await story.prove(tmp_path))[RULES]


@pytest.mark.parametrize("left", [0, 2])
async def test_an_order_that_is_reduced_to_nothing_or_not_at_all(tmp_path: Path, left: int) -> None:
    story = Story(tickets=9)
    ann = story.book("ann", 2)
    story.change("orderReduced", orderId=ann["orderId"], quantity=left, promoted=[])
    assert f"is reduced to {left}" in broken(await story.prove(tmp_path))[RULES]


async def test_an_offer_where_promotions_book(tmp_path: Path) -> None:
    story = Story(tickets=1, waitlistMode="book")
    ann = story.book("ann")
    bob = story.wait("bob")
    story.cancel(ann, bob)
    story.changes[-1]["promoted"][0]["status"] = "offered"
    assert "and says bob, 1, offered" in broken(await story.prove(tmp_path))[RULES]


# --- one key, one effect -------------------------------------------------------------------------


async def test_what_came_of_the_tickets_is_added_up(tmp_path: Path) -> None:
    story = Story(tickets=3)
    story.book("ann", 2)
    story.hold("bob")
    story.wait("eve")
    proof = await story.prove(tmp_path)
    assert (proof.tickets, proof.taken, proof.waiting) == (3, 3, 1)


async def test_a_repeat_that_is_answered_otherwise(tmp_path: Path) -> None:
    story = Story()
    story.book("ann", key="k")
    order = story.order("ticketsBooked", "ann")
    story.tell("book", {"e": EVENT, "u": "ann", "q": 1}, 201, order, key="k", replayed=True)
    check = named(await story.prove(tmp_path))[KEYS]
    assert check.broken == 2  # the answers differ, and the log has both
    assert "key k) was answered 201" in check.examples[0]
    assert "had an effect, and a second one: ticketsBooked for ann" in check.examples[1]


async def test_a_repeat_that_does_not_say_that_it_is_one(tmp_path: Path) -> None:
    story = Story()
    order = story.book("ann", key="k")
    story.tell("book", {"e": EVENT, "u": "ann", "q": 1}, 201, order, key="k")
    assert "was done 2 times" in broken(await story.prove(tmp_path))[KEYS]


async def test_a_refusal_that_is_another_one_when_it_is_repeated(tmp_path: Path) -> None:
    story = Story(tickets=1)
    story.book("ann")
    facts, numbers = {"e": EVENT, "u": "bob", "w": False}, {"availableTickets": 0, "waitingListCount": 0}
    story.refuse("book", facts, 409, "sold_out", **numbers, version=2, key="k")
    story.refuse("book", facts, 409, "sold_out", **numbers, version=2, key="k", replayed=True)
    assert broken(await story.prove(tmp_path)) == NOTHING
    story.refuse("book", facts, 409, "sold_out", **{**numbers, "waitingListCount": 1}, version=2, key="k")
    assert list(broken(await story.prove(tmp_path))) == [KEYS]


async def test_two_requests_under_one_key(tmp_path: Path) -> None:
    story = Story(tickets=9)
    story.book("ann", key="k")
    story.refuse("book", {"e": EVENT, "u": "ann", "q": 2}, 422, "idempotency_mismatch", key="k")
    assert broken(await story.prove(tmp_path)) == NOTHING
    story.book("ann", 3, key="k")
    assert "though its key had been used for something else" in broken(await story.prove(tmp_path))[KEYS]


async def test_whoever_is_answered_only_when_they_ask_again(tmp_path: Path) -> None:
    """A repeat counts from the first time on: its version may be older than what was known by then."""
    story = Story(tickets=9)
    story.tell("book", {"e": EVENT, "u": "ann", "q": 1}, 0, key="k")
    order = story.order("ticketsBooked", "ann")
    story.book("bob")
    story.tell("book", {"e": EVENT, "u": "ann", "q": 1}, 201, order, key="k", replayed=True)
    proof = await story.prove(tmp_path)
    assert (broken(proof), proof.unknown) == (NOTHING, 0)


# --- every change was asked for ------------------------------------------------------------------


async def test_an_order_that_nobody_asked_for(tmp_path: Path) -> None:
    story = honest()
    story.order("customerWaitlisted", "nobody")
    found = broken(await story.prove(tmp_path))
    assert list(found) == [ASKED]
    assert "version 8: nobody asked for customerWaitlisted for nobody" in found[ASKED]


async def test_a_cancellation_that_nobody_asked_for(tmp_path: Path) -> None:
    story = Story()
    ann = story.book("ann")
    story.cancel(ann)
    del story.told[-1]
    assert "nobody asked for orderCancelled for ann" in broken(await story.prove(tmp_path))[ASKED]


async def test_others_may_ask_of_an_event_that_is_not_our_own(tmp_path: Path) -> None:
    story = honest()
    story.order("customerWaitlisted", "nobody")
    proof = await story.prove(tmp_path, own=False)
    assert broken(proof) == NOTHING
    assert named(proof)[ASKED].looked_at == 0


@pytest.mark.parametrize("status", [0, 504])
async def test_what_was_never_answered_is_looked_up_in_the_log(tmp_path: Path, status: int) -> None:
    story = Story(tickets=9)
    ann = story.order("ticketsBooked", "ann")
    story.tell("book", {"e": EVENT, "u": "ann"}, status)
    story.tell("book", {"e": EVENT, "u": "bob"}, status)
    story.tell("cancel", {"o": ann["orderId"]}, status)
    story.change("orderCancelled", orderId=ann["orderId"], promoted=[])
    proof = await story.prove(tmp_path)
    assert (broken(proof), proof.unknown, proof.unknown_applied) == (NOTHING, 3, 2)


async def test_what_was_asked_once_and_never_answered_has_one_effect(tmp_path: Path) -> None:
    story = Story(tickets=9)
    story.tell("book", {"e": EVENT, "u": "ann"}, 0)
    story.order("ticketsBooked", "ann")
    story.order("ticketsBooked", "ann")
    assert list(broken(await story.prove(tmp_path))) == [ASKED]


async def test_what_was_asked_after_it_was_there_has_not_made_it(tmp_path: Path) -> None:
    story = Story(tickets=9)
    story.order("ticketsBooked", "ann")
    story.look(**story.status)
    story.tell("book", {"e": EVENT, "u": "ann"}, 0)
    assert list(broken(await story.prove(tmp_path))) == [ASKED]


async def test_two_who_are_told_that_the_same_change_is_theirs(tmp_path: Path) -> None:
    story = Story()
    order = story.book("ann")
    story.tell("book", {"e": EVENT, "u": "ann", "q": 1}, 201, order)
    found = broken(await story.prove(tmp_path))
    assert "were both told that it is theirs" in found[ASKED]


# --- what was refused had no effect --------------------------------------------------------------


@pytest.mark.parametrize(("status", "code"), [(503, "overloaded"), (409, "sold_out"), (429, "rate_limited")])
async def test_a_refusal_that_had_an_effect(tmp_path: Path, status: int, code: str) -> None:
    story = Story()
    story.order("ticketsBooked", "ann")
    story.refuse("book", {"e": EVENT, "u": "ann"}, status, code)
    found = broken(await story.prove(tmp_path))
    assert list(found) == [NO_EFFECT]
    assert f"was answered {status}, and the log has ticketsBooked for ann" in found[NO_EFFECT]


# --- in the order of time ------------------------------------------------------------------------


async def test_an_answer_that_is_older_than_what_was_known(tmp_path: Path) -> None:
    story = Story(tickets=9)
    first = story.order("ticketsBooked", "ann")
    story.book("bob")
    story.tell("book", {"e": EVENT, "u": "ann", "q": 1}, 201, first)
    found = broken(await story.prove(tmp_path))
    assert list(found) == [IN_ORDER]
    assert "was told version 2, and somebody had been told 3 before" in found[IN_ORDER]


async def test_what_was_seen_too_old_is_named(tmp_path: Path) -> None:
    story = honest()
    story.look(orderId="7-0", userId="ann", quantity=1, status="confirmed", version=2)
    found = broken(await story.prove(tmp_path))
    assert "GET of order 7-0 was told version 2, and somebody had been told" in found[IN_ORDER]


async def test_two_who_ask_at_the_same_time_may_be_answered_in_any_order(tmp_path: Path) -> None:
    story = Story(tickets=9)
    first = story.order("ticketsBooked", "ann")
    story.book("bob")
    story.tell("book", {"e": EVENT, "u": "ann", "q": 1}, 201, first, sent_s=101.0)
    assert broken(await story.prove(tmp_path)) == NOTHING


async def test_a_status_that_is_older_than_what_was_known(tmp_path: Path) -> None:
    story = Story(tickets=9)
    before = story.status
    story.book("bob")
    story.look(**before)
    assert list(broken(await story.prove(tmp_path))) == [IN_ORDER]


async def test_a_batch_whose_commands_were_not_done_in_their_order(tmp_path: Path) -> None:
    story = Story(tickets=9)
    facts = [{"do": "book", "e": EVENT, "u": user} for user in ("ann", "bob")]
    bob, ann = story.order("ticketsBooked", "bob"), story.order("ticketsBooked", "ann")
    results = [{"status": 201, "body": ann}, {"status": 201, "body": bob}]
    story.tell("batch", facts, 200, {"results": results})
    found = broken(await story.prove(tmp_path))
    assert list(found) == [IN_ORDER]
    assert "version 2 was told after 3, in the same batch" in found[IN_ORDER]


# --- what was told was true ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("facts", "code", "more", "words"),
    [
        (
            {"w": False},
            "sold_out",
            {"availableTickets": 1, "waitingListCount": 0},
            "nobody waits, and 1 tickets",
        ),
        (
            {"q": 3, "w": False},
            "sold_out",
            {"availableTickets": 0, "waitingListCount": 0},
            "availableTickets was",
        ),
        (
            {"q": 3, "w": False},
            "sold_out",
            {"availableTickets": 1, "waitingListCount": 2},
            "waitingListCount was",
        ),
        ({"q": 3}, "sold_out", {"availableTickets": 1, "waitingListCount": 0}, "was ready to wait"),
        ({"q": 3}, "waitlist_full", {"waitlistLimit": 5}, "only 0 wait"),
        ({"q": 3}, "waitlist_full", {"waitlistLimit": 4}, "waitlistLimit was told as 4, and is 5"),
        ({"q": 3}, "exceeds_capacity", {"totalTickets": 3}, "the event has 3 tickets"),
        (
            {"q": 4},
            "limit_exceeded",
            {"limit": "maxPerOrder", "maximum": 4, "asked": 4},
            "an order may have 4",
        ),
        ({}, "sales_closed", {"closedAt": at(1)}, "the sale is not over"),
        ({}, "sales_not_open", {"salesOpenAt": at(1)}, "the sale begins at None"),
    ],
)
async def test_a_refusal_that_is_not_true(
    tmp_path: Path, facts: dict[str, object], code: str, more: dict[str, object], words: str
) -> None:
    story = Story(tickets=3, waitlistLimit=5, maxPerOrder=4)
    story.book("ann", 2)
    story.refuse("book", {"e": EVENT, "u": "bob", **facts}, 409, code, **more, version=2)
    found = broken(await story.prove(tmp_path))
    assert list(found) == [TRUE]
    assert words in found[TRUE]


@pytest.mark.parametrize(
    ("call", "code", "more", "facts"),
    [
        ("cancel", "already_cancelled", {}, {}),
        ("confirm", "hold_expired", {}, {}),
        ("confirm", "not_held", {"orderStatus": "waitlisted"}, {}),
        ("confirm", "already_confirmed", {}, {}),
        ("cancel", "exceeds_order", {"quantity": 1}, {"q": 2}),
    ],
)
async def test_a_refusal_that_is_not_true_of_the_order(
    tmp_path: Path, call: str, code: str, more: dict[str, object], facts: dict[str, object]
) -> None:
    story = Story()
    ann = story.hold("ann", 2)
    named_order = {"o": ann["orderId"], **facts}
    story.refuse(call, named_order, 409, code, orderId=ann["orderId"], **more, version=2)
    assert list(broken(await story.prove(tmp_path))) == [TRUE]


async def test_an_event_that_could_have_been_made_smaller(tmp_path: Path) -> None:
    story = Story()
    story.book("ann")
    numbers = {"bookedTickets": 2, "heldTickets": 0, "offeredTickets": 0}
    story.refuse("adjust", {"e": EVENT, "n": 1}, 409, "capacity_in_use", **numbers, version=2)
    assert "1 are booked, 0 held and 0 offered" in broken(await story.prove(tmp_path))[TRUE]


async def test_a_place_in_line_that_is_wrong(tmp_path: Path) -> None:
    story = Story(tickets=1)
    story.book("ann")
    story.wait("bob", position=1)
    story.wait("cleo", position=1)
    found = broken(await story.prove(tmp_path))
    assert list(found) == [TRUE]
    assert "position was told as 1, and is 2" in found[TRUE]


async def test_places_in_line_are_counted_when_others_have_left(tmp_path: Path) -> None:
    story = Story(tickets=1)
    story.book("ann")
    bob, cleo, dan = (
        story.wait(name, position=place) for place, name in enumerate(("bob", "cleo", "dan"), 1)
    )
    story.cancel(cleo)
    seen = {"orderId": dan["orderId"], "userId": "dan", "quantity": 1, "status": "waitlisted", "version": 6}
    story.look(**seen, position=2)
    assert broken(await story.prove(tmp_path)) == NOTHING
    story.look(**seen, position=3)
    assert "position was told as 3, and is 2" in broken(await story.prove(tmp_path))[TRUE]
    assert bob["position"] == 1


async def test_a_status_that_was_never_so(tmp_path: Path) -> None:
    story = Story(tickets=9)
    story.book("ann")
    story.look(**{**story.status, "bookedTickets": 2})
    found = broken(await story.prove(tmp_path))
    assert list(found) == [TRUE]
    assert "bookedTickets was told as 2, and is 1" in found[TRUE]


async def test_an_order_that_was_never_there(tmp_path: Path) -> None:
    story = Story(tickets=9)
    ann = story.book("ann")
    story.look(**{**ann, "orderId": ann["orderId"][:-1] + "f"})
    assert "there is no such order" in broken(await story.prove(tmp_path))[TRUE]


async def test_a_version_that_is_told_and_never_made(tmp_path: Path) -> None:
    story = Story(tickets=9)
    story.book("ann")
    story.look(**{**story.status, "version": 3})
    assert "was told of it, and the log ends at version 2" in broken(await story.prove(tmp_path))[THERE]


# --- the status ----------------------------------------------------------------------------------


async def test_a_status_that_the_log_does_not_add_up_to(tmp_path: Path) -> None:
    story = honest()
    story.shown = {"waitingListCount": 0}
    found = broken(await story.prove(tmp_path))
    assert list(found) == [STATUS]
    assert "by the log, waitingListCount was told as 0, and is 1" in found[STATUS]


async def test_a_status_that_is_ahead_of_the_log(tmp_path: Path) -> None:
    story = honest()
    story.shown = {"version": 9}
    assert "shows version 9, and the log ends at 7" in broken(await story.prove(tmp_path))[STATUS]
