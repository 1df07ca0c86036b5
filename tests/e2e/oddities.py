"""What is odd: values, envelopes, headers, segments of a path. Each has been somebody's bug in some server.

Tables only. `@event` and the like stand for ids (`tests/e2e/watched.py`).
"""

from collections.abc import Callable

from boxoffice.actors.values import QUANTITY_MAX, SECONDS_MAX, TEXT_MAX, TICKETS_MAX

TOO_LONG = TEXT_MAX + 1
FOUR_BYTES, ESCAPED = "\U0001f3ab", r"\u0041"

# --- in bodies -----------------------------------------------------------------------------------

AWKWARD = [
    "'", '"', "\\", "\\\\", "\\N", "\\.", "{}", '{"', "},{", "NULL", "null", ",", "\t", "\n", "\r\n", "\x01",
    "\x1f", "\x7f", "\x85", "\u2028", "\ufeff", "\ufffe", "\uffff", "%s", "%(x)s", "$1", "';--", "<b>", " ",
    "\xa0", "e\u0301", "\u202e", "\U0001f3ab", "\U0010ffff",
]  # fmt: skip
ODD_NUMBERS = [each.encode() for each in (
    "-0", "-0.0", "0.0", "1.0", "1.5", "1e0", "1E2", "1e-1", "1e400", "-1e400", "1e-400", "1E+19", "0.1e1",
    "NaN", "Infinity", "-Infinity", "01", "+1", ".5", "1.", "1e", "0x10", "1_000", "--1", "-", "\u0661",
    "9" * 19, "9" * 20, "9" * 400, "9" * 5_000, "1." + "0" * 5_000, "1e" + "9" * 30,
)]  # fmt: skip
ODD_TEXTS = [each.encode() for each in (
    r'""', r'"\\"', r'"\""', r'"\"},{\\"', r'"\u0001"', '"NULL"', '"%s{}"', '"x - at `$.y"', r'"\u0000"',
    r'"a\u0000b"', r'"\ud800"', r'"a\udfffb"', r'"\udc00\ud800"',
    r'"\ud83d\ude00"', r'"\ud83dx"', r'"\uD83D\u0041"', r'"\q"', r'"\u12"', r'"\u+123"', '"\\"', '"',
    '"\x00"', '"\x1f"', '"\n"', '"\x7f"', '"\ufeff"', "'x'", '"x" "y"', '"1"', '"@event"', '"-1"', '"0"',
    '"01"', '"1 "', '"\uff11"', '"9223372036854775808"', '"lottery"', '"true"', '"Book"',
    f'"{"x" * TOO_LONG}"', f'"{FOUR_BYTES * TOO_LONG}"', f'"{ESCAPED * TOO_LONG}"', f'"{"x" * 70_000}"',
    '"@event-"', '"@event-00000000-0000-0000-0000-000000000000"', '"0@held"', '"@held "', '"@held\\u0000"',
    '"@held\\n"',
)]  # fmt: skip
ODD_TIMES = [f'"{each}"'.encode() for each in (
    "1969-12-31T23:59:59.999999Z", "1970-01-01T00:00:00Z", "1970-01-01T00:00:00+00:01",
    "9998-12-31T23:59:59Z", "9999-01-01T00:00:00Z", "9999-12-31T23:59:59.999999Z",
    "9999-12-31T23:59:59-23:59", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00+23:59", "0000-01-01T00:00:00Z",
    "10000-01-01T00:00:00Z", "2026-02-30T00:00:00Z", "2026-01-01T24:00:00Z", "2026-01-01T23:59:60Z",
    "2026-01-01T00:00:00", "2026-01-01", "2026-01-01t00:00:00z", "2026-01-01 00:00:00Z",
    "2026-01-01T00:00:00.1234567899Z", "2026-01-01T00:00:00+24:00", "20260101T000000Z", "2026-W01-1", "now",
    "infinity", "-infinity", "1e9", "1767225600",
)]  # fmt: skip
ODD_BYTES = [
    b'"\xff"', b'"\xc0\x80"', b'"\xed\xa0\x80"', b'"\xf4\x90\x80\x80"', b'"\xe2\x82"', b'"\x80"', b"\xff",
    b"/**/1", b"", b"tru", b"True", b"nul", b"undefined", b"[" * 2_000, b"[" * 900 + b"]" * 900,
    b'{"a":' * 900 + b"1" + b"}" * 900,
]  # fmt: skip


def _about(least: int, most: int) -> list[bytes]:
    """Numbers at the bounds and just beyond them, and what is like a number."""
    close = [b"%d" % number for number in (least - 1, least, most, most + 1, -1, 2**31, 2**63)]
    return [*close, b"-0", b"1.0", b"1e0", b'"1"', b"null", b"true", b"[1]"]


_ODD_FOR: list[tuple[str, list[bytes]]] = [
    ("eventId userId orderId", [*ODD_TEXTS, *_about(0, 2**63 - 1)]),
    ("eventName waitlistMode", [*ODD_TEXTS, b"0"]),
    ("salesOpenAt salesCloseAt", [*ODD_TIMES, b"0", b'""']),
    ("quantity maxPerOrder", _about(1, QUANTITY_MAX)),
    ("totalTickets maxPerCustomer", _about(1, TICKETS_MAX)),
    ("waitlistLimit", _about(0, TICKETS_MAX)),
    ("offerSeconds holdSeconds maxHoldSeconds", _about(1, SECONDS_MAX)),
    ("waitlist", [b"0", b"1", b"null", b'"true"', b'""', b"[]"]),
]
ODD_FOR = {name: values for names, values in _ODD_FOR for name in names.split()}
"""What is odd just for this field."""

