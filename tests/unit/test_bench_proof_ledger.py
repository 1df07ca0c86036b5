"""Ledgers: what is noted is read again, in pieces of bounded size, and one that breaks off says so."""

from pathlib import Path

import pytest

from boxoffice.bench.load.asks import Answer, Ask
from boxoffice.bench.proof.ledger import PIECE_BYTES, PIECE_LINES, Asked, Entry, Ledger, LedgerError, lines_of


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "ledger"


def note(ledger: Ledger, number: int, body: bytes = b"{}") -> None:
    ask = Ask("book", "/book", key=f"k{number}", facts={"e": "1", "u": f"u{number}", "w": False})
    ledger.note(ask, Answer(201, body, None, replayed=True), number + 0.25, number + 0.5)


def test_what_is_noted_is_read_in_its_order(path: Path) -> None:
    ledger = Ledger(path)
    for number in range(3 * PIECE_LINES + 1):
        note(ledger, number)
    ledger.close()
    lines = list(lines_of(path))
    assert len(lines) == 3 * PIECE_LINES + 1
    facts = Asked(e="1", u="u7", w=False)
    assert lines[7] == Entry("book", "k7", facts, 7.25, 7.5, 201, replayed=True, body=b"{}")


def test_the_facts_of_a_batch_are_a_list_and_looks_have_none(path: Path) -> None:
    ledger = Ledger(path)
    facts = [{"do": "book", "e": 1, "u": "ann", "q": 2}, {"do": "confirm", "o": "1-x"}]
    ledger.note(Ask("batch", "/batch", facts=facts), Answer(200), 1.0, 2.0)
    ledger.note(Ask("status", "/status/1", method="GET"), Answer(0), 1.0, 2.0)
    ledger.close()
    batch, look = lines_of(path)
    assert batch.facts == [Asked(do="book", e=1, u="ann", q=2), Asked(do="confirm", o="1-x")]
    assert (look.facts, look.status, look.body) == (None, 0, b"")


def test_little_is_kept_back_of_lines_and_of_large_answers(path: Path) -> None:
    ledger = Ledger(path)
    for number in range(PIECE_LINES - 1):
        note(ledger, number)
    assert path.stat().st_size == 0
    note(ledger, PIECE_LINES)
    assert path.stat().st_size > 0
    before = path.stat().st_size
    note(ledger, 0, bytes(PIECE_BYTES))
    assert path.stat().st_size > before + PIECE_BYTES
    ledger.close()
    ledger.close()
    assert sum(1 for _ in lines_of(path)) == PIECE_LINES + 1


@pytest.mark.parametrize(("cut", "words"), [(4, "has no end"), (20, "breaks off"), (6, "breaks off")])
def test_a_ledger_whose_writer_was_killed_is_read_as_far_as_it_goes(path: Path, cut: int, words: str) -> None:
    ledger = Ledger(path)
    for number in range(2 * PIECE_LINES):
        note(ledger, number)
    ledger.close()
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) - cut - 1])
    lines = list[Entry]()
    with pytest.raises(LedgerError, match=words):
        lines.extend(lines_of(path))
    assert len(lines) in (PIECE_LINES, 2 * PIECE_LINES)


def test_what_is_no_ledger_is_said_to_be_none(path: Path) -> None:
    path.write_bytes(b"\x05\x00\x00\x00hello")
    with pytest.raises(LedgerError, match="cannot be read"):
        list(lines_of(path))
