"""The parts of the API document that many calls share: headers, parameters, and who may ask.

What each call does with them stands in `openapi_texts.py`. Values only, made once.
"""

from typing import Any

from boxoffice.actors.values import TEXT_MAX, OrderStatus
from boxoffice.http import wire

Part = dict[str, Any]

TEXT: Part = {"type": "string"}

# --- headers of answers --------------------------------------------------------------------------


def _header(description: str, example: str, **schema: Any) -> Part:
    return {"description": description, "schema": {**TEXT, **schema}, "example": example}


HEADERS: dict[str, Part] = {
    "X-Request-ID": {
        **_header("The request's id, its own or a new one.", "01a21439cf4a71dba170d9e8"),
        "required": True,
    },
    "ETag": _header("What `If-None-Match` takes; an event's begins with its version.", '"4-open"'),
    "Location": _header("Where the new event's status is.", "/status/1"),
    "Link": _header(
        'The next page, with `rel="next"`; none on the last.',
        '</orders?eventId=1&limit=2&cursor=1-01a21439-cf36-70d1-94fc-9c1e66480bbd>; rel="next"',
    ),
    "Idempotent-Replayed": _header(
        "That this was answered before, to the first request with this `Idempotency-Key`.",
        "true",
        enum=["true"],
    ),
    "Retry-After": {
        "description": "After how many seconds to ask again. Each client is told others.",
        "schema": {"type": "integer", "minimum": 1},
        "example": 2,
    },
    "RateLimit": _header(
        "Requests left (`r`), and seconds until all are there again (`t`); once less than half are left.",
        '"default";r=87;t=1',
    ),
    "RateLimit-Policy": _header("So many requests (`q`) in so many seconds (`w`).", '"default";q=100;w=1'),
    "WWW-Authenticate": _header(
        "What is missing: credentials, good ones (`invalid_token`), or a scope (`insufficient_scope`).",
        'Bearer realm="boxoffice", error="insufficient_scope", scope="organise"',
    ),
    "Upgrade": _header("What the connection has become, or should become.", "websocket"),
    "Cache-Control": _header("How long it may be kept.", "no-store"),
}

OF_ALL = ("X-Request-ID", "RateLimit", "RateLimit-Policy")
"""What every answer may have."""

# --- parameters ----------------------------------------------------------------------------------


# A required one has an example. The others have none: the page would send it with every request.


def _parameter(where: str, name: str, description: str, schema: Part, example: Any = None) -> Part:
    part: Part = {"name": name, "in": where, "description": description, "schema": schema}
    if where == "path":
        part["required"] = True
    return part if example is None else {**part, "example": example}


def _cursor(schema: Part) -> Part:
    return _parameter("query", "cursor", "Where to go on: the `next` of the page before.", schema)


_KEY = r'^([!#-~]([ -~]{0,253}[!-~])?|"([ !#-\[\]-~]|\\["\\]){1,255}")$'
_EVENT_ID = {**TEXT, "pattern": wire.EVENT_ID_PATTERN}
_ORDER_ID = {**TEXT, "pattern": wire.ORDER_ID_PATTERN}
_CUSTOMER = {**TEXT, "minLength": 1, "maxLength": TEXT_MAX, "pattern": wire.NO_NUL}
_KEY_ID = {**TEXT, "pattern": wire.API_KEY_ID_PATTERN}
_VERSION = {"type": "integer", "minimum": 0, "maximum": 10**18 - 1}

