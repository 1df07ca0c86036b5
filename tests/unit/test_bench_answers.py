"""How the load tester reads answers: at one glance where that is possible, and the same by httptools."""

import gc
import weakref

import pytest

from boxoffice.bench.load.answers import BadAnswerError, Reader, whole
from boxoffice.bench.load.asks import Answer, Ask
from boxoffice.bench.load.requests import Requests
from boxoffice.bench.target import Target, target_at


def answer(head: str, body: bytes = b"") -> bytes:
    return head.replace("\n", "\r\n").encode() + b"\r\n\r\n" + body


PLAIN = answer("HTTP/1.1 201 Created\nContent-Type: application/json\nContent-Length: 2\nDate: x", b"{}")
REPLAYED = answer("HTTP/1.1 202 Accepted\nIdempotent-Replayed: true\nContent-Length: 2", b"{}")
BUSY = answer("HTTP/1.1 503 Service Unavailable\nRetry-After: 3\nContent-Length: 1", b"x")
SMALL_LETTERS = answer("HTTP/1.1 429 Slow Down\nretry-after: 0.5\ncontent-length:0")
TO_A_DATE = answer("HTTP/1.1 503 Away\nRetry-After: Wed, 21 Oct 2026 07:28:00 GMT\nContent-Length: 0")

AT_A_GLANCE = {
    PLAIN: Answer(201, b"{}"),
    REPLAYED: Answer(202, b"{}", None, replayed=True),
    BUSY: Answer(503, b"x", 3.0),
    SMALL_LETTERS: Answer(429, b"", 0.5),
    TO_A_DATE: Answer(503, b"", None),
}

CHUNKED = answer("HTTP/1.1 200 OK\nTransfer-Encoding: chunked", b"1\r\n{\r\n1\r\n}\r\n0\r\n\r\n")
LAST = answer("HTTP/1.1 503 Away\nConnection: close\nRetry-After: 1\nContent-Length: 2", b"{}")
OLD = answer("HTTP/1.0 200 OK\nContent-Length: 2", b"{}")
CONTINUE = answer("HTTP/1.1 100 Continue") + PLAIN
EARLY_HINTS = answer("HTTP/1.1 103 Early Hints\nRetry-After: 9") + PLAIN
NO_CONTENT = answer("HTTP/1.1 204 No Content")
NOT_MODIFIED = answer('HTTP/1.1 304 Not Modified\nETag: "1"\nContent-Length: 7')

IN_OTHER_WAYS = {
    CHUNKED: (Answer(200, b"{}"), True),
    LAST: (Answer(503, b"{}", 1.0), False),
    OLD: (Answer(200, b"{}"), False),
    CONTINUE: (Answer(201, b"{}"), True),
    EARLY_HINTS: (Answer(201, b"{}"), True),
    NO_CONTENT: (Answer(204), True),
    NOT_MODIFIED: (Answer(304), True),
}


def test_a_reader_is_gone_with_its_answer_without_the_garbage_collector() -> None:
    """Which hardly ever comes in a worker; the answer to a batch has 300 KB."""
    gc.disable()
    try:
        reader = Reader()
        reader.feed(CHUNKED[:60])
        reader.feed(CHUNKED[60:])
        assert reader.answer == Answer(200, b"{}")
        is_there = weakref.ref(reader)
        del reader
        assert is_there() is None
    finally:
        gc.enable()


def outcome(reader: Reader) -> tuple[Answer | None, bool]:
    return reader.answer, reader.stays


@pytest.mark.parametrize("data", AT_A_GLANCE)
def test_an_answer_that_comes_whole_is_read_at_a_glance(data: bytes) -> None:
    assert whole(data) == AT_A_GLANCE[data]


@pytest.mark.parametrize("data", AT_A_GLANCE)
def test_half_an_answer_or_more_than_one_is_not_taken_for_one(data: bytes) -> None:
    assert [end for end in range(len(data)) if whole(data[:end]) is not None] == []
    assert whole(data + b"x") is None
    assert whole(data + data) is None


