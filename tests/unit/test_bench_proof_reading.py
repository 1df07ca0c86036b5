"""What stands in the way of a proof: scopes, connections that break, ledgers not whole, no server."""

import json
from pathlib import Path
from random import Random

import pytest

from boxoffice.bench.proof.asking import PAGE
from boxoffice.bench.proof.checks import prove
from boxoffice.bench.proof.findings import (
    ASKED,
    FIRST,
    IN_ORDER,
    KEYS,
    LEFT_OUT,
    NO_EFFECT,
    RULES,
    SOLD,
    STATUS,
    TABLES,
    THERE,
    TRUE,
    Findings,
)
from boxoffice.bench.proof.places import Places
from boxoffice.bench.target import Target
from tests.unit.bench_proof_story import EVENT, Story, broken, honest, named, vacuous

NOTHING: dict[str, str] = {}


# --- without the log -----------------------------------------------------------------------------


async def test_without_its_scope_the_log_is_not_read_and_the_rest_is_proved(tmp_path: Path) -> None:
    story = honest()
    story.may = {"read"}
    proof = await story.prove(tmp_path)
    assert broken(proof) == NOTHING
    assert vacuous(proof) == {FIRST, RULES, NO_EFFECT, TRUE}
    assert "lacks the scope `admin`" in str(named(proof)[FIRST].skipped)
    assert proof.undone is None
    looked_at = {check.name: check.looked_at for check in proof.checks if check.looked_at}
    assert looked_at == {THERE: 4, SOLD: 1, KEYS: 1, ASKED: 4, IN_ORDER: 11, STATUS: 1}


async def test_without_the_log_a_lost_order_is_missed(tmp_path: Path) -> None:
    story = honest()
    story.may = {"read"}
    story.book("zoe")
    del story.changes[-1]
    found = broken(await story.prove(tmp_path))
    assert list(found) == [THERE]
    assert "customer zoe" in found[THERE]
    assert "there is no such order" in found[THERE]


@pytest.mark.parametrize(("field", "value"), [("userId", "bob"), ("quantity", 3)])
async def test_without_the_log_an_order_that_was_changed_is_noticed(
    tmp_path: Path, field: str, value: object
) -> None:
    story = Story(tickets=9)
    story.may = {"read"}
    story.book("ann", 2)
    story.changes[-1][field] = value
    assert list(broken(await story.prove(tmp_path))) == [THERE]


async def test_without_the_log_an_order_that_nobody_asked_for_is_noticed(tmp_path: Path) -> None:
    story = Story(tickets=9)
    story.may = {"read"}
    story.order("ticketsBooked", "ann")
    story.tell("book", {"e": EVENT, "u": "ann"}, 0)
    proof = await story.prove(tmp_path)
    assert (broken(proof), proof.unknown, proof.unknown_applied) == (NOTHING, 1, 1)
    story.order("ticketsBooked", "bob")
    assert "bob's of 1" in broken(await story.prove(tmp_path))[ASKED]


async def test_without_the_log_more_tickets_than_there_are_are_noticed(tmp_path: Path) -> None:
    story = Story(tickets=1)
    story.may = {"read"}
    story.book("ann")
    story.book("bob")
    assert list(broken(await story.prove(tmp_path))) == [SOLD]


async def test_without_the_log_a_wrong_status_is_noticed(tmp_path: Path) -> None:
    story = honest()
    story.may = {"read"}
    story.shown = {"waitingListCount": 7}
    assert list(broken(await story.prove(tmp_path))) == [STATUS]


async def test_without_the_log_numbers_that_move_meanwhile_are_not_compared(tmp_path: Path) -> None:
    story = Story(tickets=1)
    story.may = {"read"}
    story.book("ann")
    story.goes_on = True
    proof = await story.prove(tmp_path, own=False)
    assert broken(proof) == NOTHING
    assert named(proof)[SOLD].skipped == "event 7 went on while its orders were read"
    assert named(proof)[STATUS].looked_at == 0


async def test_without_the_scope_to_read_the_status_is_not_compared(tmp_path: Path) -> None:
    story = honest()
    story.may = {"admin"}
    proof = await story.prove(tmp_path)
    assert vacuous(proof) == {STATUS}
    assert "403" in str(named(proof)[STATUS].skipped)
    assert proof.undone is None


# --- without the server --------------------------------------------------------------------------


async def test_without_the_server_answers_are_held_against_each_other(tmp_path: Path) -> None:
    story = honest()
    proof = await story.prove(tmp_path, answers_only=True)
    assert (broken(proof), proof.undone, story.asked) == (NOTHING, None, {})
    looked_at = {check.name: check.looked_at for check in proof.checks if not check.skipped}
    assert looked_at == {KEYS: 1, IN_ORDER: 11}
    assert named(proof)[SOLD].skipped == LEFT_OUT


async def test_without_the_server_it_is_noticed_what_answers_say_of_each_other(tmp_path: Path) -> None:
    story = Story(tickets=9)
    first = story.book("ann", key="k")
    story.book("bob")
    story.tell("book", {"e": EVENT, "u": "ann", "q": 1}, 201, first, key="k")
    story.tell("book", {"e": EVENT, "u": "eve", "q": 1}, 201, first)
    found = broken(await story.prove(tmp_path, answers_only=True))
    assert "was done 2 times" in found[KEYS]
    assert "was told version 2, and somebody had been told 3 before" in found[IN_ORDER]