ENVELOPES: list[Callable[[bytes], bytes]] = [
    lambda body: b"\xef\xbb\xbf" + body,
    lambda body: body.decode("utf-8", "replace").encode("utf-16"),
    lambda body: body.decode("utf-8", "replace").encode("utf-16-le"),
    lambda body: body.decode("utf-8", "replace").encode("utf-32"),
    lambda body: body.decode("utf-8", "replace").encode("utf-7"),
    lambda body: b"[" + body + b"]",
    lambda body: body + body,
    lambda body: body + b",",
    lambda body: body + b"\0",
    lambda body: b"\0" + body,
    lambda body: b"\x0b" + body,
    lambda body: b" \t\r\n" * 50 + body + b" \t\r\n" * 50,
    lambda body: body + b" " * (64 * 1024 - len(body)),
    lambda body: body + b" " * (64 * 1024 + 1 - len(body)),
    lambda body: b"// it is\n" + body,
    lambda body: body.replace(b'"', b"'"),
]

# --- in headers ----------------------------------------------------------------------------------

HEADERS: dict[str, list[bytes]] = {
    "Idempotency-Key": [b"k", b'"k', b'"\\q"', b'""', b"k" * 256, b"a b", b"\xe9"],
    "If-Match": [b'"9"', b'W/"1"', b"*", b'""', b'"9", "1"', b'"1', b'"\xe9"', b'"%s"' % (b"9" * 5_000)],
    "If-None-Match": [b"9", b'"9-open"', b'W/"9-open"', b"*", b'*, "9"', b'"1", "9"', b'"', b",", b'"\xe9"'],
    "Accept": [b"*/*", b"application/x-ndjson", b"text/html;q=0.5", b"application/x-ndjson\xff"],
    "Content-Type": [b"APPLICATION/JSON ; charset=utf-16", b"text/json", b"", b";", b"multipart/form-data"],
    "Content-Encoding": [b"identity", b"gzip", b"br", b"deflate", b"magic", b"identity, gzip", b"\xe9"],
    "X-Request-ID": [b"abc", b"a b", b"\xe9", b"x" * 64, b"x" * 65, b'"', b"{}"],
    "Expect": [b"100-continue", b"100-Continue", b"miracles", b"100-continue, x", b"\xa0"],
    "Range": [b"bytes=0-1"],
    "Cookie": [b"a=b", b"=;=;", b'a="\\777"'],
    "Origin": [b"null", b"http://other.example"],
    "X-Forwarded-For": [b"1.2.3.4, ::1"],
    "Sec-WebSocket-Key": [b"x"],
}  # fmt: skip
FRAMING = [
    b"Content-Length: 0", b"Content-Length: 5", b"Content-Length: 99999", b"Content-Length: -1",
    b"Content-Length: +5", b"Content-Length: 5, 5", b"Content-Length: 0x5",
    b"Content-Length: 18446744073709551616", b"Content-Length: \xb2", b"Content-Length:",
    b"Transfer-Encoding: chunked", b"Transfer-Encoding: identity", b"Transfer-Encoding: chunked, chunked",
    b"Transfer-Encoding: gzip, chunked", b"Transfer-Encoding: \x0bchunked", b"Transfer-Encoding: xchunked",
    b"Connection: close", b"Connection: keep-alive", b"Connection: Upgrade", b"Upgrade: websocket",
    b"Upgrade: h2c", b"Connection: \xff", b"Host:", b"Host: a b", b"Host: [::1", b"Host: x:99999",
    b"Host: \xff", b"Host: y", b"Expect: 100-continue", b"Trailer: Content-Length", b"Keep-Alive: timeout=x",
]  # fmt: skip
BROKEN = [
    b" folded", b"\tfolded", b"X", b": x", b"X : x", b"X\0: x", b"X: a\0b", b"X: a\rb", b"X: a\nb",
    b"X: \x1b[0m", b"\xe9: x", b"X: " + b"x" * 10_000, b"Idempotency-Key: \x01", b"If-Match: \x7f",
    b"Accept: a\r\n b",
]  # fmt: skip

# --- in targets ----------------------------------------------------------------------------------

PATHS = [
    "/status/{}", "/orders/{}", "/orders", "/events", "/events/{}/changes", "/status/{}/live", "/{}", "/book",
    "/batch", "/initialize", "//{}", "/status//{}", "/./status/{}", "/{}/../events", "{}", "*",
    "http://other.example/status/{}", "/readyz", "/events/{}/changes/", "/status/{}", "/orders/{}", "/orders",
    "/events", "/events/{}/changes",
]  # fmt: skip
ODD_SEGMENTS = [
    "", ".", "..", "%2e%2e", "%2F", "%5c", "%00", "%0d%0aX:%20y", "%FF", "%C0%80", "%ED%A0%80", "%D9%A1",
    "%EF%BC%91", "%31", "%", "%4", "%zz", "%u0031", "0", "-1", "+1", "01", "1e0", "9" * 19, "9" * 20,
    "9" * 5_000, "9223372036854775807", "9223372036854775808", "@event", "@event%00", "@event%20", "@held",
    "@never", "@HELD", "@event-", "null", "{}", "%7B%7D", "~", "@event;a=b", "a" * 7_000, "'", '"', "<x>",
    "\\", "^", "|", "live", "changes",
]  # fmt: skip
ODD_ARGUMENTS = [
    *ODD_SEGMENTS, "1", "2", "500", "501", "confirmed", "waitlisted", "held", "ann", "1-open", "%2B1", "+",
    "a%26b", "%F0%9F%8E%AB", "1.5", "%C2%B2", "x" * 200, "x" * 201, "%27%20OR%201=1--",
]  # fmt: skip
PARAMETERS = ["limit", "cursor", "after", "eventId", "userId", "status", "page", "", "limit%00", "%FF"]
