"""What the contract tests share: a journal on each PostgreSQL, its outlet, and an onlooker."""

from collections.abc import Callable, Iterator
from typing import TypeAlias

import pytest
from sqlalchemy import Engine

from boxoffice.persistence.database import make_engine
from boxoffice.persistence.line import Connect
from boxoffice.persistence.reading import DatabaseReading
from boxoffice.persistence.recovery import DatabaseRecovery
from tests.contract.faults import Faults
from tests.contract.journals import Journal
from tests.contract.support import Outlet, Stored

MakeJournal: TypeAlias = Callable[[Connect, Outlet], Journal]


@pytest.fixture
def stored(any_database_url: str) -> Iterator[Stored]:
    """The database as another session sees it."""
    stored = Stored(any_database_url)
    yield stored
    stored.close()


@pytest.fixture
def faults(any_database_url: str) -> Iterator[Faults]:
    """The journal's connections, sound until a test says otherwise."""
    faults = Faults(any_database_url)
    yield faults
    faults.close()


@pytest.fixture
def outlet() -> Outlet:
    return Outlet()


@pytest.fixture
def make_journal() -> Iterator[MakeJournal]:
    """Journals that are not started yet, so that what is appended meanwhile is one batch."""
    made: list[Journal] = []

    def make(connect: Connect, outlet: Outlet) -> Journal:
        made.append(Journal(connect, outlet))
        return made[-1]

    yield make
    for journal in made:
        assert journal.end(), "the journal did not end"


@pytest.fixture
def waiting_journal(make_journal: MakeJournal, faults: Faults, outlet: Outlet) -> Journal:
    """A journal to be started by the test."""
    return make_journal(faults.connect, outlet)


@pytest.fixture
def journal(waiting_journal: Journal) -> Journal:
    """A journal at work."""
    waiting_journal.start()
    return waiting_journal


@pytest.fixture
def engine(any_database_url: str) -> Iterator[Engine]:
    engine = make_engine(any_database_url)
    yield engine
    engine.dispose()


@pytest.fixture
def recovery(engine: Engine) -> DatabaseRecovery:
    return DatabaseRecovery(engine)


@pytest.fixture
def reading(engine: Engine) -> DatabaseReading:
    return DatabaseReading(engine)
