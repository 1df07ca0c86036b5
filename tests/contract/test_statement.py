"""Each kind of batch has a statement of its own, which does all that there is to do in it, and no more."""

import pytest

from boxoffice.actors.messages import Cancel
from boxoffice.actors.ports import Key
from boxoffice.persistence.batch import Part, message
from boxoffice.persistence.statement import KINDS, Kind
from tests.contract.conftest import MakeJournal
from tests.contract.faults import Faults
from tests.contract.support import EVENT, OTHER, Outlet, Owner, Stored, answers_of, book

KEY = Key("", "again", b"0123456789abcdef")


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_batch_of_each_kind_is_written_whole(
    kind: Kind, make_journal: MakeJournal, faults: Faults, stored: Stored
) -> None:
    moving, staying, first = Owner(EVENT), Owner(OTHER), book()
    batches = [[moving.open(5, first), staying.open(5, book())], []]
    if kind.moves:
        batches[1].append(moving.decide(book("ben"), key=KEY if kind.records else None))
    if kind.alters:
        batches[1].append(moving.decide(Cancel(first.order_id)))
    if kind.stays:
        key = KEY if kind.records and not kind.moves else None
        batches[1].append(staying.decide(book(quantity=9, waitlist=False), key=key))
    of_each = [[each for each in batches[1] if each.lease is owner.lease] for owner in (moving, staying)]
    sql, _ = message([Part(entries) for entries in of_each if entries])
    assert sql.startswith(f"EXECUTE {kind.name} (")
    for entries in batches:
        journal = make_journal(faults.connect, outlet := Outlet())
        for entry in entries:
            journal.append(entry)
        journal.start()
        for entry in entries:
            assert outlet.answer_to(entry) == answers_of(entry)
    assert stored.is_as(moving)
    assert stored.is_as(staying)
    assert bool(stored.replies()) == kind.records