async def test_without_the_server_nobody_gets_what_is_anothers(tmp_path: Path) -> None:
    story = Story(tickets=9)
    first = story.book("ann")
    story.tell("book", {"e": EVENT, "u": "eve", "q": 1}, 201, first, sent_s=100.0)
    found = broken(await story.prove(tmp_path, answers_only=True))
    assert "were both told that version 2 is theirs" in found[IN_ORDER]


# --- what cannot be read -------------------------------------------------------------------------


async def test_a_log_that_breaks_off_is_read_on(tmp_path: Path) -> None:
    story = honest()
    story.breaks_off_after = 3
    proof = await story.prove(tmp_path)
    assert (broken(proof), proof.changes) == (NOTHING, 7)
    assert story.breaks_off_after is None


async def test_an_event_that_is_gone_is_missed(tmp_path: Path) -> None:
    story = honest()
    story.gone = True
    assert "there is no event 7 any more" in broken(await story.prove(tmp_path))[THERE]


async def test_an_event_that_never_was_is_not_missed(tmp_path: Path) -> None:
    story = Story()
    story.refuse("book", {"e": "99", "u": "ann"}, 404, "event_not_found")
    story.refuse("cancel", {"o": "nobodys"}, 404, "order_not_found")
    story.tell("initialize", {"do": "initialize", "n": 5}, 0)
    proof = await story.prove(tmp_path)
    assert (broken(proof), proof.events, proof.unknown) == (NOTHING, 2, 1)
    assert named(proof)[STATUS].skipped is None


async def test_when_nobody_answers_what_needs_no_server_is_proved(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("boxoffice.bench.proof.asking.TRIES", 1)
    await honest().prove(tmp_path)
    proof = await prove(Target("http://127.0.0.1:9"), [EVENT], [tmp_path / "ledger"])
    looked_at = {check.name for check in proof.checks if check.looked_at}
    assert looked_at == {KEYS, IN_ORDER}
    assert all("does not answer" in str(named(proof)[name].skipped) for name in (THERE, SOLD, STATUS))
    assert proof.undone == "the server does not answer: Connection refused"


async def test_of_a_ledger_that_is_not_whole_nothing_is_concluded_from_what_is_missing(
    tmp_path: Path,
) -> None:
    story = honest()
    story.order("customerWaitlisted", "nobody")
    story.killed = True
    proof = await story.prove(tmp_path)
    assert broken(proof) == NOTHING
    assert vacuous(proof) == {ASKED, NO_EFFECT}
    assert "has no end: whoever wrote it was stopped" in str(named(proof)[ASKED].skipped)
    assert "has no end" in str(proof.undone)


async def test_a_ledger_that_is_not_there_is_told(tmp_path: Path) -> None:
    story = Story()
    await story.prove(tmp_path)
    proof = await prove(Target("http://127.0.0.1:9"), [], [tmp_path / "none"])
    assert "none" in str(named(proof)[ASKED].skipped)


async def test_the_audit_of_the_tables_is_for_a_server_of_our_own(tmp_path: Path) -> None:
    assert "not our own" in str(named(await honest().prove(tmp_path))[TABLES].skipped)


async def test_an_audit_that_cannot_be_done_is_told(tmp_path: Path) -> None:
    story = honest()
    story.data_dir = str(tmp_path / "nowhere")
    assert "could not be done" in str(named(await story.prove(tmp_path))[TABLES].skipped)


async def test_what_the_audit_of_the_tables_finds_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    said = {
        "events": 1, "changes": 7, "orders": 4, "replies": 0, "seconds": 0.1, "unlisted": 2,
        "violations": [{"eventId": "7", "version": 3, "promise": 12, "what": "the row has 2, the log 1"}],
    }  # fmt: skip
    program = tmp_path / "boxoffice"
    program.write_text(f"#!/bin/sh\necho '{json.dumps(said)}'\nexit 3\n")
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    story = honest()
    story.data_dir = str(tmp_path)
    check = named(await story.prove(tmp_path))[TABLES]
    assert (check.looked_at, check.broken) == (11, 3)
    assert check.examples == ["event 7, version 3: the row has 2, the log 1", "and more", "and more"]


async def test_progress_is_told_step_by_step_up_to_the_end(tmp_path: Path) -> None:
    told: list[tuple[str, int, int]] = []
    story = honest()
    story.progress = lambda *step: told.append(step)
    await story.prove(tmp_path)
    assert told[-1] == ("reading the logs", 7, 7)


async def test_many_events_are_found_by_pages(tmp_path: Path) -> None:
    """And of those that nobody has touched, no log is asked for."""
    story = honest()
    story.others = PAGE + 20
    proof = await story.prove(tmp_path)
    assert broken(proof) == NOTHING
    assert (proof.events, proof.changes, named(proof)[STATUS].looked_at) == (PAGE + 21, 7, PAGE + 21)
    assert story.asked == {"/events": 2, f"/events/{EVENT}/changes": 2}


# --- how it is added up --------------------------------------------------------------------------


def test_five_examples_are_shown_and_the_others_counted() -> None:
    one, other = Findings(), Findings()
    for number in range(4):
        one.found(SOLD, f"one {number}")
        other.found(SOLD, f"other {number}")
    one.add([other])
    check = next(check for check in one.checks() if check.name == SOLD)
    assert (check.broken, check.examples) == (8, ["one 0", "one 1", "one 2", "one 3", "other 0"])
    assert not check.ok


def test_positions_are_what_counting_gives() -> None:
    places, line, chance = Places(), list[int](), Random(7)
    for _ in range(500):
        if line and chance.random() < 0.4:
            places.leave(line.pop(chance.randrange(len(line))))
        else:
            line.append(places.join())
        assert [places.position(place) for place in line] == list(range(1, len(line) + 1))
