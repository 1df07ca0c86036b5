"""The proof of a load test on a real server: it holds, and is broken by a forged ledger, or a forged log."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from boxoffice.bench.load.asks import Answer, Ask
from boxoffice.bench.proof.checks import Proof, prove
from boxoffice.bench.proof.findings import (
    ASKED,
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
from boxoffice.bench.proof.ledger import Entry, Ledger, lines_of
from boxoffice.bench.target import Target
from boxoffice.persistence.embedded import running_url
from tests.e2e.bench_visitors import load
from tests.support.log import database
from tests.support.postgres import public_folder
from tests.support.server import Server, run

pytestmark = pytest.mark.usefixtures("audited")


@pytest.fixture
def sold(server: Server, tmp_path: Path) -> tuple[list[str], list[Path]]:
    """Events that were made and stormed, and the ledgers of that."""
    events = [
        server.event(tickets=30),
        server.event(tickets=30, waitlistMode="offer", offerSeconds=1),
        server.event(tickets=20, waitlistLimit=5),
        server.event(tickets=5),
    ]
    return events, asyncio.run(load(server.url, events[:3], tmp_path))


def proved(server: Server, events: list[str], ledgers: list[Path], key: str | None = None) -> Proof:
    return asyncio.run(prove(Target(server.url, key), events, ledgers))


def broken(proof: Proof) -> set[str]:
    return {check.name for check in proof.checks if check.broken}


def looked_at(proof: Proof) -> set[str]:
    return {check.name for check in proof.checks if check.looked_at}


def forge(ledger: Path, change: Callable[[Entry], Entry | None]) -> None:
    """Write the ledger anew; a line that becomes None is left out."""
    lines = list(lines_of(ledger))
    forged = Ledger(ledger)
    for line in lines:
        if (changed := change(line)) is not None:
            facts = msgspec.to_builtins(changed.facts)
            ask = Ask(changed.call, "", key=changed.key, facts=facts)
            answer = Answer(changed.status, changed.body, None, changed.replayed)
            forged.note(ask, answer, changed.sent_s, changed.answered_s)
    forged.close()


def first_booked(ledger: Path) -> Entry:
    """The first booking without a key that was confirmed."""
    return next(
        line for line in lines_of(ledger) if line.call == "book" and line.status == 201 and not line.key
    )


def with_another(first: Entry, **fields: object) -> Callable[[Entry], Entry]:
    """The same lines, but for this one, of which these fields are others."""
    return lambda line: msgspec.structs.replace(line, **fields) if line == first else line


# --- as it should be -----------------------------------------------------------------------------


def test_a_real_load_is_proved_and_every_check_has_something_to_look_at(
    server: Server, sold: tuple[list[str], list[Path]]
) -> None:
    proof = proved(server, *sold)
    assert not broken(proof), proof
    assert looked_at(proof) == {check.name for check in proof.checks} - {TABLES}
    assert proof.unknown >= proof.unknown_applied > 0, "nobody gave up before the answer"
    assert proof.events == 4
    assert proof.changes > 300


def test_the_tables_of_a_server_of_our_own_are_audited(tmp_path: Path) -> None:
    with public_folder() as folder:
        data_dir = str(folder / "data")
        server = Server("--data-dir", data_dir)
        try:
            events = [server.event(tickets=30)]
            ledgers = asyncio.run(load(server.url, events, tmp_path, crowd=4))
            target = Target(server.url, data_dir=data_dir)
            proof = asyncio.run(prove(target, events, ledgers))
            assert not broken(proof), proof
            assert TABLES in looked_at(proof)
            with database(_url(data_dir)) as cursor:
                cursor.execute("UPDATE orders SET quantity = quantity + 1 WHERE status = 'confirmed'")
            assert broken(asyncio.run(prove(target, events, ledgers))) == {TABLES}
        finally:
            server.stop()


def _url(data_dir: str) -> str:
    url = running_url(Path(data_dir))
    assert url is not None
    return url


def test_with_a_key_that_may_not_read_logs_the_rest_is_proved(own_server: Server, tmp_path: Path) -> None:
    """Of what needs the scope `admin` it is said that it was not looked at."""
    where = ("--database-url", own_server.database_url)
    scopes = ("--scope", "read", "--scope", "sell", "--scope", "organise")
    events = [own_server.event(tickets=30)]
    ledgers = asyncio.run(load(own_server.url, events, tmp_path, crowd=4))
    key = run("keys", "create", "--name", "load", *scopes, *where).out.strip()
    own_server.stop()
    server = Server(*where)
    try:
        proof = proved(server, events, ledgers, key)
        assert not broken(proof), proof
        assert not {FIRST, RULES, NO_EFFECT, TRUE} & looked_at(proof)
        assert {THERE, SOLD, ASKED, STATUS, KEYS, IN_ORDER} <= looked_at(proof)
        assert all(check.skipped for check in proof.checks if not check.looked_at)
    finally:
        server.stop()


# --- a ledger that is forged ---------------------------------------------------------------------


def test_an_order_that_the_log_has_for_somebody_else(
    server: Server, sold: tuple[list[str], list[Path]]
) -> None:
    first = first_booked(sold[1][0])
    forged = first.body.replace(b'"userId":"1', b'"userId":"9')
    assert forged != first.body
    forge(sold[1][0], with_another(first, body=forged))
    assert broken(proved(server, *sold)) == {THERE}


def test_an_order_that_was_acknowledged_and_is_not_there(
    server: Server, sold: tuple[list[str], list[Path]]
) -> None:
    first = first_booked(sold[1][0])
    said = msgspec.json.decode(first.body)
    forged = msgspec.json.encode({**said, "version": said["version"] + 100_000})
    late = first.sent_s + 1_000
    forge(sold[1][0], with_another(first, body=forged, sent_s=late, answered_s=late))
    assert broken(proved(server, *sold)) == {THERE, ASKED}  # and nobody asked for the one that is there


def test_an_order_that_nobody_asked_for(server: Server, sold: tuple[list[str], list[Path]]) -> None:
    first = first_booked(sold[1][0])
    forge(sold[1][0], lambda line: None if line == first else line)
    assert broken(proved(server, *sold)) == {ASKED}


def test_a_booking_that_was_told_that_nothing_was_changed(
    server: Server, sold: tuple[list[str], list[Path]]
) -> None:
    first = first_booked(sold[1][0])
    forge(sold[1][0], with_another(first, status=503, body=b'{"code":"not_applied","status":503}'))
    assert broken(proved(server, *sold)) == {NO_EFFECT}


def test_a_booking_whose_answer_never_came_is_found(
    server: Server, sold: tuple[list[str], list[Path]]
) -> None:
    before = proved(server, *sold)
    forge(sold[1][0], with_another(first_booked(sold[1][0]), status=0, body=b""))
    proof = proved(server, *sold)
    assert not broken(proof)
    assert (proof.unknown, proof.unknown_applied) == (before.unknown + 1, before.unknown_applied + 1)


def test_two_answers_under_one_key(server: Server, sold: tuple[list[str], list[Path]]) -> None:
    done = [line for line in lines_of(sold[1][0]) if line.key and line.status in (201, 202)]
    one, other = done[0], next(line for line in done if line.key != done[0].key)
    forge(sold[1][0], with_another(other, key=one.key, facts=one.facts))
    assert KEYS in broken(proved(server, *sold))


def test_an_answer_that_was_sent_too_late_to_be_so_old(
    server: Server, sold: tuple[list[str], list[Path]]
) -> None:
    first = first_booked(sold[1][0])
    late = max(line.answered_s for line in lines_of(sold[1][0])) + 1
    forge(sold[1][0], with_another(first, sent_s=late, answered_s=late))
    assert broken(proved(server, *sold)) == {IN_ORDER}


def test_a_position_that_nobody_had(server: Server, sold: tuple[list[str], list[Path]]) -> None:
    waiting = next(line for line in lines_of(sold[1][0]) if line.status == 202 and not line.key)
    said = msgspec.json.decode(waiting.body)
    forged = msgspec.json.encode({**said, "position": said["position"] + 1})
    forge(sold[1][0], with_another(waiting, body=forged))
    assert broken(proved(server, *sold)) == {TRUE}


# --- a database that is forged -------------------------------------------------------------------


NOT_PROMOTED = """
UPDATE changes SET body = (body::jsonb || '{"promoted": []}')::json
 WHERE version = (SELECT min(version) FROM changes
                   WHERE body->>'kind' = 'OrderCancelled' AND body->>'promoted' <> '[]')
"""


@pytest.mark.parametrize(
    ("forged", "found"),
    [
        ("UPDATE changes SET body = (body::jsonb || '{\"quantity\": 31}')::json WHERE version = 2", SOLD),
        ("DELETE FROM changes WHERE version = (SELECT max(version) FROM changes)", THERE),
        ("DELETE FROM changes WHERE version = 7", RULES),
        (
            NOT_PROMOTED,
            FIRST,
        ),
    ],
)
def test_a_log_that_is_forged(own_server: Server, tmp_path: Path, forged: str, found: str) -> None:
    events = [own_server.event(tickets=30)]
    ledgers = asyncio.run(load(own_server.url, events, tmp_path))
    with database(own_server.database_url) as cursor:
        cursor.execute(forged)
        assert cursor.rowcount == 1
    assert found in broken(proved(own_server, events, ledgers))
