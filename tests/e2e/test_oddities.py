"""All the oddities there are, one at a time, where each may do harm: a real server takes or refuses each.

What may be odd in several places at once, the fuzz tests make up; what each refusal says, the table tests of
the bodies know.
"""

from itertools import compress, product

import pytest

from tests.e2e import takes
from tests.e2e.anything import LEAST, written
from tests.e2e.anything_wrong import batch_of, joined
from tests.e2e.oddities import (
    ENVELOPES,
    HEADERS,
    ODD_ARGUMENTS,
    ODD_BYTES,
    ODD_FOR,
    ODD_NUMBERS,
    ODD_SEGMENTS,
    ODD_TEXTS,
)
from tests.e2e.verdicts import check_batch, check_body
from tests.e2e.watched import Watched

each_call = pytest.mark.parametrize("call", takes.CALLS)
BOOK = b'{"do":"book","eventId":"@event","userId":"h\\u0061l"}'


@each_call
def test_each_field_is_taken_within_its_bounds(watched: Watched, call: str) -> None:
    for field in takes.FIELDS[call]:
        others = [(written(name), written(LEAST[name])) for name in takes.NEEDED[call] - {field}]
        for value in ODD_FOR[field]:
            watched.begin()
            check_body(watched, call, watched.fill(joined([*others, (written(field), value)])))


@each_call
def test_each_choice_of_fields_is_taken_or_refused(watched: Watched, call: str) -> None:
    fields = {**LEAST, "quantity": 1, "do": call}
    for chosen in product((False, True), repeat=len(fields)):
        watched.begin()
        body = written(dict(compress(fields.items(), chosen)))
        check_body(watched, call, watched.fill(body))


@each_call
def test_each_envelope_is_opened_or_refused(watched: Watched, call: str) -> None:
    for envelope in ENVELOPES:
        watched.begin()
        body = written({name: LEAST[name] for name in takes.NEEDED[call] or ("orderId",)})
        check_body(watched, call, envelope(watched.fill(body)))


def test_each_oddity_in_a_batch_is_refused_alone_or_with_it(watched: Watched) -> None:
    for odd in (*ODD_TEXTS, *ODD_NUMBERS, *ODD_BYTES):
        for entry in (odd, b'{"do":"close","eventId":%s}' % odd):
            watched.begin()
            check_batch(watched, watched.fill(batch_of([BOOK, entry, BOOK])))


def test_each_depth_in_a_batch_is_refused_alone_or_with_it(watched: Watched) -> None:
    """Two readers of JSON look at it, and give up at about the same depth, but not quite."""
    for depth in range(900, 1_010, 2):
        watched.begin()
        check_batch(watched, watched.fill(batch_of([BOOK, b"[" * depth + b"]" * depth])))


@pytest.mark.parametrize("number", [1, 1_000, 1_001])
def test_a_batch_has_a_bound(watched: Watched, number: int) -> None:
    watched.begin()
    for entry in (b"{}", rb'{"do":"close","eventId":"\ud800"}'):
        check_batch(watched, batch_of([entry] * number))


@pytest.mark.parametrize("name", HEADERS)
def test_each_header_is_read_or_refused(watched: Watched, name: str) -> None:
    body, other = b'{"eventId":"@event","eventName":"x"}', b'{"eventId":"@event","userId":"hal"}'
    for value in HEADERS[name]:
        watched.begin()
        headers = [name.encode() + b": " + value]
        watched.post("adjust", watched.fill(body), *headers)
        watched.post("adjust", watched.fill(body), *headers, *headers)
        watched.post("book", watched.fill(other), *headers, watched.fill(b"Idempotency-Key: @new"))
        watched.ask(b"POST", b"/adjust", watched.fill(body), headers)
        for target in (b"/status/@event", b"/events/@event/changes"):
            watched.ask(b"GET", watched.fill(target), headers=headers)


@pytest.mark.parametrize("path", ["/status/{}", "/orders/{}", "/events/{}/changes", "/{}"])
def test_each_segment_of_a_path_is_found_or_refused(watched: Watched, path: str) -> None:
    for segment in ODD_SEGMENTS:
        watched.begin()
        watched.ask(b"GET", watched.fill(path.format(segment).encode()))


@pytest.mark.parametrize(
    ("path", "names"),
    [
        ("/orders", ["eventId", "userId", "status", "limit", "cursor"]),
        ("/events", ["limit", "cursor", "page"]),
        ("/events/@event/changes", ["after", "limit", "cursor"]),
    ],
)
def test_each_argument_is_read_or_refused(watched: Watched, path: str, names: list[str]) -> None:
    watched.begin()
    for name in names:
        for argument in ODD_ARGUMENTS:
            given = watched.fill(argument.encode())
            answer, _ = watched.ask(b"GET", watched.fill(path.encode()) + b"?%s=%s" % (name.encode(), given))
            taken = takes.takes_argument(path, name, given.decode())
            assert answer.status in ((200, 404) if taken else (422,)), (given, answer)
