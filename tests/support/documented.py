"""Whether an answer, or a listener's message, is one that the API documents know.

The tests' servers are held to it for every answer that is seen (`tests/support/server.py`): by its status,
media type, headers, code and members. Stricter than the documents: nothing may have a member that is not
described. Blocks for some 0.5 ms.
"""

import gzip
import json
import re
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote

from jsonschema import Draft7Validator
from openapi_schema_validator import OAS31Validator, oas31_format_checker

from boxoffice.http.reference import asyncapi
from boxoffice.http.reference.openapi import document
from boxoffice.http.reference.openapi_parts import HEADERS
from boxoffice.http.reference.openapi_texts import EVENT_STREAM, NDJSON
from boxoffice.http.reference.problem_types import PROBLEM_TYPES

OF_ALL_PROBLEMS = {"type", "title", "status", "detail", "code", "requestId"}
_AUTHORITY = re.compile(r"[a-z][a-z0-9+.-]*://[^/?#]*", re.IGNORECASE)
"""What stands before the path when a request is made as if by way of a proxy."""

OF_NO_CALL = {"not_found": 404, "method_not_allowed": 405}
"""What is answered where there is no call."""


@cache
def made() -> dict[str, Any]:
    """The document as it is served."""
    read: dict[str, Any] = json.loads(json.dumps(document()))
    return read


@cache
def made_for_listeners() -> dict[str, Any]:
    """The other document, as it is served."""
    read: dict[str, Any] = json.loads(json.dumps(asyncapi.document()))
    return read


def resolved(part: dict[str, Any], whole: dict[str, Any] | None = None) -> dict[str, Any]:
    """What a reference leads to, or the part itself."""
    while "$ref" in part:
        found: Any = made() if whole is None else whole
        for name in part["$ref"].removeprefix("#/").split("/"):
            found = found[name]
        part = found
    return part


def parameters_of(method: str, path: str) -> list[dict[str, Any]]:
    """What a call takes besides its body."""
    return [resolved(part) for part in made()["paths"][path][method]["parameters"]]


@cache
def _closed_components() -> dict[str, Any]:
    return _closed(made()["components"])


def _closed(components: dict[str, Any]) -> dict[str, Any]:
    closed: dict[str, Any] = json.loads(json.dumps(components))
    for schema in closed["schemas"].values():
        if "properties" in schema:
            schema["additionalProperties"] = False
    return closed


@cache
def _paths() -> list[tuple[re.Pattern[str], str]]:
    found = [(re.compile(re.sub(r"\\{\w+\\}", "[^/]+", re.escape(path))), path) for path in made()["paths"]]
    return sorted(found, key=lambda each: "{" in each[1])


def path_of(target: str) -> str | None:
    """The path of the document that a request's target is about. A `#` in it is no more than that: a target
    has no fragment.
    """
    asked = _AUTHORITY.sub("", target).partition("?")[0]
    every = (asked, unquote(asked))
    return next((path for pattern, path in _paths() if any(map(pattern.fullmatch, every))), None)


@cache
def _validator(path: str, method: str, status: str, media: str) -> OAS31Validator:
    answer = resolved(made()["paths"][path][method]["responses"][status])
    schema = {"components": _closed_components(), **answer["content"][media]["schema"]}
    return OAS31Validator(schema, format_checker=oas31_format_checker)


@cache
def _change() -> OAS31Validator:
    schema = {"components": _closed_components(), "$ref": "#/components/schemas/Change"}
    return OAS31Validator(schema, format_checker=oas31_format_checker)


def check(method: str, target: str, status: int, headers: Mapping[str, str], body: bytes) -> None:
    """Fails unless the document says that this may be the answer to such a request."""
    name, path = method.lower(), path_of(target)
    seen = f"{method} {target} is answered {status} {body[:300]!r}"
    operation = made()["paths"][path].get("get" if name == "head" else name) if path else None
    if operation is None:
        assert 400 <= status < 500 or (method, status) == ("OPTIONS", 204), seen  # 204: CORS
        return
    responses = operation["responses"]
    assert str(status) in responses, f"{seen}, but {path} is documented for {', '.join(responses)}"
    answer = resolved(responses[str(status)])
    given = {header.lower(): value for header, value in headers.items()}
    assert "x-request-id" in given, seen
    for header in HEADERS:
        assert header.lower() not in given or header in answer["headers"], (
            f"{seen}, but {header} is not known"
        )
    if given.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    media = given.get("content-type", "").partition(";")[0]
    if not body:
        assert name == "head" or status == 304 or media == NDJSON, seen
        return
    assert media in answer["content"], f"{seen}, but {media} is not documented"
    if media == NDJSON:
        for line in body.splitlines():
            _change().validate(json.loads(line))
    elif media == EVENT_STREAM:
        for event, _, data in streamed(body):
            checked_message(data, event)
    elif media.endswith("json"):
        found = json.loads(body)
        _validator(path or "", "get" if name == "head" else name, str(status), media).validate(found)
        if "problem" in media:
            check_members(found)


def check_members(problem: dict[str, Any]) -> None:
    """Fails unless this problem document has only members that its code is documented with."""
    known = OF_ALL_PROBLEMS | set(PROBLEM_TYPES[problem["code"]].members)
    assert set(problem) <= known, problem


# --- what listeners get --------------------------------------------------------------------------


@cache
def _message(name: str) -> Draft7Validator:
    message = made_for_listeners()["components"]["messages"][name]
    schema = {"components": _closed(made_for_listeners()["components"]), **message["payload"]}
    return Draft7Validator(schema, format_checker=oas31_format_checker)


def checked_message(message: bytes | str, event: str | None = None) -> Any:
    """The message as a value; fails unless the document for listeners knows it. `event`: of a stream, what it
    was called there.
    """
    found = json.loads(message)
    name = "close" if event == "close" else found["type"]
    assert event in (None, name), (event, message)
    assert name in _sent(), message
    _message(name).validate(found)
    if name == "problem":
        check_members(found["problem"])
    return found


@cache
def _sent() -> frozenset[str]:
    """The kinds of messages that the server sends."""
    operations = made_for_listeners()["operations"].values()
    sent = (message for each in operations if each["action"] == "send" for message in each["messages"])
    return frozenset(message["$ref"].rpartition("/")[2] for message in sent)


def streamed(body: bytes) -> list[tuple[str, str | None, str]]:
    """The whole events in what has come of a stream: of each its kind, its id if it has one, and its data."""
    found = []
    for block in body.decode().split("\n\n")[:-1]:
        fields = dict(line.split(": ", 1) for line in block.split("\n") if not line.startswith(":"))
        if "data" in fields:
            found.append((fields["event"], fields.get("id"), fields["data"]))
    return found
