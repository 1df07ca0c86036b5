"""Every field of every body, as a table: what is taken, what is refused, pointing where; alone, in a batch.

`test_wire.py` looks at the JSON itself, on three of the bodies; here are all eight, and `BatchBody`.
"""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.http.commands import ANY_COMMAND, COMMANDS, INITIALIZE
from boxoffice.http.decoding import Reader
from boxoffice.http.entries import split
from boxoffice.http.problems import ProblemError
from boxoffice.http.wire import COMMANDS_MAX

READERS: dict[str, Reader[Any]] = {"initialize": INITIALIZE, **COMMANDS}
LEAST: dict[str, dict[str, object]] = {
    "initialize": {"eventName": "Concert", "totalTickets": 5},
    "book": {"eventId": "7", "userId": "ann"},
    "hold": {"eventId": "7", "userId": "ann"},
    "confirm": {"orderId": "7-x"},
    "extend": {"orderId": "7-x"},
    "cancel": {"orderId": "7-x"},
    "adjust": {"eventId": "7"},
    "close": {"eventId": "7"},
}
AT = "/commands/3"

LONG = '"' + "x" * 200 + '"'
TOO_LONG = '"' + "x" * 201 + '"'
Values = tuple[list[str], list[str]]


def number(least: int, most: int) -> Values:
    """A whole number within these bounds."""
    odd = [str(least - 1), str(most + 1), str(2**64), "1" * 5_000, "1.0", "1e2", '"1"', "true", "[]", "{}"]
    return [str(least), str(most)], odd


def or_null(values: Values) -> Values:
    return [*values[0], "null"], values[1]


def not_null(values: Values) -> Values:
    return values[0], [*values[1], "null"]


ID: Values = (
    ["0", "7", str(2**63 - 1), '"7"', '"any"', LONG],
    ["-1", str(2**63), "1.5", "true", "null", '""', TOO_LONG, "[]", "{}"],
)
TEXT: Values = (['"a"', LONG], ["1", "null", "true", '""', TOO_LONG, "[]", "{}"])
FLAG: Values = (["true", "false"], ["0", "1", "null", '"true"', "[]"])
QUANTITY, TICKETS = number(1, 1_000), number(1, 10_000_000)
SECONDS = number(1, 30 * 24 * 3600)
MODE: Values = (['"book"', '"offer"'], ['"Book"', '"hold"', '""', "null", "0", "true", "[]"])
MOMENT: Values = (
    [
        *('"2026-01-01T00:00:00Z"', '"2026-01-01T00:00:00.123456Z"', '"2026-01-01T02:00:00+02:00"'),
        *('"1970-01-01T00:00:00Z"', '"2026-01-01t00:00:00z"', "null"),
    ],
    [
        *('"2026-01-01T00:00:00"', '"2026-01-01T00:00:00.5"', '"2026-01-01"', '"tomorrow"', '""'),
        *('"2026-02-30T00:00:00Z"', '"2026-01-01T25:00:00Z"', "1767225600", "1.5", "true", "[]", "{}"),
    ],
)
TERMS: dict[str, Values] = {
    "salesOpenAt": MOMENT,
    "salesCloseAt": MOMENT,
    "maxPerOrder": or_null(QUANTITY),
    "maxPerCustomer": or_null(TICKETS),
    "waitlistLimit": or_null(number(0, 10_000_000)),
    "waitlistMode": MODE,
    "offerSeconds": not_null(SECONDS),
    "holdSeconds": not_null(SECONDS),
    "maxHoldSeconds": not_null(SECONDS),
}
BUYING = {"eventId": ID, "userId": ID, "quantity": not_null(QUANTITY), "waitlist": FLAG}
FIELDS: dict[str, dict[str, Values]] = {
    "initialize": {"eventName": TEXT, "totalTickets": not_null(TICKETS), **TERMS},
    "book": BUYING,
    "hold": {**BUYING, "holdSeconds": or_null(SECONDS)},
    "confirm": {"orderId": ID},
    "extend": {"orderId": ID, "holdSeconds": or_null(SECONDS)},
    "cancel": {"orderId": ID, "eventId": ID, "userId": ID, "quantity": or_null(QUANTITY)},
    "adjust": {"eventId": ID, "eventName": TEXT, "totalTickets": not_null(TICKETS), **TERMS},
    "close": {"eventId": ID},
}
EACH = [(call, field) for call, fields in FIELDS.items() for field in fields]
TEXTS = [(call, field) for call, field in EACH if FIELDS[call][field] in (ID, TEXT)]

