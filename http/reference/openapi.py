"""The API document: OpenAPI 3.1, made from the catalogue of calls, the wire types and the table of problems.

What cannot be read from those stands in the tables beside it: texts, fields, parts and examples. Called once,
when the server starts; whatever is missing in a table is a KeyError then.
"""

from collections.abc import Iterable, Sequence
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from apispec import APISpec

from boxoffice.http.catalogue import CALLS, Call
from boxoffice.http.identity.access import CUSTOMER_SCOPES
from boxoffice.http.problems import RETRY_AFTER_S, STATUS_AND_TITLE
from boxoffice.http.reference import openapi_parts as parts
from boxoffice.http.reference import openapi_texts as texts
from boxoffice.http.reference.openapi_examples import STORY, Step
from boxoffice.http.reference.openapi_schemas import ref, schemas
from boxoffice.http.reference.openapi_texts import EVENT_STREAM, JSON, NDJSON, OPERATIONS, Answer, Operation
from boxoffice.http.reference.problem_types import PROBLEM_TYPES, ProblemBody, example

Part = dict[str, Any]

PROBLEM_MEDIA_TYPE = "application/problem+json"

_ALONE = frozenset(
    ("unauthenticated", "forbidden", "request_timeout", "body_too_large", "unsupported_media_type",
     "expectation_failed", "rate_limited", "internal_error", "outcome_unknown")
)  # fmt: skip
"""Codes that are the only ones of their status in every call that has them: one component for all."""

_AS_TEXT: dict[str, Part] = {
    NDJSON: {**parts.TEXT, "description": "A `Change` on each line."},
    EVENT_STREAM: {
        **parts.TEXT,
        "description": "An event for each message, with its kind, and the message as JSON.",
        "examples": [texts.STREAMED],
    },
}

_KEPT = (404, 409, 412)
"""The statuses of refusals that are given again for the same `Idempotency-Key`."""


def document(calls: Sequence[Call] = CALLS) -> dict[str, Any]:
    """The document. Raises KeyError for a call, a field or a problem that nobody has described."""
    info = {
        "summary": "Books tickets for events that sell out.",
        "description": texts.INTRODUCTION,
        "license": {"name": "MIT", "identifier": "MIT"},
    }
    spec = APISpec(
        "Box office",
        version("boxoffice"),
        "3.1.0",
        info=info,
        servers=[{"url": "/", "description": "The server that this document comes from."}],
        tags=[{"name": name, "description": text} for name, text in texts.TAGS.items()],
    )
    _describe_parts(spec)
    for call in calls:
        spec.path(call.path, operations={call.method.lower(): _operation(call)})
    made: dict[str, Any] = spec.to_dict()
    return made


def _describe_parts(spec: APISpec) -> None:
    components = spec.components
    for name, schema in schemas().items():
        components.schema(name, schema)
    for name, header in parts.HEADERS.items():
        components.header(name, header)
    for name, parameter in parts.PARAMETERS.items():
        components.parameter(name, parameter["in"], parameter)
    for name, scheme in parts.SECURITY.items():
        components.security_scheme(name, scheme)
    for code in PROBLEM_TYPES:
        components.example(code, {"summary": STATUS_AND_TITLE[code][1], "value": example(code)})
    for code in sorted(_ALONE):
        components.response(code, _problems(STATUS_AND_TITLE[code][0], [code]))


def _ref(kind: str, name: str) -> Part:
    return {"$ref": f"#/components/{kind}/{name}"}


# --- a call --------------------------------------------------------------------------------------


def _operation(call: Call) -> Part:
    described = OPERATIONS[call.name]
    steps = [step for step in STORY if step.call == call.name]
    keyed = described.body is not None
    names = (*described.parameters, *(["idempotencyKey"] if keyed else []), *parts.OF_EVERY_CALL)
    operation: Part = {
        "operationId": call.name,
        "tags": [described.tag],
        "summary": described.summary,
        "description": f"{described.description}\n\n{_who_may(call)}",
        "security": _security(call),
        "parameters": list(names),
        "responses": _answers(described, steps) | _refusals(call, keyed),
    }
    if call.scopes:
        operation["x-boxoffice-scope"] = [scope.value for scope in call.scopes]
    if described.body is not None:
        operation["requestBody"] = _body(described.body, steps)
    return operation


