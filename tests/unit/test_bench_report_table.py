"""The table at the end of a load test, on a terminal: narrow, without colour, and clear all the same."""

from io import StringIO
from typing import Any

import pytest
from rich.console import Console

from boxoffice.bench.proof.findings import CHECKS, LEFT_OUT, Check, Proof
from boxoffice.bench.report.as_html import as_html
from boxoffice.bench.report.results import Results
from boxoffice.bench.report.table import show
from boxoffice.bench.report.thresholds import parse
from boxoffice.bench.scenarios.listeners import NEWEST
from tests.support.made_up_run import busy, counts, proof, results, run, snapshot, totals

HOSTILE = "503 \x1b[31mred\x1b[2J\u202e"


def printed(found: Results, *, encoding: str = "utf-8", width: int = 120) -> str:
    """Without colour."""

    class File(StringIO):
        pass

    File.encoding = encoding
    file = File()
    show(found, Console(file=file, width=width, no_color=True, highlight=False, soft_wrap=True))
    return file.getvalue()


@pytest.fixture(scope="module")
def whole() -> Results:
    """A run in which most went well."""
    return results(busy(8), 8.0, extra={"load_generator_busy_percent": 41.0})


def line(text: str, begins: str) -> str:
    """The line that begins so."""
    return next(each for each in text.splitlines() if each.strip().startswith(begins))


@pytest.mark.parametrize("width", [200, 80, 60])
def test_it_fits_into_80_columns_or_as_many_as_there_are(whole: Results, width: int) -> None:
    lines = printed(whole, width=width).splitlines()
    assert max(map(len, lines)) <= min(width, 80)


def test_it_says_what_ran_and_what_a_closed_loop_hides(whole: Results) -> None:
    text = " ".join(printed(whole).split())
    assert "rush against http://127.0.0.1:40123 (boxoffice 0.1.0, a server of its own" in text
    assert "closed loop, 64 connections, 8 s after 2 s of warm-up, seed 7" in text
    assert "coordinated omission" in text
    assert "offered" not in text


def test_an_open_loop_tells_what_was_offered_and_what_was_never_sent() -> None:
    found = results(
        busy(4, offered=400),
        4.0,
        run={"loop": "open", "options": {"rate": 1600.0, "connections": 8, "seed": 1}},
    )
    text = " ".join(printed(found).split())
    assert "open loop, 1,600 requests/s, 8 connections" in text
    assert "1,600 requests a second offered" in text
    assert f"{found.not_sent:,} fell due and were never sent" in text
    assert found.not_sent > 0
    assert "coordinated omission" not in text


def test_each_call_has_a_row_and_all_of_them_one_more(whole: Results) -> None:
    text = printed(whole)
    book = line(text, "book").split()
    assert book[1] == f"{whole.calls['book'].count:,}"
    assert len(book) == 9
    assert line(text, "all").split()[1] == f"{whole.all.count:,}"


def test_one_call_alone_needs_no_sum() -> None:
    found = results([snapshot(1.0, {"book": counts([1_000])})], 1.0)
    assert "all  " not in printed(found)


def test_statuses_and_errors_are_told_by_name(whole: Results) -> None:
    text = printed(whole)
    refused = whole.calls["book"].by_status[503]
    assert f"503: {refused:,}" in line(text, "book   201")
    assert line(text, f"{whole.errors['503 overloaded']:,}  503 overloaded")


def test_every_check_says_how_much_it_looked_at(whole: Results) -> None:
    text = printed(whole)
    for name in CHECKS:
        assert line(text, f"✓  {name}").rstrip()
    assert "40,000 acknowledged requests" in text
    assert "It fails by 1 threshold: book.p99.9>=1s" in text


def test_a_broken_promise_is_marked_counted_and_shown() -> None:
    text = printed(results(busy(2), 2.0, proof=proof({"nothing is oversold": 12}), thresholds=[]))
    assert "12 broken, of 40,000 versions" in line(text, "✗  nothing is oversold")
    assert "and 7 more" in text
    assert text.splitlines()[-1].strip() == "✗ The audit found 1 broken promise."


def test_a_check_that_looked_at_nothing_is_not_taken_for_one_that_holds() -> None:
    skipped = Proof([Check("one key, one effect", skipped="there were no repeated requests")])
    text = printed(results(busy(2), 2.0, proof=skipped, thresholds=[]))
    assert line(text, "-  one key, one effect").rstrip().endswith("there were no repeated requests")
    assert "✓" not in text
    assert "The audit had nothing to look at." in text


