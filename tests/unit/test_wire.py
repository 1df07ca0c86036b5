"""What clients may send, to the letter: what is taken, what is refused, with which code, pointing where."""

import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.http.decoding import Reader
from boxoffice.http.problems import ProblemError
from boxoffice.http.wire import Body, BookBody, CancelBody, InitializeBody

READERS: dict[str, Reader[Any]] = {
    "initialize": Reader(InitializeBody),
    "book": Reader(BookBody),
    "cancel": Reader(CancelBody),
}
LEAST: dict[str, dict[str, object]] = {
    "initialize": {"eventName": "Concert", "totalTickets": 5},
    "book": {"eventId": "7", "userId": "ann"},
    "cancel": {"eventId": "7", "userId": "ann"},
}
TEXTS = [("initialize", "eventName"), ("book", "userId"), ("cancel", "userId"), ("cancel", "orderId")]
IDS = [("book", "eventId"), ("book", "userId"), ("cancel", "eventId"), ("cancel", "orderId")]
INTEGERS = [("initialize", "totalTickets"), ("book", "quantity")]
each_text = pytest.mark.parametrize(("call", "field"), TEXTS)
each_id = pytest.mark.parametrize(("call", "field"), IDS)
each_integer = pytest.mark.parametrize(("call", "field"), INTEGERS)
each_call = pytest.mark.parametrize("call", READERS)


def a_body(call: str, **fields: str) -> bytes:
    """The least body of a call with these fields in it, given as JSON text."""
    least = {name: json.dumps(value) for name, value in LEAST[call].items()}
    members = [f'"{name}": {value}' for name, value in {**least, **fields}.items()]
    return ("{" + ", ".join(members) + "}").encode()


def read(call: str, **fields: str) -> Any:
    return READERS[call].read(a_body(call, **fields))


def problem(call: str, body: bytes) -> tuple[str, list[str]]:
    """The code and the pointers with which a body is refused."""
    with pytest.raises(ProblemError) as caught:
        READERS[call].read(body)
    encode_all(caught.value)
    return caught.value.code, [error.pointer for error in caught.value.errors or []]


def encode_all(error: ProblemError) -> None:
    """Whatever a problem says can be sent."""
    msgspec.json.encode([error.detail, error.errors, error.more])


def invalid(pointer: str) -> tuple[str, list[str]]:
    return "invalid_request", [pointer]


MALFORMED: tuple[str, list[str]] = ("malformed_json", [])


# --- what is taken -------------------------------------------------------------------------------


def test_the_least_bodies_get_their_defaults() -> None:
    assert read("initialize") == InitializeBody(event_name="Concert", total_tickets=5)
    assert read("book") == BookBody(event_id="7", user_id="ann", quantity=1, waitlist=True)
    assert READERS["cancel"].read(b'{"orderId": "7-x"}') == CancelBody(order_id="7-x")
    assert read("cancel") == CancelBody(event_id="7", user_id="ann")


def test_all_fields_are_taken() -> None:
    asked = BookBody(event_id="7", user_id="ann", quantity=3, waitlist=False)
    assert read("book", quantity="3", waitlist="false") == asked


@each_id
@pytest.mark.parametrize("value", ["0", "7", str(2**63 - 1), '"7"', '"any text"', '"' + "x" * 200 + '"'])
def test_an_id_may_be_text_or_a_whole_number(call: str, field: str, value: str) -> None:
    body = read(call, **{field: value})
    assert json.loads(a_body(call, **{field: value}))[field] in msgspec.structs.asdict(body).values()


@each_text
@pytest.mark.parametrize(
    "text",
    [
        "eventId",
        '"eventId"',
        '{"eventId": 1, "eventId": 2}',
        '"userId": "userId":',
        '\\"orderId\\"',
        "\\",
        "\\u0000",
        "\t\r\n\b\f",
        "\x1f\x7f\x80",
        "Žluťoučký kůň",
        "日本語",
        "👩‍👩‍👧",
        "\ufeff",
        "\uffff\U0010ffff",
        "\u202e",
        "'; DROP TABLE orders; --",
        " ",
    ],
)
def test_any_other_text_is_taken_as_it_is_however_it_is_written(call: str, field: str, text: str) -> None:
    for written in (json.dumps(text), json.dumps(text, ensure_ascii=False)):
        assert text in msgspec.structs.asdict(read(call, **{field: written})).values()