def _who_may(call: Call) -> str:
    if not call.scopes:
        return "Anybody may ask."
    scopes = " or ".join(f"`{scope}`" for scope in call.scopes)
    if CUSTOMER_SCOPES.isdisjoint(call.scopes):
        return f"Takes the scope {scopes}."
    return f"Takes the scope {scopes}; customers may with their tokens, for themselves."


def _security(call: Call) -> list[Part]:
    more = OPERATIONS[call.name].more_scope
    if more is not None:
        return [{}, {"apiKey": [more.value]}]
    keys: list[Part] = [{"apiKey": [scope.value]} for scope in call.scopes]
    customers: list[Part] = [] if CUSTOMER_SCOPES.isdisjoint(call.scopes) else [{"customerToken": []}]
    return keys + customers


def _body(body: Any, steps: Iterable[Step]) -> Part:
    examples = {step.name: _example(step, step.body) for step in steps if step.body is not None}
    return {"required": True, "content": {JSON: {"schema": ref(body), "examples": examples}}}


def _example(step: Step, value: Any) -> Part:
    """Part of a step, and what else there is to know of its request."""
    made = {"summary": step.summary, "value": value}
    also = ", ".join(f"`{name}: {text}`" for name, text in step.parameters.items())
    return {**made, "description": f"With {also}."} if also else made


# --- its answers ---------------------------------------------------------------------------------


def _answers(described: Operation, steps: Sequence[Step]) -> Part:
    return {
        str(status): _answer(answer, described, [step for step in steps if step.status == status])
        for status, answer in described.answers.items()
    }


def _answer(answer: Answer, described: Operation, steps: Sequence[Step]) -> Part:
    made: Part = {"description": answer.means, "headers": _headers(answer.headers)}
    examples = {step.name: _example(step, step.answer) for step in steps if step.answer is not None}
    if answer.media:
        made["content"] = {media: _content(answer, media, examples) for media in answer.media}
    if described.links:
        made["links"] = {name: {"operationId": name, **link} for name, link in described.links.items()}
    return made


def _content(answer: Answer, media: str, examples: Part) -> Part:
    """What there is besides JSON is text."""
    if media != JSON or answer.body is None:
        return {"schema": {"type": "object"} if media == JSON else dict(_AS_TEXT.get(media, parts.TEXT))}
    schema = {"schema": ref(answer.body)}
    return {**schema, "examples": examples} if examples else schema


def _headers(names: Iterable[str]) -> Part:
    return {name: _ref("headers", name) for name in (*parts.OF_ALL, *names)}


def codes_of(call: Call) -> set[str]:
    """Of the problems that a call may be answered."""
    codes = {*texts.OF_ALL, *OPERATIONS[call.name].codes}
    codes |= {"forbidden"} if call.scopes else set()
    return codes | (
        {"not_found"} if "{" in call.path else set()
    )  # for what is no part of a path, such as `.`


def _refusals(call: Call, keyed: bool) -> Part:
    codes = codes_of(call)
    by_status: dict[int, list[str]] = {}
    for code, (status, _) in STATUS_AND_TITLE.items():
        if code in codes:
            by_status.setdefault(status, []).append(code)
    return {
        str(status): (
            _ref("responses", of_status[0])
            if len(of_status) == 1 and of_status[0] in _ALONE
            else _problems(status, of_status, keyed=keyed)
        )
        for status, of_status in sorted(by_status.items())
    }


def _problems(status: int, codes: Sequence[str], *, keyed: bool = False) -> Part:
    """The answer of one status, which has one of these codes."""
    means = [f"- [`{code}`](/problems/{code}): {PROBLEM_TYPES[code].means}" for code in codes]
    headers = [
        *(["Retry-After"] if any(code in RETRY_AFTER_S or code == "rate_limited" for code in codes) else []),
        *(["WWW-Authenticate"] if status in (401, 403) else []),
        *(["Upgrade"] if status == HTTPStatus.UPGRADE_REQUIRED else []),
        *(["Idempotent-Replayed"] if keyed and status in _KEPT else []),
    ]
    of_these = {"properties": {"status": {"const": status}, "code": {"enum": list(codes)}}}
    content = {
        "schema": {"allOf": [ref(ProblemBody), of_these]},
        "examples": {code: _ref("examples", code) for code in codes},
    }
    return {
        "description": "\n".join([f"{HTTPStatus(status).phrase}", "", *means]),
        "headers": _headers(headers),
        "content": {PROBLEM_MEDIA_TYPE: content},
    }
