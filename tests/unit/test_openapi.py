"""The API document says what the server does: nothing is missing, and nothing is there that is not."""

from typing import Any

import msgspec
import pytest
from openapi_schema_validator import OAS31Validator, oas31_format_checker
from openapi_spec_validator import validate

from boxoffice.actors.principals import Scope
from boxoffice.http import wire
from boxoffice.http.catalogue import BY_NAME, CALLS, Call
from boxoffice.http.commands import COMMANDS
from boxoffice.http.problems import RETRY_AFTER_S, STATUS_AND_TITLE
from boxoffice.http.reference import openapi_parts
from boxoffice.http.reference.openapi import codes_of, document
from boxoffice.http.reference.openapi_examples import STORY
from boxoffice.http.reference.openapi_fields import FIELDS
from boxoffice.http.reference.openapi_schemas import do_of
from boxoffice.http.reference.openapi_texts import OPERATIONS, TAGS
from boxoffice.http.reference.problem_types import PROBLEM_TYPES, example
from tests.support.documented import made, made_for_listeners, parameters_of, resolved

OPERATIONS_MADE = [
    (path, method, operation)
    for path, operations in made()["paths"].items()
    for method, operation in operations.items()
]
each_operation = pytest.mark.parametrize(
    ("path", "method", "operation"),
    OPERATIONS_MADE,
    ids=[each["operationId"] for *_, each in OPERATIONS_MADE],
)
SCHEMAS = made()["components"]["schemas"]


def valid(value: Any, schema: dict[str, Any]) -> bool:
    whole = {"components": made()["components"], **schema}
    return bool(OAS31Validator(whole, format_checker=oas31_format_checker).is_valid(value))


# --- the whole -----------------------------------------------------------------------------------


def test_it_is_openapi_3_1() -> None:
    assert made()["openapi"] == "3.1.0"
    validate(made())


def test_every_call_is_documented_and_every_operation_is_a_call() -> None:
    documented = {
        (operation["operationId"], method.upper(), path) for path, method, operation in OPERATIONS_MADE
    }
    assert documented == {(call.name, call.method, call.path) for call in CALLS}


def test_every_text_is_of_a_call() -> None:
    assert set(OPERATIONS) == set(BY_NAME)
    assert {operation.tag for operation in OPERATIONS.values()} == set(TAGS)


def test_a_call_that_nobody_has_described_is_refused() -> None:
    with pytest.raises(KeyError, match="new"):
        document([*CALLS, Call("new", "GET", "/new")])


@each_operation
def test_every_operation_says_what_it_is(path: str, method: str, operation: dict[str, Any]) -> None:
    assert operation["summary"]
    assert operation["description"]
    for part in parameters_of(method, path):
        assert part["description"], part
    for status, response in operation["responses"].items():
        assert resolved(response)["description"], status


@each_operation
def test_every_parameter_of_a_path_is_documented(path: str, method: str, operation: dict[str, Any]) -> None:
    in_path = {part["name"] for part in parameters_of(method, path) if part["in"] == "path"}
    assert in_path == {part[1:-1] for part in path.split("/") if part.startswith("{")}


def test_all_headers_and_parameters_are_used() -> None:
    text = (
        msgspec.json.encode(made()["paths"]).decode()
        + msgspec.json.encode(made()["components"]["responses"]).decode()
    )
    for name in openapi_parts.HEADERS:
        assert f"#/components/headers/{name}" in text
    for name in openapi_parts.PARAMETERS:
        assert f"#/components/parameters/{name}" in text


# --- who may -------------------------------------------------------------------------------------


@each_operation
def test_every_operation_names_the_scopes_it_takes(path: str, method: str, operation: dict[str, Any]) -> None:
    scopes = [scope.value for scope in BY_NAME[operation["operationId"]].scopes]
    assert operation.get("x-boxoffice-scope", []) == scopes
    if {} in operation["security"]:
        assert operation["operationId"] == "readyz"
        return
    assert [each["apiKey"][0] for each in operation["security"] if "apiKey" in each] == scopes
    for scope in scopes:
        assert f"`{scope}`" in operation["description"]
    for_customers = {"customerToken": []} in operation["security"]
    assert for_customers == bool({"read", "sell"} & set(scopes))
    assert ("403" in operation["responses"]) == bool(scopes)
    assert "401" in operation["responses"]


def test_every_scope_is_explained() -> None:
    assert all(f"`{scope.value}`" in openapi_parts.SECURITY["apiKey"]["description"] for scope in Scope)


# --- bodies --------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["initialize", "batch", *COMMANDS])
def test_bodies_are_closed_and_every_post_has_one(name: str) -> None:
    operation = made()["paths"][f"/{name}"]["post"]
    schema = resolved(operation["requestBody"]["content"]["application/json"]["schema"])
    assert schema["additionalProperties"] is False
    assert "Idempotency-Key" in {part["name"] for part in parameters_of("post", f"/{name}")}


def test_every_command_is_documented_for_a_batch_with_its_name() -> None:
    commands = SCHEMAS["Batch"]["properties"]["commands"]["items"]
    assert set(commands["discriminator"]["mapping"]) == {"initialize", *COMMANDS}
    for body in (wire.BookBody, wire.CloseBody, wire.InitializeBody):
        assert not valid({"eventId": "1", "userId": "a", "eventName": "a"}, commands)
        assert do_of(body) in commands["discriminator"]["mapping"]
    assert valid({"do": "book", "eventId": 1, "userId": "a"}, commands)
    assert not valid({"eventId": 1, "userId": "a"}, commands)
    assert not valid({"eventName": "a", "totalTickets": 1}, commands)


