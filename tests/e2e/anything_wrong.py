"""Strategies for bodies with something wrong in them: in one place or several, or in the bytes.

`@event`, `@held` and the like stand for ids, as they do in `tests/e2e/anything.py`.
"""

from collections.abc import Callable
from typing import Any, TypeAlias

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from boxoffice.actors.values import QUANTITY_MAX, SECONDS_MAX, TICKETS_MAX
from tests.e2e.anything import DOCUMENTS, calls, right_documents, written
from tests.e2e.oddities import ENVELOPES, ODD_BYTES, ODD_FOR, ODD_NUMBERS, ODD_TEXTS, ODD_TIMES
from tests.e2e.takes import FIELDS

Pair: TypeAlias = tuple[bytes, bytes]
"""A key and its value, both as they stand in the JSON."""

# --- values and keys -----------------------------------------------------------------------------

BOUNDS = [0, 1, QUANTITY_MAX, TICKETS_MAX, SECONDS_MAX, 2**15, 2**31, 2**32, 2**53, 2**63, 2**64]
numbers = st.sampled_from([b + d for b in BOUNDS for d in (-1, 0, 1)] + [-b for b in BOUNDS]) | st.integers()
nested = st.recursive(
    st.none() | st.booleans() | numbers | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=6,
)
odd_values: SearchStrategy[bytes] = (
    st.sampled_from(ODD_TEXTS)
    | st.sampled_from(ODD_NUMBERS)
    | st.sampled_from(ODD_TIMES)
    | st.sampled_from(ODD_BYTES)
    | numbers.map(written)
    | nested.map(written)
    | st.sampled_from([b"null", b"true", b"false", b"[]", b"{}", b'["@event"]', b'{"@event":1}'])
)


NAMES = sorted({name for fields in FIELDS.values() for name in fields} | {"do"})
odd_keys = (
    st.sampled_from([written(name) for name in NAMES])
    | st.sampled_from([written(name.lower()) for name in NAMES])
    | st.sampled_from(
        [b'"\\u0065ventId"', b'"user\\u0049d"', b'"userId\\u0000"', b'"\\ud800"', b'"a/b~c"', b'""', b"1"]
    )
    | st.text(max_size=5).map(written)
)
# --- bodies --------------------------------------------------------------------------------------

Spoiler: TypeAlias = Callable[[st.DrawFn, list[Pair]], None]


def _replace(draw: st.DrawFn, pairs: list[Pair]) -> None:
    if pairs:
        at = draw(st.integers(0, len(pairs) - 1))
        key = pairs[at][0]
        for_it = ODD_FOR.get(key[1:-1].decode("latin-1"))
        pairs[at] = key, draw(st.sampled_from(for_it) if for_it and draw(st.booleans()) else odd_values)


def _rename(draw: st.DrawFn, pairs: list[Pair]) -> None:
    if pairs:
        at = draw(st.integers(0, len(pairs) - 1))
        pairs[at] = draw(odd_keys), pairs[at][1]


def _add(draw: st.DrawFn, pairs: list[Pair]) -> None:
    pairs.insert(draw(st.integers(0, len(pairs))), (draw(odd_keys), draw(odd_values)))


def _repeat(draw: st.DrawFn, pairs: list[Pair]) -> None:
    if pairs:
        key, value = draw(st.sampled_from(pairs))
        pairs.append((key, draw(st.just(value) | odd_values)))


def _drop(draw: st.DrawFn, pairs: list[Pair]) -> None:
    if pairs:
        del pairs[draw(st.integers(0, len(pairs) - 1))]


SPOILERS: list[Spoiler] = [_replace, _replace, _replace, _rename, _add, _repeat, _drop]


@st.composite
def spoiled(draw: st.DrawFn, documents: SearchStrategy[dict[str, Any]]) -> bytes:
    """Such a document, with something wrong in one place or several, or nothing after all."""
    pairs = [(written(name), written(value)) for name, value in draw(documents).items()]
    for _ in range(draw(st.sampled_from([1, 1, 1, 2, 3]))):
        draw(st.sampled_from(SPOILERS))(draw, pairs)
    return joined(pairs)


def joined(pairs: list[Pair]) -> bytes:
    """The object."""
    return b"{" + b",".join(key + b":" + value for key, value in pairs) + b"}"


def spoiled_bodies(call: str) -> SearchStrategy[bytes]:
    """Nearly what the call takes."""
    return spoiled(DOCUMENTS[call])


# --- batches -------------------------------------------------------------------------------------


def _entries(call: str) -> SearchStrategy[dict[str, Any]]:
    return right_documents(call).map(lambda document: {**document, "do": call})


right_entries = calls.flatmap(_entries).map(written)
odd_entries = spoiled(calls.flatmap(_entries)) | odd_values


def batch_of(entries: list[bytes]) -> bytes:
    """A batch of these commands."""
    return b'{"commands":[' + b",".join(entries) + b"]}"


right_or_odd_batches = st.one_of(
    st.lists(right_entries, min_size=1, max_size=6).map(batch_of),
    st.lists(right_entries | odd_entries, max_size=6).map(batch_of),
)

# --- bytes ---------------------------------------------------------------------------------------

Blow: TypeAlias = tuple[str, int, bytes]
blows: SearchStrategy[list[Blow]] = st.lists(
    st.tuples(
        st.sampled_from(["flip", "cut", "insert", "double", "overwrite"]),
        st.integers(0, 2_000),
        st.binary(min_size=1, max_size=4)
        | st.sampled_from([bytes([byte]) for byte in b'\0"\\{}[],:\r\n @\xff']),
    ),
    min_size=1,
    max_size=3,
)


def damaged(data: bytes, dealt: list[Blow]) -> bytes:
    """These bytes after some blows, each at a place in them."""
    for kind, place, more in dealt:
        at = place % (len(data) + 1)
        until = at + len(more)
        match kind:
            case "flip" if at < len(data):
                data = data[:at] + bytes([data[at] ^ (1 << more[0] % 8)]) + data[at + 1 :]
            case "cut":
                data = data[:at] + data[at + more[0] % 16 :]
            case "insert":
                data = data[:at] + more + data[at:]
            case "double":
                data = data[:at] + data[at : at + more[0] % 32] + data[at:]
            case "overwrite":
                data = data[:at] + more + data[until:]
    return data


def _damage(dealt: list[Blow]) -> Callable[[bytes], bytes]:
    return lambda data: damaged(data, dealt)


wrongly_sent = st.sampled_from(ENVELOPES) | blows.map(_damage)
"""What may happen to the bytes of a body on their way."""
