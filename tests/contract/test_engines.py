"""The pools as the server has them: what somebody else holds, or is slow at, holds up nobody for long."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
from sqlalchemy import Engine, text

from boxoffice.actors.messages import NotApplied
from boxoffice.actors.ports import DatabaseAway, Recovered
from boxoffice.http.bridge import READERS
from boxoffice.persistence.engines import Engines
from boxoffice.persistence.keys import DatabaseApiKeys
from boxoffice.persistence.reading import DatabaseReading
from boxoffice.persistence.recovery import DatabaseRecovery
from tests.contract.conftest import MakeJournal
from tests.contract.support import EVENT, OTHER, Outlet, Owner, Stored, answers_of, book


@pytest.fixture
def engines(any_database_url: str) -> Iterator[Engines]:
    engines = Engines(any_database_url)
    yield engines
    engines.dispose()


@pytest.fixture
def owners(engines: Engines, make_journal: MakeJournal) -> list[Owner]:
    """Two events on sale."""
    owners = [Owner(EVENT), Owner(OTHER)]
    outlet = Outlet()
    journal = make_journal(engines.journal_connection, outlet)
    for owner in owners:
        journal.append(owner.open())
    journal.start()
    outlet.answers(2)
    return owners


def test_a_booking_does_not_wait_for_another_event_that_somebody_holds(
    engines: Engines, owners: list[Owner], make_journal: MakeJournal, outlet: Outlet, stored: Stored
) -> None:
    held, free = (owner.decide(book()) for owner in owners)
    journal = make_journal(engines.journal_connection, outlet)
    for entry in (held, free):
        journal.append(entry)
    with stored.holding(EVENT):
        journal.start()
        assert outlet.answer_to(free) == answers_of(free)
        assert outlet.answer_to(held) == [NotApplied("the database refused it")]
    assert stored.version(OTHER) == 2
    assert stored.version(EVENT) == 1


def test_a_rebuild_gives_up_on_an_event_that_somebody_holds(
    engines: Engines, owners: list[Owner], stored: Stored
) -> None:
    assert len(owners) == 2
    recovery = DatabaseRecovery(engines.loading)
    with stored.holding(EVENT):
        with pytest.raises(DatabaseAway, match="another session holds the event"):
            recovery.load(EVENT)
        assert isinstance(recovery.load(OTHER), Recovered)
    assert isinstance(recovery.load(EVENT), Recovered)


@pytest.mark.parametrize(
    ("pool", "statement", "lock", "idle"),
    [
        (lambda engines: engines.reading, "5s", "0", "10s"),
        (lambda engines: engines.loading, "4s", "2s", "10s"),
        (lambda engines: engines.starting, "0", "12s", "0"),
    ],
    ids=["reading", "loading", "starting"],
)
def test_each_pool_waits_as_long_as_its_purpose_allows(
    engines: Engines, pool: Callable[[Engines], Engine], statement: str, lock: str, idle: str
) -> None:
    with pool(engines).connect() as connection:
        found = [
            connection.execute(text(f"SHOW {name}")).scalar_one()
            for name in ("statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout")
        ]
    assert found == [statement, lock, idle]


def test_the_journal_waits_least_of_all(engines: Engines) -> None:
    connection = engines.journal_connection()
    with connection.cursor() as cursor:
        cursor.execute("SHOW lock_timeout")
        assert cursor.fetchall() == [("1s",)]
    connection.close()


def test_start_up_may_take_its_time_between_two_events(engines: Engines, owners: list[Owner]) -> None:
    found = DatabaseRecovery(engines.starting).load_open()
    next(found)
    with engines.reading.connect() as other:
        idle = (
            "SELECT state FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'"
        )
        assert other.execute(text(idle)).scalars().all() == ["idle in transaction"], "that is how it waits"
    assert len([*found]) == len(owners) - 1


def test_a_server_that_has_become_a_standby_counts_as_away(
    engines: Engines, owners: list[Owner], stored: Stored
) -> None:
    ((name,),) = stored.rows("SELECT current_database()")
    stored.run(f"ALTER DATABASE {name} SET default_transaction_read_only = on")  # for new sessions: ours
    event_id = owners[0].lease.event_id
    for asked in (
        lambda: DatabaseRecovery(engines.loading).load(event_id),
        lambda: [*DatabaseRecovery(engines.starting).load_open()],
        lambda: DatabaseReading(engines.reading).new_event_ids(1),
    ):
        with pytest.raises(DatabaseAway):
            asked()
    assert DatabaseReading(engines.reading).status(event_id) == owners[0].inventory.status


def test_the_api_keys_are_read_while_every_reader_is_busy(engines: Engines) -> None:
    """Or whoever asks enough could keep a key from being revoked."""
    with ExitStack() as readers:
        for _ in range(READERS):
            readers.enter_context(engines.reading.connect())
        assert DatabaseApiKeys(engines.reading).all() == []
