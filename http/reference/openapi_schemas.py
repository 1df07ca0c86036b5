"""The schemas of the API documents: of everything that goes over the wire, made from its types.

The types are those that the server reads and writes, so what is documented is that. Only what they cannot say
is added here. OpenAPI has the bodies, AsyncAPI the listeners' messages. Called once, when the server starts.
"""

import json
import re
from typing import Any, get_args

import msgspec
from msgspec import UNSET

from boxoffice.http import wire
from boxoffice.http.live import messages
from boxoffice.http.reference import problem_types
from boxoffice.http.reference.openapi_fields import FIELDS

Schema = dict[str, Any]

COMMANDS: tuple[type[wire.Body], ...] = (
    wire.InitializeBody,
    wire.BookBody,
    wire.HoldBody,
    wire.ConfirmBody,
    wire.ExtendBody,
    wire.CancelBody,
    wire.AdjustBody,
    wire.CloseBody,
)
ANSWERS: tuple[Any, ...] = (
    wire.EventBody,
    wire.AdjustedBody,
    wire.OrderBody,
    wire.CancelledBody,
    wire.PromotedBody,
    wire.ResultsBody,
    wire.ResultBody,
    wire.ChangeBody,
    wire.ApiKeyBody,
    wire.LiveBody,
    wire.ReadyBody,
    wire.QuarantineBody,
    messages.HandshakeBody,
    wire.ListBody[wire.EventBody],
    wire.ListBody[wire.OrderBody],
    wire.ListBody[wire.ChangeBody],
    wire.ListBody[wire.ApiKeyBody],
    problem_types.ProblemBody,
    problem_types.ProblemTypeBody,
    problem_types.ProblemTypesBody,
)

SENT: tuple[Any, ...] = (
    messages.StatusMessage,
    messages.OrderMessage,
    messages.ProblemMessage,
    messages.CloseNotice,
)
"""What listeners are sent; `WatchBody` is what they send."""

_IN_SENT: tuple[Any, ...] = (problem_types.ProblemBody, wire.QuarantineBody)

_AT = "#/components/schemas/"
_OF_A_LIST = re.compile(r"\bListBody_(\w+)Body_")
_OF_A_BODY = re.compile(r"\b(\w+)Body(?=\")")

_OUTCOMES = (
    wire.EventBody,
    wire.AdjustedBody,
    wire.OrderBody,
    wire.CancelledBody,
    problem_types.ProblemBody,
)


def name_of(body: Any) -> str:
    """What the schema of a type is called: `Order`, `OrderList`."""
    if items := get_args(body):
        return f"{name_of(items[0])}List"
    name: str = body.__name__
    return name.removesuffix("Body")


def ref(body: Any) -> Schema:
    """A reference to the schema of a type."""
    return {"$ref": f"{_AT}{name_of(body)}"}


def schemas() -> dict[str, Schema]:
    """Those of OpenAPI, by name: of commands and answers."""
    named = _described(*COMMANDS, wire.BatchBody, *ANSWERS)
    for command in COMMANDS:
        _asked(named[name_of(command)])
    for answer in ANSWERS:
        _answered(answer, named[name_of(answer)])
    _either_or(named["Cancel"])
    named["Batch"]["properties"]["commands"]["items"] = _any_command()
    named["Result"]["properties"]["body"] |= {"anyOf": [ref(each) for each in _OUTCOMES]}
    return {**named, **{f"{name_of(each)}Command": _in_a_batch(each) for each in COMMANDS}}


def message_schemas() -> dict[str, Schema]:
    """Those of AsyncAPI, by name: of what listeners are sent, and of what they send."""
    named = _described(messages.WatchBody, *SENT)
    _asked(named["Watch"])
    for message in (*SENT, *_IN_SENT):
        _answered(message, named[name_of(message)])
    return named


def _described(*types: Any) -> dict[str, Schema]:
    """The schemas of these types, and of what they are made of, with a text for each field."""
    _, made = msgspec.json.schema_components(types, ref_template=f"{_AT}{{name}}")
    text = _OF_A_LIST.sub(r"\1List", json.dumps(made))
    named: dict[str, Schema] = json.loads(_OF_A_BODY.sub(r"\1", text))
    for name, schema in named.items():
        schema["title"] = name
        schema["description"] = " ".join(schema["description"].split())
        for field, of_field in schema.get("properties", {}).items():
            of_field["description"] = FIELDS.get(f"{name}.{field}") or FIELDS[field]
    return named


def _asked(schema: Schema) -> None:
    """By itself, a command need not say which one it is."""
    schema["required"] = [name for name in schema.get("required", []) if name != "do"]
    if not schema["required"]:
        del schema["required"]


def _answered(answer: Any, schema: Schema) -> None:
    """What is not UNSET is always there: the types' other defaults are for making them only."""
    absent = {field.encode_name for field in msgspec.structs.fields(answer) if field.default is UNSET}
    schema["required"] = [name for name in schema["properties"] if name not in absent]
    for of_field in schema["properties"].values():
        of_field.pop("default", None)


def _either_or(cancel: Schema) -> None:
    cancel["oneOf"] = [
        {
            "title": "An order",
            "required": ["orderId"],
            "not": {"anyOf": [{"required": ["eventId"]}, {"required": ["userId"]}]},
        },
        {
            "title": "A customer's only order",
            "required": ["eventId", "userId"],
            "not": {"required": ["orderId"]},
        },
    ]


def _any_command() -> Schema:
    refs = {do_of(each): f"{_AT}{name_of(each)}Command" for each in COMMANDS}
    return {
        "oneOf": [{"$ref": each} for each in refs.values()],
        "discriminator": {"propertyName": "do", "mapping": refs},
    }


def do_of(command: type[wire.Body]) -> str:
    """What a command is called in a batch."""
    return str(command.__struct_config__.tag)


def _in_a_batch(command: type[wire.Body]) -> Schema:
    return {
        "title": f"{name_of(command)}Command",
        "description": f"`{do_of(command)}`, in a batch.",
        "allOf": [ref(command), {"required": ["do"]}],
    }