@pytest.mark.parametrize("name", [*CHECKS, NEWEST])
def test_beside_the_name_of_a_check_there_is_room_for_what_it_looked_at(name: str) -> None:
    looked = Proof([Check(name, 40_000, counts="acknowledged requests")])
    text = printed(results(busy(2), 2.0, proof=looked, thresholds=[]))
    assert line(text, f"✓  {name}").rstrip().endswith("40,000 acknowledged requests")


def test_an_audit_that_could_not_be_finished_is_no_good_end() -> None:
    away = "the server does not answer: Connection refused"
    checks = [
        Check("what was acknowledged is there", skipped=away),
        Check("answers are in the order of time", 40, counts="answers"),
    ]
    undone = Proof(checks, unknown=12, undone=away)
    text = printed(results(busy(2), 2.0, proof=undone, thresholds=[]))
    assert "12 requests with no clear answer, and not all of them could be looked up" in text
    assert text.splitlines()[-1].strip() == f"✗ Not all could be audited: {away}."


def test_a_run_without_an_audit_says_that_nobody_looked() -> None:
    text = printed(results(busy(2), 2.0, proof=None, thresholds=[]))
    assert "left out" in text
    assert text.splitlines()[-1].startswith("- Nobody has looked whether the answers are true")


def test_an_audit_that_was_left_out_shows_what_was_looked_at_without_it() -> None:
    checks = [
        Check("nothing is oversold", skipped=LEFT_OUT),
        Check("answers are in the order of time", 40, counts="answers"),
    ]
    proof = Proof(checks, unknown=2, answers_only=True)
    text = printed(results(busy(2), 2.0, proof=proof, thresholds=[]))
    assert line(text, "✓  answers are in the order of time")
    assert "oversold" not in text
    assert "2 requests with no clear answer; nobody has looked what became of them" in text
    assert "The audit was left out" in text
    assert text.splitlines()[-1].startswith("- The answers agree with each other; what is stored")
    page = as_html(results(busy(2), 2.0, proof=proof, thresholds=[]))
    assert "The audit was left out: nobody has looked" in page


def test_what_came_of_the_tickets_is_told_and_one_is_not_many() -> None:
    checks = [Check("the status is what the log adds up to", 1, counts="events")]
    sold = Proof(checks, tickets=2_800, taken=2_800, waiting=1)
    found = results(busy(2), 2.0, proof=sold, thresholds=[])
    for text in (printed(found), as_html(found)):
        assert "2,800 of 2,800 tickets taken; 1 order in line." in text
        assert "1 event" in text
        assert "1 events" not in text


def test_thresholds_stand_with_what_was_measured(whole: Results) -> None:
    text = printed(whole)
    assert line(text, "✓  rate<1000").rstrip().endswith(f"{whole.achieved_rate:,.0f}/s")
    assert line(text, "✗  book.p99.9>=1s").rstrip().endswith("ms: failed")
    unmeasured = printed(results(busy(2), 2.0, thresholds=[parse("hold.p99>1s")]))
    assert "nothing was measured: failed" in line(unmeasured, "✗  hold.p99>1s")


def test_where_there_is_only_ascii_nothing_else_is_printed(whole: Results) -> None:
    text = printed(whole, encoding="ascii")
    assert text.isascii()
    assert line(text, "ok  nothing is oversold")
    assert line(text, "NO  book.p99.9>=1s")


def test_what_others_wrote_does_not_steer_the_terminal() -> None:
    hostile = snapshot(1.0, {HOSTILE: counts([1_000], answers={503: 1}, failed={HOSTILE: 1})})
    checks = Proof([Check(HOSTILE, 1, 1, [HOSTILE], None, HOSTILE)])
    known: dict[str, Any] = {"scenario": HOSTILE, "url": f"http://h/{HOSTILE}", "server_version": HOSTILE}
    text = printed(results([hostile], 1.0, proof=checks, run=known))
    assert "\x1b" not in text
    assert "\u202e" not in text
    assert "503 " in text


def test_a_run_of_nothing_can_be_shown() -> None:
    assert "0  requests a second achieved" in printed(results([], 0.0, proof=None))


def test_the_support_makes_up_what_the_parts_agree_on() -> None:
    assert totals(busy(2)).all.count == results(busy(2), 2.0).all.count
    assert run(loop="open").loop == "open"