@each_integer
@pytest.mark.parametrize("value", [1, 2, 1_000])
def test_counts_within_bounds_are_taken(call: str, field: str, value: int) -> None:
    assert value in msgspec.structs.asdict(read(call, **{field: str(value)})).values()


def test_the_most_tickets_are_taken() -> None:
    assert read("initialize", totalTickets="10000000").total_tickets == 10_000_000


def test_white_space_around_the_body_is_taken() -> None:
    assert READERS["book"].read(b" \r\n\t" + a_body("book") + b"\n ") == BookBody(event_id="7", user_id="ann")


# --- what is not valid: 422 ----------------------------------------------------------------------


@each_id
@pytest.mark.parametrize(
    "value",
    [
        *("true", "false", "null", "1.0", "1.5", "1e3", "-0.0", "1e400", "[]", "[1]", "{}", '{"id": 1}'),
        *("-1", str(2**63), str(2**64), "1" * 30, "1" * 5_000, "-" + "1" * 5_000, "1" * 400 + ".5"),
        *('""', '"' + "x" * 201 + '"', '"' + "é" * 201 + '"'),
    ],
)
def test_an_id_of_another_kind_is_refused(call: str, field: str, value: str) -> None:
    assert problem(call, a_body(call, **{field: value})) == invalid(f"/{field}")


@each_integer
@pytest.mark.parametrize(
    "value",
    [
        *("0", "-1", "10000001", str(2**31), str(2**63), str(2**64), "1" * 5_000),
        *("true", "false", "null", "1.0", "1.5", "1e3", '"1"', "[]", "[1]", "{}"),
    ],
)
def test_a_count_out_of_bounds_or_of_another_kind_is_refused(call: str, field: str, value: str) -> None:
    assert problem(call, a_body(call, **{field: value})) == invalid(f"/{field}")


def test_a_quantity_has_a_bound_of_its_own() -> None:
    assert problem("book", a_body("book", quantity="1001")) == invalid("/quantity")


@pytest.mark.parametrize("value", ["0", "1", "null", '"true"', "[]"])
def test_waitlist_is_true_or_false(value: str) -> None:
    assert problem("book", a_body("book", waitlist=value)) == invalid("/waitlist")


@pytest.mark.parametrize("value", ["1", "null", "true", '""', '"' + "x" * 201 + '"', "[]"])
def test_an_event_name_is_a_text_within_bounds(value: str) -> None:
    assert problem("initialize", a_body("initialize", eventName=value)) == invalid("/eventName")


@each_call
@pytest.mark.parametrize("body", [b"null", b"true", b"1", b'"text"', b"[]", b"[{}]", b"1.5"])
def test_a_body_that_is_no_object_is_refused(call: str, body: bytes) -> None:
    assert problem(call, body) == invalid("")


@pytest.mark.parametrize(
    ("call", "field"), [(call, field) for call in ("initialize", "book") for field in LEAST[call]]
)
def test_a_missing_field_is_pointed_at(call: str, field: str) -> None:
    rest = {name: value for name, value in LEAST[call].items() if name != field}
    assert problem(call, json.dumps(rest).encode()) == invalid(f"/{field}")


@each_call
@pytest.mark.parametrize(
    ("name", "pointer"),
    [
        ("extra", "/extra"),
        ("event_id", "/event_id"),
        ("EVENTID", "/EVENTID"),
        ("", "/"),
        ("a/b", "/a~1b"),
        ("a~b", "/a~0b"),
        ("~1", "/~01"),
        ("a.b", "/a.b"),
        ("a[0]", "/a[0]"),
        ("a`b", "/a`b"),
        ("a` - at `$.b", "/a` - at `$.b"),
        ("\0", "/\0"),
        ("a\nb", "/a\nb"),
        ("日本", "/日本"),
    ],
)
def test_an_unknown_field_is_pointed_at_whatever_it_is_called(call: str, name: str, pointer: str) -> None:
    for ascii_only in (True, False):
        body = json.dumps({**LEAST[call], name: 1}, ensure_ascii=ascii_only).encode()
        assert problem(call, body) == invalid(pointer)


@each_text
@pytest.mark.parametrize("text", [r"\u0000", r"a\u0000b", r"\u0000\u0000"])
def test_a_nul_is_pointed_at(call: str, field: str, text: str) -> None:
    assert problem(call, a_body(call, **{field: f'"{text}"'})) == invalid(f"/{field}")