each_call = pytest.mark.parametrize("call", READERS)
each_field = pytest.mark.parametrize(("call", "field"), EACH)
each_text = pytest.mark.parametrize(("call", "field"), TEXTS)
each_way = pytest.mark.parametrize("in_batch", [False, True], ids=["alone", "in a batch"])


def a_body(call: str, in_batch: bool = False, **fields: str) -> bytes:
    """The least body of a call, with these fields in it, given as JSON text."""
    least = {name: json.dumps(value) for name, value in LEAST[call].items()}
    named = {"do": json.dumps(call)} if in_batch else {}
    members = [f'"{name}": {value}' for name, value in {**named, **least, **fields}.items()]
    return ("{" + ", ".join(members) + "}").encode()


def read(call: str, body: bytes, in_batch: bool = False) -> Any:
    return ANY_COMMAND.read(body, AT) if in_batch else READERS[call].read(body)


def refused(call: str, body: bytes, in_batch: bool = False) -> tuple[str, list[str]]:
    """The code and the pointers with which a body is refused, which can be sent."""
    with pytest.raises(ProblemError) as caught:
        read(call, body, in_batch)
    msgspec.json.encode(caught.value.document("id"))
    return caught.value.code, [error.pointer for error in caught.value.errors or []]


def invalid(pointer: str, in_batch: bool = False) -> tuple[str, list[str]]:
    return "invalid_request", [AT + pointer if in_batch else pointer]


def batch(*entries: bytes, after: bytes = b"") -> bytes:
    return b'{"commands": [' + b", ".join(entries) + b"]" + after + b"}"


# --- each field ----------------------------------------------------------------------------------


@each_call
def test_the_table_knows_every_field(call: str) -> None:
    body = read(call, a_body(call))
    assert {field.encode_name for field in msgspec.structs.fields(body)} == set(FIELDS[call])


@each_field
@each_way
def test_a_value_within_bounds_is_taken(call: str, field: str, in_batch: bool) -> None:
    for value in FIELDS[call][field][0]:
        body = read(call, a_body(call, in_batch, **{field: value}), in_batch)
        assert type(body) is type(READERS[call].read(a_body(call)))


@each_field
@each_way
def test_a_value_out_of_bounds_or_of_another_kind_is_pointed_at(
    call: str, field: str, in_batch: bool
) -> None:
    for value in FIELDS[call][field][1]:
        body = a_body(call, in_batch, **{field: value})
        assert refused(call, body, in_batch) == invalid(f"/{field}", in_batch), value


@each_call
@each_way
@pytest.mark.parametrize(
    ("name", "pointer"), [("extra", "/extra"), ("event_id", "/event_id"), ("a/b", "/a~1b"), ("~", "/~0")]
)
def test_an_unknown_field_is_pointed_at(call: str, in_batch: bool, name: str, pointer: str) -> None:
    assert refused(call, a_body(call, in_batch, **{name: "1"}), in_batch) == invalid(pointer, in_batch)


@pytest.mark.parametrize(
    ("call", "field"), [(call, field) for call in LEAST if call != "cancel" for field in LEAST[call]]
)
@each_way
def test_a_missing_field_is_pointed_at(call: str, field: str, in_batch: bool) -> None:
    whole = json.loads(a_body(call, in_batch))
    del whole[field]
    assert refused(call, json.dumps(whole).encode(), in_batch) == invalid(f"/{field}", in_batch)


@each_text
@each_way
@pytest.mark.parametrize("text", [r'"\u0000"', r'"a\u0000b"'])
def test_a_nul_is_pointed_at(call: str, field: str, in_batch: bool, text: str) -> None:
    body = a_body(call, in_batch, **{field: text})
    assert refused(call, body, in_batch) == invalid(f"/{field}", in_batch)


