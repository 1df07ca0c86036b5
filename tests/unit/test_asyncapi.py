"""The document for listeners is AsyncAPI, and says what the server tells and hears: all of it, no more."""

import json
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft7Validator, ValidationError
from openapi_schema_validator import oas31_format_checker

from boxoffice.http import wire
from boxoffice.http.catalogue import BY_NAME
from boxoffice.http.identity.access import LISTENING
from boxoffice.http.live import listener, messages
from boxoffice.http.reference.asyncapi_examples import EXCHANGES, MISTAKE
from boxoffice.http.reference.asyncapi_texts import (
    CHANNELS,
    CLOSE_CODES,
    MESSAGES,
    OPERATIONS,
    SSE,
    TAGS,
    TOO_LARGE,
    WEBSOCKET,
)
from boxoffice.http.reference.openapi_examples import STORY
from tests.support import documented
from tests.support.documented import checked_message, made_for_listeners

OFFICIAL = Path(__file__).resolve().parents[1] / "support/asyncapi/3.0.0.json"
OF_CALLS = {messages.HandshakeBody}
"""What a call answers is in the other document."""


@cache
def official() -> Draft7Validator:
    """AsyncAPI's own schema of such documents."""
    return Draft7Validator(json.loads(OFFICIAL.read_text()), format_checker=oas31_format_checker)


def made() -> dict[str, Any]:
    """A copy of the document, to be changed."""
    copied: dict[str, Any] = json.loads(json.dumps(made_for_listeners()))
    return copied


def resolved(part: dict[str, Any]) -> dict[str, Any]:
    return documented.resolved(part, made_for_listeners())


def valid(value: Any, schema: dict[str, Any]) -> bool:
    whole = {"components": made_for_listeners()["components"], **schema}
    return bool(Draft7Validator(whole, format_checker=oas31_format_checker).is_valid(value))


# --- the whole -----------------------------------------------------------------------------------


def test_it_is_asyncapi_3_0() -> None:
    official().validate(made())
    assert made()["asyncapi"] == "3.0.0"


@pytest.mark.parametrize(
    ("at", "value"),
    [
        (("info", "version"), None),
        (("channels", "live", "adress"), "/live"),
        (("channels", "live", "bindings", "ws", "method"), "PUT"),
        (("channels", "liveStatus", "parameters", "eventId", "schema"), {"type": "string"}),
        (("operations", "sendNews", "action"), "publish"),
        (("operations", "sendNews", "channel"), "live"),
        (("operations", "streamNews", "bindings", "http", "bindingVersion"), "0.9.0"),
        (("components", "messages", "status", "payload"), {"type": "status"}),
        (("components", "messages", "status", "examples"), [{"value": {}}]),
        (("components", "securitySchemes", "handshake", "in"), "path"),
        (("servers", "websocket", "url"), "ws://localhost:3000"),
    ],
)
def test_what_is_no_asyncapi_would_be_noticed(at: tuple[str, ...], value: object) -> None:
    spoilt = made()
    part = spoilt
    for name in at[:-1]:
        part = part[name]
    part[at[-1]] = value
    assert not official().is_valid(spoilt)


def references(part: Any) -> Iterator[str]:
    match part:
        case {"$ref": str(reference)}:
            yield reference
        case dict():
            for each in part.values():
                yield from references(each)
        case list():
            for each in part:
                yield from references(each)


def test_every_reference_leads_somewhere_and_every_component_is_used() -> None:
    used = set(references(made()))
    for reference in used:
        assert resolved({"$ref": reference}), reference
    for kind, components in made()["components"].items():
        assert {f"#/components/{kind}/{name}" for name in components} <= used


def test_it_names_no_machine() -> None:
    for server in made()["servers"].values():
        assert server["host"] == "{host}"
        assert server["variables"]["host"]["default"] == "localhost:3000"


# --- nothing is missing, and nothing more is there -----------------------------------------------


def test_every_call_that_stays_open_is_a_channel() -> None:
    assert {name: each["address"] for name, each in made()["channels"].items()} == {
        call.name: call.path for call in LISTENING
    }
    for name, channel in made()["channels"].items():
        in_path = {part[1:-1] for part in BY_NAME[name].path.split("/") if part.startswith("{")}
        assert set(channel.get("parameters", {})) == in_path


@pytest.mark.parametrize("name", CHANNELS)
def test_a_channel_takes_what_the_other_document_says_that_the_call_takes(name: str) -> None:
    parts = documented.parameters_of("get", BY_NAME[name].path)
    in_query = {part["name"] for part in parts if part["in"] == "query"}
    channel = made()["channels"][name]
    queries = [channel["bindings"]["ws"]["query"]]
    queries += [
        operation["bindings"]["http"]["query"]
        for operation in made()["operations"].values()
        if operation["channel"] == {"$ref": f"#/channels/{name}"} and "bindings" in operation
    ]
    assert [set(query["properties"]) for query in queries] == [in_query] * 2


