"""Strategies for bodies that are right: whatever a call takes, in every form of JSON that says it.

They are bytes in which `@event`, `@held` and the like stand for ids that only the running test knows
(`tests/e2e/watched.py` has the list): so what is drawn depends on nothing but Hypothesis' choices.
"""

import json
from collections.abc import Iterable
from datetime import UTC, timedelta, timezone
from typing import Any

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from boxoffice.actors.values import QUANTITY_MAX, SECONDS_MAX, TEXT_MAX, TICKETS_MAX
from tests.e2e.oddities import AWKWARD
from tests.e2e.takes import BEGIN, CALLS, END, FIELDS, NEEDED, takes

ORDERS = ["@confirmed", "@held", "@short", "@offered", "@waiting", "@next", "@cancelled", "@never"]
USERS = ["ann", "bob", "cleo", "dan", "eve", "fay", "gus", "nobody"]

# --- values --------------------------------------------------------------------------------------

texts = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), min_size=1, max_size=20)
right_texts = (
    texts
    | st.lists(st.sampled_from(AWKWARD), min_size=1, max_size=8).map("".join)
    | st.sampled_from(["\U0001f3ab" * TEXT_MAX, "x" * TEXT_MAX, '"' * TEXT_MAX, "\\" * TEXT_MAX])
)
event_ids = st.just("@event")
order_ids = st.sampled_from(ORDERS)
user_ids = st.sampled_from(USERS) | right_texts | st.integers(0, 2**63 - 1)
quantities = st.integers(1, 5) | st.integers(1, QUANTITY_MAX) | st.just(QUANTITY_MAX)
tickets = st.integers(1, 20) | st.integers(1, TICKETS_MAX) | st.just(TICKETS_MAX)
seconds = st.integers(1, SECONDS_MAX) | st.sampled_from([1, SECONDS_MAX])
offsets = st.integers(-1439, 1439).map(lambda minutes: timezone(timedelta(minutes=minutes)))
first, last = (moment.replace(tzinfo=None) for moment in (BEGIN + timedelta(2), END - timedelta(2)))
moments = st.datetimes(first, last, timezones=st.just(UTC) | offsets).map(
    lambda moment: moment.isoformat().replace("+00:00", "Z")
)

VALUES: dict[str, SearchStrategy[Any]] = {
    "eventId": event_ids,
    "orderId": order_ids,
    "userId": user_ids,
    "eventName": right_texts,
    "quantity": quantities,
    "totalTickets": tickets,
    "waitlist": st.booleans(),
    "salesOpenAt": st.none() | moments,
    "salesCloseAt": st.none() | moments,
    "maxPerOrder": st.none() | quantities,
    "maxPerCustomer": st.none() | tickets,
    "waitlistLimit": st.none() | st.just(0) | tickets,
    "waitlistMode": st.sampled_from(["book", "offer"]),
    "offerSeconds": seconds,
    "holdSeconds": seconds,
    "maxHoldSeconds": seconds,
}


LEAST = {"eventName": "x", "totalTickets": 5, "eventId": "@event", "userId": "hal", "orderId": "@held"}
"""A value for each field that some call needs."""


def _documents(call: str, needed: Iterable[str], others: Iterable[str]) -> SearchStrategy[dict[str, Any]]:
    optional = {"do": st.just(call), **{name: VALUES[name] for name in others}}
    return st.fixed_dictionaries({name: VALUES[name] for name in needed}, optional=optional)


DOCUMENTS: dict[str, SearchStrategy[dict[str, Any]]] = {
    call: _documents(call, sorted(NEEDED[call]), sorted(FIELDS[call].keys() - NEEDED[call])) for call in CALLS
}
DOCUMENTS["cancel"] = st.one_of(
    _documents("cancel", ["orderId"], ["quantity"]), _documents("cancel", ["eventId", "userId"], ["quantity"])
)
"""What each call takes, but for terms that contradict each other."""

# --- bodies --------------------------------------------------------------------------------------

calls = st.sampled_from([*CALLS, "book", "hold", "initialize"])


def written(document: Any, *, ascii_only: bool = True, spaced: bool = False) -> bytes:
    """JSON, in one of the forms in which it is right."""
    separators = (" ,\n\t", "\r\n: ") if spaced else (",", ":")
    return json.dumps(document, ensure_ascii=ascii_only, separators=separators).encode()


CONTRADICTORY = {"salesCloseAt", "holdSeconds", "maxHoldSeconds"}


def without_contradiction(document: dict[str, Any]) -> dict[str, Any]:
    """An event on terms of which none contradicts another."""
    if takes("initialize", document):
        return document
    return {name: value for name, value in document.items() if name not in CONTRADICTORY}


def right_documents(call: str) -> SearchStrategy[dict[str, Any]]:
    """Documents that the call takes."""
    return DOCUMENTS[call].map(without_contradiction) if call == "initialize" else DOCUMENTS[call]


@st.composite
def right_bodies(draw: st.DrawFn, call: str) -> bytes:
    """A body that the call takes."""
    document = draw(right_documents(call))
    names = draw(st.permutations(list(document)))
    return written(
        {name: document[name] for name in names}, ascii_only=draw(st.booleans()), spaced=draw(st.booleans())
    )