@each_text
@each_way
@pytest.mark.parametrize("text", [r'"\ud800"', r'"a\udfffb"'])
def test_half_of_a_surrogate_pair_is_pointed_at(call: str, field: str, in_batch: bool, text: str) -> None:
    body = a_body(call, in_batch, **{field: text})
    assert refused(call, body, in_batch) == invalid(f"/{field}", in_batch)


@each_field
@each_way
@pytest.mark.parametrize("escaped", [False, True], ids=["plain", "escaped"])
def test_a_key_that_is_given_twice_is_refused(call: str, field: str, in_batch: bool, escaped: bool) -> None:
    value = FIELDS[call][field][0][0]
    again = f"\\u{ord(field[0]):04x}{field[1:]}" if escaped else field
    body = a_body(call, in_batch, **{field: value})[:-1] + f', "{again}": {value}}}'.encode()
    assert refused(call, body, in_batch) == ("malformed_json", [])


# --- null and absent -----------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["initialize", "adjust"])
@pytest.mark.parametrize("field", [field for field, (good, _) in TERMS.items() if "null" in good])
def test_a_term_that_is_null_is_not_one_that_is_absent(call: str, field: str) -> None:
    (name,) = (
        each.name
        for each in msgspec.structs.fields(type(read(call, a_body(call))))
        if each.encode_name == field
    )
    assert getattr(read(call, a_body(call)), name) is msgspec.UNSET
    assert getattr(read(call, a_body(call, False, **{field: "null"})), name) is None


@pytest.mark.parametrize(("call", "name"), [("hold", "holdSeconds"), ("extend", "holdSeconds")])
def test_null_seconds_are_the_events_own(call: str, name: str) -> None:
    assert read(call, a_body(call, False, **{name: "null"})) == read(call, a_body(call))


# --- which command it is -------------------------------------------------------------------------


@each_call
def test_a_call_of_its_own_may_say_what_it_is_but_not_that_it_is_another(call: str) -> None:
    assert read(call, a_body(call, in_batch=True)) == read(call, a_body(call))
    for other in (*(name for name in READERS if name != call), "other", ""):
        assert refused(call, a_body(call, do=json.dumps(other))) == invalid("/do")


@pytest.mark.parametrize("do", ["", "BOOK", "batch", "other", "\0"])
def test_an_entry_of_a_batch_that_is_no_command_is_pointed_at(do: str) -> None:
    body = a_body("book", in_batch=True, do=json.dumps(do))
    assert refused("", body, in_batch=True) == invalid("/do", in_batch=True)


def test_an_entry_of_a_batch_must_say_what_it_is() -> None:
    assert refused("", a_body("book"), in_batch=True) == invalid("/do", in_batch=True)


@pytest.mark.parametrize("entry", [b"1", b"null", b"[]", b'"book"', b"true"])
def test_an_entry_of_a_batch_that_is_no_object_is_pointed_at(entry: bytes) -> None:
    assert refused("", entry, in_batch=True) == invalid("", in_batch=True)


# --- the batch itself ----------------------------------------------------------------------------

GOOD = a_body("book", in_batch=True)
WITH_ESCAPE = a_body("book", in_batch=True, userId=r'"\n"')


def batch_refused(body: bytes) -> tuple[str, list[str]]:
    with pytest.raises(ProblemError) as caught:
        split(body)
    return caught.value.code, [error.pointer for error in caught.value.errors or []]


def test_so_many_commands_are_taken_and_no_more_and_not_none() -> None:
    assert len(split(batch(*[b"{}"] * COMMANDS_MAX))) == COMMANDS_MAX
    assert batch_refused(batch(*[b"{}"] * (COMMANDS_MAX + 1))) == invalid("/commands")
    assert batch_refused(batch()) == invalid("/commands")


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        (b"{}", "/commands"),
        (b"[]", ""),
        (b'{"commands": null}', "/commands"),
        (b'{"commands": {}}', "/commands"),
        (b'{"commands": [{}], "extra": 1}', "/extra"),
        (b'{"commands": [{}], "do": "batch"}', "/do"),
    ],
)
def test_a_batch_that_is_none_is_pointed_at(body: bytes, pointer: str) -> None:
    assert batch_refused(body) == invalid(pointer)