@each_text
@pytest.mark.parametrize(
    "text", [r"\ud800", r"\udfff", r"a\ud83db", r"\ude00\ud83d", r"\uD83D\n", r"\ud800 "]
)
def test_half_of_a_surrogate_pair_is_pointed_at(call: str, field: str, text: str) -> None:
    assert problem(call, a_body(call, **{field: f'"{text}"'})) == invalid(f"/{field}")


@each_call
@pytest.mark.parametrize("text", ["x - at `$.y", "` - at `$", "x - at `$[0]"])
def test_where_it_is_wrong_is_not_taken_from_what_a_client_wrote(call: str, text: str) -> None:
    assert problem(call, json.dumps({"do": text, **LEAST[call]}).encode()) == invalid("/do")


@each_call
def test_half_of_a_surrogate_pair_in_a_fields_name_is_refused(call: str) -> None:
    assert problem(call, rb'{"\ud800": 1}') == invalid("")


# --- what is no JSON: 400 ------------------------------------------------------------------------


@each_call
@pytest.mark.parametrize(
    "broken",
    [
        *(
            b"",
            b" ",
            b"{",
            b"}",
            b'{"',
            b"{]",
            b"{,}",
            b"nul",
            b"'text'",
            b"{'a': 1}",
            b"{a: 1}",
            b"undefined",
        ),
        *(b"NaN", b"Infinity", b"-Infinity", b"+1", b"\x00", b"\xff\xfe{\x00}\x00", b"\x80"),
    ],
)
def test_what_is_no_json_is_refused(call: str, broken: bytes) -> None:
    assert problem(call, broken) == MALFORMED


@each_call
@pytest.mark.parametrize(
    "around", [b"\xef\xbb\xbf%s", b"%sx", b"%s%s", b"%s,", b"/**/%s", b"// comment\n%s", b"%s\x00"]
)
def test_what_stands_around_the_body_is_refused(call: str, around: bytes) -> None:
    assert problem(call, around.replace(b"%s", a_body(call))) == MALFORMED


