"""The document for listeners: AsyncAPI 3.0, made from the calls that stay open and the types of messages.

It says what goes over the wire once a connection is open. How it is opened, and everything else, is in the
OpenAPI document (`openapi.py`), with which it shares schemas, parameters and texts. Called once, when the
server starts; whatever is missing in a table is a KeyError then.
"""

from collections.abc import Iterable
from importlib.metadata import version
from typing import Any

from boxoffice.http.catalogue import BY_NAME
from boxoffice.http.reference import asyncapi_texts as texts
from boxoffice.http.reference.asyncapi_examples import CLOSED, EXCHANGES, MISTAKE
from boxoffice.http.reference.asyncapi_texts import (
    CHANNELS,
    MESSAGES,
    OPERATIONS,
    SSE,
    Channel,
    Message,
    Operation,
)
from boxoffice.http.reference.openapi_parts import PARAMETERS, SECURITY, TEXT
from boxoffice.http.reference.openapi_schemas import message_schemas, ref
from boxoffice.http.reference.openapi_texts import JSON

Part = dict[str, Any]

_HANDSHAKE: Part = {
    "type": "httpApiKey",
    "in": "query",
    "name": "handshake",
    "description": "For browsers: what `POST /handshakes` gave, good for one connection.",
}
_SECURITY: dict[str, Part] = {**SECURITY, "handshake": _HANDSHAKE}

_AUTHORIZATION: Part = {**TEXT, "description": "`Bearer` and an API key, or a customer's token."}
_ORIGIN: Part = {**TEXT, "description": "Whose page it is. Browsers say so by themselves."}


def document() -> Part:
    """The document. Raises KeyError for a call, a field or a message that nobody has described."""
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Box office, live",
            "version": version("boxoffice"),
            "description": texts.INTRODUCTION,
            "license": {"name": "MIT", "url": "https://spdx.org/licenses/MIT"},
            "tags": [{"name": name, "description": text} for name, text in texts.TAGS.items()],
        },
        "defaultContentType": JSON,
        "servers": {"websocket": _server("ws", "wss"), "stream": _server("http", "https")},
        "channels": {name: _channel(name, channel) for name, channel in CHANNELS.items()},
        "operations": {name: _operation(operation) for name, operation in OPERATIONS.items()},
        "components": {
            "messages": {name: _message(name, message) for name, message in MESSAGES.items()},
            "schemas": message_schemas(),
            "securitySchemes": _SECURITY,
        },
    }


def _ref(*names: str) -> Part:
    return {"$ref": f"#/{'/'.join(names)}"}


def _server(protocol: str, secure: str) -> Part:
    where = {"default": "localhost:3000", "description": "The server that this document comes from."}
    return {
        "host": "{host}",
        "protocol": protocol,
        "description": f"Behind a proxy with a certificate: `{secure}`.",
        "variables": {"host": where},
    }


# --- channels ------------------------------------------------------------------------------------


def _channel(name: str, channel: Channel) -> Part:
    made: Part = {
        "address": BY_NAME[name].path,
        "title": channel.title,
        "summary": channel.summary,
        "description": channel.description,
        "messages": {message: _ref("components", "messages", message) for message in channel.messages},
        "bindings": {
            "ws": {
                "method": BY_NAME[name].method,
                "query": _object(_parameters(channel.query)),
                "headers": _object({"Authorization": _AUTHORIZATION, "Origin": _ORIGIN}),
                "bindingVersion": "0.1.0",
            }
        },
    }
    if channel.path:
        made["parameters"] = {each: _in_path(PARAMETERS[each]) for each in channel.path}
    return made


def _in_path(parameter: Part) -> Part:
    return {"description": parameter["description"], "examples": [parameter["example"]]}


def _parameters(names: Iterable[str]) -> Part:
    """Parameters of the other document, by their names on the wire, as the fields of an object."""
    parts = [PARAMETERS[name] for name in names]
    return {part["name"]: {**part["schema"], "description": part["description"]} for part in parts}


def _object(fields: Part) -> Part:
    return {"type": "object", "properties": fields}


# --- operations ----------------------------------------------------------------------------------


def _operation(operation: Operation) -> Part:
    name = operation.channel
    made: Part = {
        "action": operation.action,
        "channel": _ref("channels", name),
        "title": operation.title,
        "summary": operation.summary,
        "tags": [{"name": operation.transport}],
        "security": [_ref("components", "securitySchemes", scheme) for scheme in _SECURITY],
        "messages": _messages(name, operation.messages),
        "x-boxoffice-scope": [scope.value for scope in BY_NAME[name].scopes],
    }
    if operation.answered:
        made["reply"] = {"channel": _ref("channels", name), "messages": _messages(name, operation.answered)}
    if operation.transport == SSE:
        query = _object(_parameters(CHANNELS[name].query))
        made["bindings"] = {
            "http": {"method": BY_NAME[name].method, "query": query, "bindingVersion": "0.3.0"}
        }
    return made


def _messages(channel: str, names: Iterable[str]) -> list[Part]:
    return [_ref("channels", channel, "messages", name) for name in names]


# --- messages ------------------------------------------------------------------------------------


def _message(name: str, message: Message) -> Part:
    made: Part = {"name": name, "title": message.title, "summary": message.summary}
    if message.description:
        made["description"] = message.description
    return {**made, "payload": ref(message.body), "examples": _examples(name)}


def _examples(name: str) -> list[Part]:
    """Those of a kind of message: what it is that stands in its `type`, if it has one."""
    if name == "watch":
        return [_example(each.name, each.summary, each.asked) for each in EXCHANGES]
    told = [told for exchange in (*EXCHANGES, MISTAKE) for told in exchange.told]
    return [
        _example(each.name, each.summary, each.payload)
        for each in (*told, CLOSED)
        if each.payload.get("type", "close") == name
    ]


def _example(name: str, summary: str, payload: Part) -> Part:
    return {"name": name, "summary": summary, "payload": payload}