@pytest.mark.parametrize("again", [b"commands", rb"\u0063ommands", rb"comm\u0061nds"])
def test_a_batch_that_gives_its_commands_twice_is_refused(again: bytes) -> None:
    after = b', "' + again + b'": [' + GOOD + b"]"
    assert batch_refused(batch(GOOD, after=after)) == ("malformed_json", [])


def test_a_key_may_be_called_like_the_batchs_own_within_its_entries() -> None:
    assert len(split(batch(b'{"commands": 1}', b'{"commands": 2}', WITH_ESCAPE))) == 3


ODD_ENTRIES = [
    a_body("book", in_batch=True, eventId="1" * 5_000),
    a_body("book", in_batch=True, userId='"@"').replace(b"@", b"\xff"),
    a_body("book", in_batch=True, userId=r'"\u0000"'),
    GOOD[:-1] + b', "userId": "bob"}',
    GOOD[:-1] + b', "do": "hold"}',
    GOOD[:-1] + b', "\\u0064o": "book"}',
    b"[" * 500 + b"]" * 500,
    b"1e400",
]


@pytest.mark.parametrize("odd", ODD_ENTRIES, ids=range(len(ODD_ENTRIES)))
@pytest.mark.parametrize("other", [GOOD, WITH_ESCAPE], ids=["plain", "with an escape"])
def test_an_odd_entry_is_refused_alone(odd: bytes, other: bytes) -> None:
    entries = split(batch(other, odd, other))
    assert entries == [other, odd, other]
    assert refused("", entries[1], in_batch=True)[0] in ("invalid_request", "malformed_json")
    assert read("", entries[2], in_batch=True) == read("", other, in_batch=True)


def test_half_of_a_surrogate_pair_in_an_entry_is_refused_alone() -> None:
    odd = a_body("book", in_batch=True, userId=r'"\ud800"')
    assert len(split(batch(GOOD, odd, GOOD))) == 3


def test_half_of_a_surrogate_pair_is_pointed_at_whatever_the_field_is_called() -> None:
    odd = rb'{"a/b~c": "\ud800", "do": "book"}'
    assert refused("", odd, in_batch=True) == ("invalid_request", [f"{AT}/a~1b~0c"])


@pytest.mark.parametrize("with_escape", [False, True])
def test_an_entry_that_is_nested_too_deeply_refuses_the_batch_at_whatever_depth(with_escape: bool) -> None:
    """There must be no depth at which one reader of JSON gives up before the other."""
    for depth in (*range(880, 1_010), 5_000, 100_000):
        body = batch(WITH_ESCAPE if with_escape else GOOD, b"[" * depth + b"]" * depth)
        try:
            assert len(split(body)) == 2
        except ProblemError as problem:
            assert problem.code == "malformed_json"  # noqa: PT017 - or it is taken


# --- whatever is sent ----------------------------------------------------------------------------

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.text()
    | st.sampled_from([1, 1_000, "7", "7-x", "2026-01-01T00:00:00Z", "book", "offer"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=4,
)


@each_call
@given(data=st.data())
def test_any_document_is_taken_or_refused(call: str, data: st.DataObject) -> None:
    names = st.sampled_from(sorted(FIELDS[call])) | st.text(max_size=5)
    document = {**LEAST[call], **data.draw(st.dictionaries(names, anything, max_size=4))}
    for in_batch in (False, True):
        sent = {"do": call, **document} if in_batch else document
        try:
            body = read(call, json.dumps(sent).encode(), in_batch)
        except ProblemError as problem:
            assert problem.code in ("invalid_request", "malformed_json")  # noqa: PT017 - or it is taken
            msgspec.json.encode(problem.document("id"))
        else:
            assert set(sent) - {"do"} <= set(FIELDS[call])
            msgspec.json.encode(body)