@pytest.mark.parametrize(
    ("body", "right"),
    [
        ({"orderId": "1-x"}, True),
        ({"orderId": 7, "quantity": None}, True),
        ({"eventId": "1", "userId": 7, "quantity": 2}, True),
        ({}, False),
        ({"eventId": "1"}, False),
        ({"userId": "a"}, False),
        ({"orderId": "1-x", "eventId": "1"}, False),
        ({"orderId": "1-x", "eventId": "1", "userId": "a"}, False),
        ({"orderId": ""}, False),
        ({"orderId": "\0"}, False),
        ({"orderId": "1-x", "quantity": 0}, False),
        ({"orderId": "1-x", "more": 1}, False),
        ({"orderId": "1-x", "do": "cancel"}, True),
        ({"orderId": "1-x", "do": "book"}, False),
    ],
)
def test_a_cancellation_is_of_an_order_or_of_a_customer(body: Any, right: bool) -> None:
    assert valid(body, SCHEMAS["Cancel"]) == right


def test_fields_that_may_be_absent_are_not_null() -> None:
    order = SCHEMAS["Order"]
    assert set(order["properties"]) - set(order["required"]) == {"position", "expiresAt"}
    assert order["properties"]["position"]["type"] == "integer"
    assert order["properties"]["expiresAt"] | {"description": ""} == {
        "type": "string", "format": "date-time", "description": "",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("status", ["confirmed", "held", "offered", "waitlisted", "cancelled", "expired"]),
        ("state", ["scheduled", "open", "closed"]),
        ("waitlistMode", ["book", "offer"]),
    ],
)
def test_what_has_few_values_lists_them(field: str, values: list[str]) -> None:
    of = SCHEMAS["Order" if field == "status" else "Event"]["properties"][field]
    assert of["enum"] == values


def test_every_field_is_described_and_every_description_is_of_a_field() -> None:
    used = set()
    of_messages = made_for_listeners()["components"]["schemas"]
    for name, schema in {**of_messages, **SCHEMAS}.items():
        for field, of in schema.get("properties", {}).items():
            assert of["description"], (name, field)
            used.add(f"{name}.{field}" if f"{name}.{field}" in FIELDS else field)
    assert used == set(FIELDS)


# --- problems ------------------------------------------------------------------------------------


def test_every_problem_has_a_type_and_every_type_is_of_a_problem() -> None:
    assert set(PROBLEM_TYPES) == set(STATUS_AND_TITLE)
    assert SCHEMAS["Problem"]["properties"]["code"]["enum"] == list(STATUS_AND_TITLE)


@pytest.mark.parametrize("code", STATUS_AND_TITLE)
def test_every_problem_has_an_example_and_a_call_that_it_may_answer(code: str) -> None:
    assert valid(example(code), SCHEMAS["Problem"])
    assert made()["components"]["examples"][code]["value"] == example(code)
    calls = [call for call in CALLS if code in codes_of(call)]
    assert calls or code == "method_not_allowed"
    of = PROBLEM_TYPES[code]
    assert of.changed == ("unknown" if code in ("outcome_unknown", "internal_error") else "nothing")
    assert ("Retry-After" in of.retry.value) == (code in RETRY_AFTER_S or code == "rate_limited")


@each_operation
def test_every_refusal_names_its_codes(path: str, method: str, operation: dict[str, Any]) -> None:
    named = set()
    for status, response in operation["responses"].items():
        content = resolved(response).get("content", {}).get("application/problem+json")
        if content is None:
            assert int(status) < 400
            continue
        of_these = content["schema"]["allOf"][1]["properties"]
        assert of_these["status"]["const"] == int(status)
        for code in of_these["code"]["enum"]:
            assert STATUS_AND_TITLE[code][0] == int(status)
            assert valid(example(code), content["schema"])
            named.add(code)
        assert ("Retry-After" in resolved(response)["headers"]) == any(
            code in RETRY_AFTER_S or code == "rate_limited" for code in of_these["code"]["enum"]
        )
    assert named == codes_of(BY_NAME[operation["operationId"]])


# --- examples ------------------------------------------------------------------------------------


def test_every_example_of_a_request_or_an_answer_is_a_step_of_the_story() -> None:
    requests, answers = {}, {}
    for _, _, operation in OPERATIONS_MADE:
        body = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
        for name, each in body.get("examples", {}).items():
            requests[operation["operationId"], name] = each["value"]
        for status, response in operation["responses"].items():
            examples = resolved(response).get("content", {}).get("application/json", {}).get("examples", {})
            for name, each in examples.items():
                answers[operation["operationId"], name] = int(status), each["value"]
    assert len({(step.call, step.name) for step in STORY}) == len(STORY)
    assert requests == {(step.call, step.name): step.body for step in STORY if step.body is not None}
    assert answers == {
        (step.call, step.name): (step.status, step.answer) for step in STORY if step.answer is not None
    }


def test_every_call_with_a_body_has_examples_and_they_are_valid_but_one() -> None:
    for name in ("initialize", "batch", *COMMANDS):
        operation = made()["paths"][f"/{name}"]["post"]
        content = operation["requestBody"]["content"]["application/json"]
        for example_name, each in content["examples"].items():
            wrong = (name, example_name) in {("book", "invalid"), ("batch", "three")}
            assert valid(each["value"], content["schema"]) != wrong, (name, example_name)
        for step in STORY:
            if step.call == name and step.answer is not None:
                answered = operation["responses"][str(step.status)]["content"]["application/json"]
                assert valid(step.answer, answered["schema"]), step