@each_text
@pytest.mark.parametrize(
    "value",
    [
        *(b"NaN", b"Infinity", b"-Infinity", b"01", b"1.", b".5", b"1e", b"--1", b"+1", b"tru", b"None"),
        *(b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xc3"', b'"\xff\\n"'),
        *(b'"a\x00b"', b'"a\tb"', b'"a\nb"', b'"a\x1fb\\n"', rb'"\x41"', rb'"\u12"', rb'"\u12g4"', b'"open'),
        *(rb'"\ud800" x', rb'"\ud800', rb'"\ud800\x"', b'"\\ud800\xff"'),
    ],
)
def test_a_value_that_is_no_json_is_refused(call: str, field: str, value: bytes) -> None:
    assert problem(call, a_body(call, **{field: '"@"'}).replace(b'"@"', value)) == MALFORMED


@each_call
def test_a_trailing_comma_is_refused(call: str) -> None:
    assert problem(call, a_body(call)[:-1] + b",}") == MALFORMED


@each_call
@pytest.mark.parametrize("depth", [2, 1_000, 60_000])
@pytest.mark.parametrize("opening", [b"[", b'{"eventId":', b'{"eventName":', b'{"a":[', rb'{"\ud800":'])
def test_deep_nesting_is_refused_whatever_its_depth(call: str, opening: bytes, depth: int) -> None:
    code, _ = problem(call, opening * depth)
    assert code in ("malformed_json", "invalid_request")


@each_call
@pytest.mark.parametrize("value", ["[" * 60_000, "1" * 60_000, '{"a":' * 10_000])
def test_half_of_a_surrogate_pair_before_something_enormous_is_refused(call: str, value: str) -> None:
    first, second = list(LEAST[call])
    assert problem(call, rf'{{"{first}": "\ud800", "{second}": {value}}}'.encode())[0] in (
        "malformed_json",
        "invalid_request",
    )


@each_call
@pytest.mark.parametrize("body", [b"0x10", b"[1,", b'"text" x', b'{"extra": nul', b"1 2"])
def test_what_is_of_another_kind_from_the_start_need_not_be_json_to_the_end(call: str, body: bytes) -> None:
    """Decoding stops at the first thing that is wrong."""
    assert problem(call, body)[0] == "invalid_request"


# --- keys given twice: 400 -----------------------------------------------------------------------


@pytest.mark.parametrize(("call", "field"), [*TEXTS, *IDS, *INTEGERS, ("book", "waitlist")])
@pytest.mark.parametrize("escaped", [False, True], ids=["plain", "escaped"])
@pytest.mark.parametrize("same", [False, True], ids=["other value", "same value"])
def test_a_key_that_is_given_twice_is_refused(call: str, field: str, escaped: bool, same: bool) -> None:
    values = {"eventName": ('"a"', '"b"'), "waitlist": ("true", "false")}.get(field, ("1", "2"))
    again = f"\\u{ord(field[0]):04x}{field[1:]}" if escaped else field
    body = a_body(call, **{field: values[0]})[:-1] + f', "{again}": {values[0 if same else 1]}}}'.encode()
    assert problem(call, body) == MALFORMED


def test_a_key_that_is_given_twice_with_space_before_its_colon_is_refused() -> None:
    assert problem("book", b'{"eventId" : 1, "userId": 2, "eventId"\n:3}') == MALFORMED


def test_a_key_that_is_escaped_twice_is_refused() -> None:
    assert problem("book", rb'{"\u0065ventId": 1, "userId": 2, "e\u0076entId": 3}') == MALFORMED


def test_a_key_that_is_escaped_once_is_taken() -> None:
    body = READERS["book"].read(rb'{"\u0065ventId": "7", "userId": "ann"}')
    assert body == BookBody(event_id="7", user_id="ann")


# --- whatever is sent ----------------------------------------------------------------------------

anything = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from([2**63 - 1, 2**63, 10**400, "7", "ann", "\0", "x" * 201, "", 1, 1_000]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
names = st.sampled_from(
    ["eventName", "totalTickets", "eventId", "userId", "orderId", "quantity", "waitlist"]
) | st.text(max_size=8)
documents = st.lists(st.tuples(names, anything), max_size=5).map(
    lambda members: (
        "{" + ", ".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in members) + "}"
    )
)
mangled = st.tuples(documents, st.integers(0, 200), st.binary(max_size=3)).map(
    lambda parts: parts[0].encode()[: parts[1]] + parts[2] + parts[0].encode()[parts[1] :]
)


def check_within_bounds(value: Body) -> None:
    """Whatever was taken can be booked, stored, and sent back."""
    for name, member in msgspec.structs.asdict(value).items():
        match member:
            case bool():
                assert name == "waitlist"
            case int():
                assert 0 <= member < 2**63
                assert name not in ("quantity", "total_tickets") or member > 0
                assert name != "quantity" or member <= 1_000
                assert name != "total_tickets" or member <= 10_000_000
            case str():
                assert 1 <= len(member) <= 200
                assert "\0" not in member
                member.encode()
            case None:
                assert isinstance(value, CancelBody)
                assert name == "quantity"
            case _:
                assert member is msgspec.UNSET
                assert isinstance(value, CancelBody | InitializeBody)


def check_taken_or_refused(call: str, body: bytes) -> None:
    """Nothing but a value within bounds or a problem comes of it."""
    error: ProblemError | None = None
    try:
        value = READERS[call].read(body)
    except ProblemError as refused:
        error = refused
    if error is None:
        check_within_bounds(value)
        members = json.loads(body, object_pairs_hook=list)
        assert len({name for name, _ in members}) == len(members)
        return
    assert error.code in ("malformed_json", "invalid_request")
    assert (error.errors is not None) == (error.code == "invalid_request")
    encode_all(error)


@each_call
@given(body=st.binary() | mangled)
def test_any_bytes_are_taken_or_refused(call: str, body: bytes) -> None:
    check_taken_or_refused(call, body)


@each_call
@given(body=documents)
def test_any_document_is_taken_or_refused(call: str, body: str) -> None:
    check_taken_or_refused(call, body.encode())


@given(name=st.text(st.characters(codec="utf-8")), ascii_only=st.booleans())
def test_any_unknown_field_is_pointed_at(name: str, ascii_only: bool) -> None:
    if name in ("eventId", "userId", "quantity", "waitlist"):
        return
    body = json.dumps({name: 1}, ensure_ascii=ascii_only).encode()
    assert problem("book", body) == invalid("/" + name.replace("~", "~0").replace("/", "~1"))


@given(text=st.text(st.characters(codec="utf-8"), min_size=1, max_size=200), ascii_only=st.booleans())
def test_any_customer_comes_through_unless_a_nul_is_in_them(text: str, ascii_only: bool) -> None:
    body = a_body("book", userId=json.dumps(text, ensure_ascii=ascii_only))
    if "\0" in text:
        assert problem("book", body) == invalid("/userId")
    else:
        assert READERS["book"].read(body).user_id == text