@pytest.mark.parametrize("data", IN_OTHER_WAYS)
def test_what_is_written_in_another_way_is_left_to_the_parser(data: bytes) -> None:
    assert whole(data) is None


@pytest.mark.parametrize(("data", "expected"), IN_OTHER_WAYS.items())
def test_the_parser_reads_it_in_one_piece(data: bytes, expected: tuple[Answer, bool]) -> None:
    reader = Reader()
    reader.feed(data)
    assert outcome(reader) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [*IN_OTHER_WAYS.items(), *((data, (each, True)) for data, each in AT_A_GLANCE.items())],
)
def test_wherever_an_answer_is_cut_it_is_the_same(data: bytes, expected: tuple[Answer, bool]) -> None:
    for cut in range(1, len(data)):
        reader = Reader()
        reader.feed(data[:cut])
        assert reader.answer is None
        reader.feed(data[cut:])
        assert outcome(reader) == expected


def test_an_answer_without_a_length_ends_with_the_connection() -> None:
    reader = Reader()
    reader.feed(answer("HTTP/1.1 200 OK\nConnection: close", b"{"))
    reader.feed(b"}")
    assert reader.answer is None
    reader.end()
    assert outcome(reader) == (Answer(200, b"{}"), False)


def test_an_answer_that_breaks_off_is_none() -> None:
    reader = Reader()
    reader.feed(PLAIN[:-1])
    reader.end()
    assert reader.answer is None


@pytest.mark.parametrize(
    "data", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 2x1 OK\r\n\r\n", b"\x16\x03\x01\x02\x00"]
)
def test_what_is_no_http_is_refused(data: bytes) -> None:
    assert whole(data) is None
    with pytest.raises(BadAnswerError):
        Reader().feed(data)


@pytest.mark.parametrize("cut", [0, 10, len(PLAIN)])
def test_two_answers_to_one_request_are_refused(cut: int) -> None:
    both, reader = PLAIN + PLAIN, Reader()
    reader.feed(both[:cut])
    with pytest.raises(BadAnswerError):
        reader.feed(both[cut:])


# --- and how it writes requests ------------------------------------------------------------------


def test_a_request_has_what_is_needed_and_no_more() -> None:
    requests = Requests(Target("http://127.0.0.1:3000", "bo_1_x"))
    head = b"Host: 127.0.0.1:3000\r\nContent-Type: application/json\r\nAuthorization: Bearer bo_1_x\r\n"
    assert requests.bytes_of(Ask("book", "/book", b"{}", key="k")) == (
        b"POST /book HTTP/1.1\r\n" + head + b"Idempotency-Key: k\r\nContent-Length: 2\r\n\r\n{}"
    )
    assert requests.bytes_of(Ask("status", "/status/1", method="GET")) == (
        b"GET /status/1 HTTP/1.1\r\n" + head + b"\r\n"
    )


@pytest.mark.parametrize(
    ("url", "host", "path"),
    [
        ("localhost:3000", b"Host: localhost:3000\r\n", b"POST /book "),
        ("http://[::1]:3000/", b"Host: [::1]:3000\r\n", b"POST /book "),
        ("https://tickets.example/api/", b"Host: tickets.example\r\n", b"POST /api/book "),
    ],
)
def test_a_server_is_asked_where_its_url_says(url: str, host: bytes, path: bytes) -> None:
    request = Requests(target_at(url, None)).bytes_of(Ask("book", "/book", b"{}"))
    assert request.startswith(path)
    assert host in request


@pytest.mark.parametrize(
    "url", ["", "ftp://x", "http://", "http://x:99999", "http://x?a=b", "http://me:secret@x", "http://[::1"]
)
def test_what_is_no_servers_url_is_refused_in_a_sentence(url: str) -> None:
    with pytest.raises(ValueError, match="is not the URL of a server"):
        target_at(url, None)


@pytest.mark.parametrize("key", ["two words", "line\r\nbreak", "schlüssel"])
def test_a_key_that_would_break_a_request_is_refused(key: str) -> None:
    with pytest.raises(ValueError, match="no key has"):
        target_at("http://x", key)
