"""Strategies for HTTP around the bodies: headers, targets, and what is nearly HTTP.

`@event`, `@held` and the like stand for ids, as they do in `tests/e2e/anything.py`.
"""

from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from tests.e2e.anything import calls, right_bodies
from tests.e2e.oddities import BROKEN, FRAMING, HEADERS, ODD_ARGUMENTS, ODD_SEGMENTS, PARAMETERS, PATHS
from tests.e2e.raw_http import request

JSON = b"Content-Type: application/json"
LAST = b"Connection: close"

# --- headers -------------------------------------------------------------------------------------

TOKEN = "!#$%&'*+-.^_`|~" + "".join(map(chr, (*range(48, 58), *range(65, 91), *range(97, 123))))
ABOUT_THE_CONNECTION = {"connection", "upgrade", "content-length", "transfer-encoding", "host", "keep-alive"}
names = st.text(TOKEN, min_size=1, max_size=12).filter(lambda name: name.lower() not in ABOUT_THE_CONNECTION)
CONTROLS = bytes({*range(32), 127} - {9})
allowed_values = st.binary(max_size=20).map(lambda raw: raw.translate(None, CONTROLS))
odd_headers = {name: st.sampled_from(values) | allowed_values for name, values in HEADERS.items()}


@st.composite
def allowed_headers(draw: st.DrawFn) -> bytes:
    """A line that HTTP allows, and that leaves it clear where the request ends."""
    name = draw(st.sampled_from(list(HEADERS)) | names)
    value = draw(odd_headers.get(name, allowed_values))
    blank = draw(st.sampled_from([b" ", b"", b"\t "]))
    return draw(st.sampled_from([name, name.lower()])).encode() + b":" + blank + value


NEW_LENGTH = 30
"""Characters that `@new` becomes: a text that was never before."""

key_characters = st.characters(min_codepoint=32, max_codepoint=126) | st.sampled_from('"\\\t\xe9')
key_parts = st.text(key_characters, max_size=4)
long_parts = st.sampled_from(["k" * (length - NEW_LENGTH) for length in range(253, 258)])
KEY_FORMS = ["{}", "{}", '"{}"', '"{}"', '"{}', '{}"', " {} ", '\t"{}" ', '"{}";a=b', '\\"{}"']
keys: SearchStrategy[bytes] = st.builds(
    lambda form, *parts: form.replace("{}", "".join(parts)).encode("latin-1"),
    st.sampled_from(KEY_FORMS), key_parts, st.just("@new"), st.just("") | long_parts, key_parts,
) | st.sampled_from([b"", b'""', b'"', b" ", b'"\\"'])  # fmt: skip
"""Idempotency keys, and what may be none: up to the longest that one may be, and one more."""

any_headers = st.sampled_from(FRAMING) | allowed_headers() | st.sampled_from(BROKEN) | st.binary(max_size=30)

# --- targets -------------------------------------------------------------------------------------

visible = st.text(st.characters(codec="ascii", min_codepoint=33, max_codepoint=126), max_size=12)
encoded = st.binary(max_size=6).map(lambda raw: "".join(f"%{byte:02X}" for byte in raw))
right_segments = st.sampled_from(["@event", "@held", "@waiting"])
segments = right_segments | st.sampled_from(ODD_SEGMENTS) | visible | encoded
arguments = st.sampled_from(ODD_ARGUMENTS) | visible | encoded
queries = st.lists(
    st.builds("{}={}".format, st.sampled_from(PARAMETERS), arguments) | arguments, max_size=3
).flatmap(lambda given: st.sampled_from(["&", "&", ";"]).map(lambda by: by.join(given)))


@st.composite
def targets(draw: st.DrawFn) -> bytes:
    """What may stand between the method and `HTTP/1.1`, in visible ASCII."""
    path = draw(st.sampled_from(PATHS)).format(draw(segments))
    query = draw(st.just("") | queries.map("?{}".format))
    return (path + query).encode()


accepted = st.sampled_from([b"Accept: */*", b"Accept: application/x-ndjson"])
methods = st.sampled_from(
    [b"GET"] * 9 + [b"HEAD"] * 4 + [b"POST", b"PUT", b"DELETE", b"OPTIONS", b"PATCH", b"TRACE", b"QUERY"]
)


# --- nearly HTTP ---------------------------------------------------------------------------------


def _chunked(body: bytes, at: int) -> bytes:
    """A body in two chunks."""
    chunks = [chunk for chunk in (body[:at], body[at:]) if chunk]
    return b"".join(b"%x\r\n%s\r\n" % (len(chunk), chunk) for chunk in chunks) + b"0\r\n\r\n"


@st.composite
def one_request(draw: st.DrawFn) -> bytes:
    """A request that is right but for some of its headers."""
    headers = draw(st.lists(any_headers, max_size=2)) + draw(st.sampled_from([[LAST]] * 5 + [[]]))
    if draw(st.booleans()):
        return request(draw(methods), draw(targets()), headers=headers)
    call = draw(calls)
    body = draw(right_bodies(call))
    if draw(st.sampled_from([False, False, True])):
        sent = request(b"POST", b"/" + call.encode(), b"", [JSON, *headers, b"Transfer-Encoding: chunked"])
        return sent.replace(b"Content-Length: 0\r\n", b"") + _chunked(body, draw(st.integers(0, 60)))
    return request(b"POST", b"/" + call.encode(), body, [JSON, *headers])


requests = one_request() | one_request() | st.builds(bytes.__add__, one_request(), one_request())