def test_every_type_of_message_is_documented_and_no_other() -> None:
    types = {
        each
        for each in vars(messages).values()
        if isinstance(each, type) and issubclass(each, wire.Body) and each.__module__ == messages.__name__
    }
    assert {message.body for message in MESSAGES.values()} == types - OF_CALLS
    for name, message in MESSAGES.items():
        tag = message.body.__struct_config__.tag
        assert tag in (None, name)
        schema = resolved(made()["components"]["messages"][name]["payload"])
        assert set(schema["properties"]) == {
            *message.body.__struct_encode_fields__,
            *([] if tag is None else ["type"]),
        }


def test_what_may_be_absent_is_not_required() -> None:
    schemas = made()["components"]["schemas"]
    for name, absent in {
        "StatusMessage": set[str](),
        "OrderMessage": {"position", "expiresAt"},
        "ProblemMessage": {"eventId", "orderId"},
        "CloseNotice": set(),
    }.items():
        assert set(schemas[name]["properties"]) - set(schemas[name]["required"]) == absent
    assert "required" not in schemas["Watch"]
    assert schemas["Watch"]["additionalProperties"] is False


def test_everything_says_what_it_is() -> None:
    document = made()
    for kind in ("channels", "operations"):
        for part in document[kind].values():
            assert part["title"]
            assert part["summary"]
    for message in document["components"]["messages"].values():
        assert message["title"]
        assert message["summary"]
    for schema in document["components"]["schemas"].values():
        assert schema["description"]
        assert all(field["description"] for field in schema.get("properties", {}).values())


def test_every_message_of_a_channel_is_sent_or_received_there() -> None:
    by_channel: dict[str, set[str]] = {name: set() for name in CHANNELS}
    for operation in OPERATIONS.values():
        by_channel[operation.channel] |= {*operation.messages, *operation.answered}
        assert operation.transport in TAGS
        assert ("close" in operation.messages) == (operation.transport == SSE)
        assert (operation.action == "receive") == (operation.messages == ("watch",))
    assert by_channel == {name: set(channel.messages) for name, channel in CHANNELS.items()}
    assert {(each.channel, each.transport) for each in OPERATIONS.values()} == {
        (name, transport) for name in CHANNELS for transport in (WEBSOCKET, SSE)
    }


def test_who_may_is_said() -> None:
    schemes = {f"#/components/securitySchemes/{name}" for name in ("apiKey", "customerToken", "handshake")}
    for name, operation in made()["operations"].items():
        assert {each["$ref"] for each in operation["security"]} == schemes
        scopes = [scope.value for scope in BY_NAME[OPERATIONS[name].channel].scopes]
        assert operation["x-boxoffice-scope"] == scopes


def test_every_close_code_is_explained() -> None:
    ours = {each for each in vars(listener).values() if isinstance(each, int) and 1000 <= each < 5000}
    assert listener.GOING_AWAY in ours
    assert set(CLOSE_CODES) == ours | {TOO_LARGE}
    for code, means in CLOSE_CODES.items():
        assert f"| {code} | {means} |" in made()["info"]["description"]


# --- examples ------------------------------------------------------------------------------------


def test_every_message_has_examples_and_they_are_valid() -> None:
    for name, message in made()["components"]["messages"].items():
        assert message["examples"], name
        names = [each["name"] for each in message["examples"]]
        assert len(names) == len(set(names))
        for each in message["examples"]:
            assert each["summary"]
            assert valid(each["payload"], message["payload"]), each
            if name != "watch":
                checked_message(json.dumps(each["payload"]), "close" if name == "close" else None)


def test_what_listeners_ask_in_the_story_is_read_but_for_one() -> None:
    for exchange in EXCHANGES:
        messages.WATCH.read(json.dumps(exchange.asked).encode())
    watch = made()["components"]["messages"]["watch"]
    assert not valid(MISTAKE.asked, watch["payload"])
    steps = {(step.call, step.name) for step in STORY}
    assert {exchange.after for exchange in (*EXCHANGES, MISTAKE)} <= steps
    asked = {name for exchange in EXCHANGES for name in exchange.asked}
    assert asked == set(messages.WatchBody.__struct_encode_fields__)


# --- the check of real messages ------------------------------------------------------------------

STATUS = next(told.payload for exchange in EXCHANGES for told in exchange.told if told.name == "soldOut")
PROBLEM = next(told.payload for told in MISTAKE.told)


@pytest.mark.parametrize(
    ("message", "event"),
    [
        ({**STATUS, "more": 1}, None),
        ({name: value for name, value in STATUS.items() if name != "version"}, None),
        ({**STATUS, "availableTickets": -1}, None),
        ({**STATUS, "closedAt": "yesterday"}, None),
        ({**STATUS, "type": "order"}, None),
        (STATUS, "order"),
        ({**STATUS, "type": "news"}, None),
        ({"watch": ["1"], "type": "watch"}, None),
        ({"code": 1001}, "close"),
        ({**PROBLEM, "problem": {**PROBLEM["problem"], "maximum": 3}}, None),
    ],
)
def test_a_message_that_is_not_documented_would_be_noticed(message: Any, event: str | None) -> None:
    with pytest.raises((AssertionError, ValidationError)):
        checked_message(json.dumps(message), event)