PARAMETERS: dict[str, Part] = {
    "idempotencyKey": _parameter(
        "header",
        "Idempotency-Key",
        "A text of your own making, 1 to 255 printable ASCII characters, quoted or not: for one key there is"
        " one effect, and the same answer for a day, across restarts, refusals too. Answers of 503 and 504"
        " are not kept, so ask again with the same key.",
        {**TEXT, "pattern": _KEY},
    ),
    "ifMatch": _parameter(
        "header",
        "If-Match",
        "Only if the event is at this version: a number in double quotes, or an `ETag`; `*` for any.",
        {**TEXT, "pattern": r'^(\*|"[0-9]{1,18}(-[a-z]+)?")$'},
    ),
    "ifNoneMatch": _parameter(
        "header", "If-None-Match", "The `ETag` of what you have: 304 if there is nothing newer.", TEXT
    ),
    "requestId": _parameter(
        "header",
        "X-Request-ID",
        "What to call this request in the log and in problems: 1 to 64 letters, digits, `.`, `_` and `-`."
        " Anything else is replaced by a new one.",
        TEXT,
    ),
    "traceparent": _parameter(
        "header",
        "traceparent",
        "A trace (W3C Trace Context), whose id the request gets if it has no `X-Request-ID`.",
        TEXT,
    ),
    "eventId": _parameter("path", "eventId", "The event.", _EVENT_ID, "1"),
    "orderId": _parameter(
        "path", "orderId", "The order.", _ORDER_ID, "1-01a21439-cf40-703b-b0ca-c386cb7cf713"
    ),
    "keyId": _parameter(
        "path",
        "keyId",
        "What the key is called by: its part between `bo_` and the second underscore.",
        _KEY_ID,
        "k3v9q0zt1m2x",
    ),
    "code": _parameter("path", "code", "The problem's `code`.", TEXT, "sold_out"),
    "file": _parameter("path", "file", "The file.", TEXT, "icon.svg"),
    "asset": _parameter("path", "file", "The file.", TEXT, "main.js"),
    "ofEvent": _parameter("query", "eventId", "Only this event's.", _EVENT_ID),
    "ofCustomer": _parameter("query", "userId", "Only this customer's.", _CUSTOMER),
    "ofStatus": _parameter(
        "query", "status", "Only those that stand there.", {"enum": [each.value for each in OrderStatus]}
    ),
    "limit": _parameter(
        "query", "limit", "Items on a page.", {"type": "integer", "minimum": 1, "maximum": 500, "default": 50}
    ),
    "eventOrder": _parameter(
        "query",
        "order",
        "Which of them come first. A `cursor` goes on in the order that it is given with.",
        {**TEXT, "enum": ["oldest", "newest"], "default": "oldest"},
    ),
    "afterEvent": _cursor(_EVENT_ID),
    "afterOrder": _cursor(_ORDER_ID),
    "afterKey": _cursor(_KEY_ID),
    "afterVersion": _cursor({**TEXT, "pattern": "^[0-9]{1,18}$"}),
    "after": _parameter(
        "query", "after", "Only what comes after this version; not together with `cursor`.", _VERSION
    ),
    "since": _parameter(
        "query", "since", "The version that you have: only newer ones are sent; 0 for none.", _VERSION
    ),
    "lastEventId": _parameter(
        "header",
        "Last-Event-ID",
        "The `id` of the last event that you have of a stream, which does as `since` does. Browsers send it"
        " by themselves when they come back.",
        TEXT,
    ),
    "handshakeParameter": _parameter(
        "query", "handshake", "What `POST /handshakes` gave, in place of an `Authorization`.", TEXT
    ),
    "watch": _parameter("query", "watch", "Events to watch: up to 100 ids, with commas between.", TEXT),
    "watchOrder": _parameter(
        "query", "watchOrder", "Orders to watch: up to 100 ids, with commas between.", TEXT
    ),
    "verbose": {
        **_parameter("query", "verbose", "Whether to say more; with any value, or without one.", TEXT),
        "allowEmptyValue": True,
    },
}

OF_EVERY_CALL = ("requestId", "traceparent")

# --- who may ask ---------------------------------------------------------------------------------

SECURITY: dict[str, Part] = {
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "bo_<id>_<secret>",
        "description": "An API key, which the operator makes with `boxoffice keys create`. It has one or"
        " more of these scopes, none of which includes another:\n\n"
        "- `read`: look at events and orders\n"
        "- `sell`: book, hold, confirm, extend and cancel, for any customer\n"
        "- `organise`: put events on sale, adjust and close them\n"
        "- `admin`: read the metrics and the events' logs, list and revoke keys\n\n"
        "As long as no key was ever made, a server takes requests without any, on its own machine only.",
    },
    "customerToken": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "JWT",
        "description": "A customer's own token, where the operator has set that up. Its `sub` is the"
        " `userId`. It has the scopes `read` and `sell`, for that customer's orders only; those of others are"
        " 404.",
    },
}
