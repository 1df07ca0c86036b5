"""The client's types are the server's: field by field, word by word, and a class for every way of saying no.

The client knows nothing of the server's sources; this is what keeps the two from drifting apart.
"""

import typing
from datetime import datetime
from enum import Enum
from types import NoneType, UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec
import pytest
from msgspec import UNSET, UnsetType

from boxoffice import client
from boxoffice.actors import principals, values
from boxoffice.actors.changes import Change
from boxoffice.client import commands, problems, types
from boxoffice.client.lists import Page
from boxoffice.http import wire
from boxoffice.http.catalogue import CALLS
from boxoffice.http.commands import ANY_COMMAND, COMMANDS
from boxoffice.http.problems import RETRY_AFTER_S, STATUS_AND_TITLE, FieldError

RESULTS = [
    (types.Event, wire.EventBody),
    (types.Promoted, wire.PromotedBody),
    (types.Adjusted, wire.AdjustedBody),
    (types.Order, wire.OrderBody),
    (types.Cancelled, wire.CancelledBody),
    (types.Change, wire.ChangeBody),
    (types.ApiKey, wire.ApiKeyBody),
    (types.Quarantine, wire.QuarantineBody),
    (types.Ready, wire.ReadyBody),
]
OF_TIME = {"at", "sales_open_at", "sales_close_at", "closed_at", "created_at", "expires_at", "revoked_at"}
OF_WORDS = {
    ("status", "Order"): types.OrderStatus,
    ("status", "Cancelled"): types.OrderStatus,
    ("status", "Promoted"): types.OrderStatus,
    ("state", "Event"): types.SaleState,
    ("state", "Adjusted"): types.SaleState,
    ("waitlist_mode", "Event"): types.WaitlistMode,
    ("waitlist_mode", "Adjusted"): types.WaitlistMode,
    ("waitlist_mode", "Change"): types.WaitlistMode,
    ("type", "Change"): types.ChangeType,
}
PARTS = {wire.PromotedBody: types.Promoted, wire.QuarantineBody: types.Quarantine}


def kinds(hint: Any) -> set[Any]:
    """What a field may be: without its bounds, a list like a tuple, and what need not be there like None."""
    if get_origin(hint) is typing.Annotated:
        return kinds(get_args(hint)[0])
    if get_origin(hint) in (Union, UnionType):
        return {kind for each in get_args(hint) for kind in kinds(each)}
    if get_origin(hint) in (list, tuple):
        part = get_args(hint)[0]
        return {(PARTS.get(part, part),)}
    return {NoneType if hint is UnsetType else hint}


def expected(kind: type[msgspec.Struct], name: str, hint: Any) -> set[Any]:
    """What the client's field should be where the server's is this one."""
    wanted = kinds(hint)
    text: Any = OF_WORDS.get((name, kind.__name__), datetime if name in OF_TIME else str)
    if (types.Promoted,) in wanted:
        wanted -= {NoneType}  # a list that is not there is empty
    if (name, kind) == ("scopes", types.ApiKey):
        wanted = {(types.Scope,)}
    return {text if each is str else each for each in wanted}


def fields(kind: type[msgspec.Struct]) -> dict[str, Any]:
    """The fields and their types."""
    hints = get_type_hints(kind, include_extras=True)
    return {name: hints[name] for name in kind.__struct_fields__}


@pytest.mark.parametrize(("ours", "theirs"), RESULTS, ids=lambda each: each.__name__)
def test_what_the_client_reads_is_what_the_server_writes(
    ours: type[msgspec.Struct], theirs: type[msgspec.Struct]
) -> None:
    assert ours.__struct_encode_fields__ is not None
    assert dict(zip(ours.__struct_fields__, ours.__struct_encode_fields__, strict=True)) == dict(
        zip(theirs.__struct_fields__, theirs.__struct_encode_fields__, strict=True)
    )
    for name, hint in fields(theirs).items():
        assert kinds(fields(ours)[name]) == expected(ours, name, hint), name
    needed = {each.name for each in msgspec.structs.fields(theirs) if each.required}
    assert {each.name for each in msgspec.structs.fields(ours) if each.required} == needed


def test_every_body_of_the_server_is_compared() -> None:
    known = {theirs for _, theirs in RESULTS} | {wire.ListBody, wire.ResultBody, wire.ResultsBody}
    asked = {*each_command(), wire.BatchBody, wire.Body, wire.TermsFields}
    every = {each for each in vars(wire).values() if isinstance(each, type) and issubclass(each, wire.Body)}
    assert every - known - asked - {wire._Asked, wire.LiveBody} == set()
    assert Page.__struct_fields__ == wire.ListBody.__struct_fields__


def each_command() -> dict[type[msgspec.Struct], type[commands.Command[Any]]]:
    """The server's bodies, and the client's commands of the same name."""
    bodies = (wire.InitializeBody, *get_args(wire.CommandBody))
    return {body: getattr(commands, body.__name__.removesuffix("Body")) for body in bodies}


@pytest.mark.parametrize(("theirs", "ours"), each_command().items(), ids=lambda each: each.__name__)
def test_what_the_client_sends_is_what_the_server_reads(
    ours: type[msgspec.Struct], theirs: type[msgspec.Struct]
) -> None:
    assert set(ours.__struct_encode_fields__) == set(theirs.__struct_encode_fields__)
    assert ours.__struct_config__.tag == theirs.__struct_config__.tag
    assert ours.__struct_config__.tag_field == theirs.__struct_config__.tag_field
    defaults = {each.name: each.default for each in msgspec.structs.fields(theirs)}
    assert {each.name: each.default for each in msgspec.structs.fields(ours)} == defaults
    for name, hint in fields(theirs).items():
        wanted = {types.WaitlistMode if each is values.WaitlistMode else each for each in kinds(hint)}
        wanted -= {int} if name == "order_id" else set()  # it never is one
        assert kinds(fields(ours)[name]) == wanted, name


def test_the_terms_are_the_same_in_a_call_as_in_a_command() -> None:
    terms = get_type_hints(commands.Terms)
    assert set(terms) == set(wire.TermsFields.__struct_fields__)
    for name, hint in terms.items():
        assert kinds(hint | UnsetType) == kinds(fields(commands.Adjust)[name] | None), name
        assert (None in (hint, *get_args(hint)) or NoneType in get_args(hint)) == (
            NoneType in get_args(get_type_hints(commands.Adjust)[name])
        )


def test_every_command_of_the_server_can_be_asked_for() -> None:
    sent = {command.__struct_config__.tag for command in each_command().values()}
    assert sent == {*COMMANDS, "initialize"}
    for body, command in each_command().items():
        texts = {"event_id": "1", "order_id": "1-x", "user_id": "a", "event_name": "b", "total_tickets": 1}
        needed = {each.name for each in msgspec.structs.fields(command) if each.required}
        asked = command(**{name: texts[name] for name in needed})
        assert asked.path == f"/{command.__struct_config__.tag}"
        assert isinstance(ANY_COMMAND.read(msgspec.json.encode(asked)), body)


def test_every_call_of_the_server_has_a_method() -> None:
    other_names = {
        "keys": "api_keys",
        "revokeKey": "revoke_api_key",
        "readyz": "ready",
        "liveStatus": "watch",
        "live": "watch_order",
    }
    for_others = {
        "metrics",
        "livez",
        "openapi",
        "asyncapi",
        "docs",
        "docsAsset",
        "page",
        "asset",
        "problems",
        "problem",
        "handshake",
    }  # not for those who sell
    names = {other_names.get(call.name, call.name) for call in CALLS if call.name not in for_others} | {"log"}
    methods = {name for name in vars(client.BoxOffice) if not name.startswith("_")}
    assert methods == names


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        (types.OrderStatus, values.OrderStatus),
        (types.SaleState, values.SaleState),
        (types.WaitlistMode, values.WaitlistMode),
        (types.Scope, principals.Scope),
    ],
)
def test_the_words_are_the_same(ours: type[Enum], theirs: type[Enum]) -> None:
    assert {each.name: each.value for each in ours} == {each.name: each.value for each in theirs}


def test_the_changes_are_the_same() -> None:
    names = {each.__name__ for each in get_args(Change)}
    assert {each.value for each in types.ChangeType} == {name[:1].lower() + name[1:] for name in names}


def test_a_word_that_is_new_is_unknown_and_keeps_its_text() -> None:
    new = types.OrderStatus("mailed")
    assert isinstance(new, types.OrderStatus)
    assert (new, new.name, new.value) == ("mailed", "UNKNOWN", "mailed")
    assert new == types.OrderStatus("mailed")
    assert len({new, types.OrderStatus("mailed")}) == 1
    assert "mailed" not in [each.value for each in types.OrderStatus]
    with pytest.raises(ValueError, match="5"):
        types.OrderStatus(5)  # type: ignore[arg-type]


# --- problems ------------------------------------------------------------------------------------


def test_there_is_a_class_for_every_code() -> None:
    assert set(STATUS_AND_TITLE) == set(problems.BY_CODE)


@pytest.mark.parametrize(("code", "kind"), problems.BY_CODE.items())
def test_each_class_is_named_for_its_code_and_says_its_status(
    code: str, kind: type[problems.Problem]
) -> None:
    assert kind.__name__ == "".join(word.capitalize() for word in code.split("_"))
    assert getattr(client, kind.__name__) is kind
    assert kind.__doc__ is not None
    status, _ = STATUS_AND_TITLE[code]
    assert kind.__doc__.startswith(f"{status}: ")
    assert issubclass(kind, problems.Unavailable) == (status == 503)
    assert issubclass(kind, problems.NotFound) == (status == 404)


@pytest.mark.parametrize("code", STATUS_AND_TITLE)
def test_the_client_asks_again_where_the_server_says_when(code: str) -> None:
    status, _ = STATUS_AND_TITLE[code]
    problem = problems.problem_of(status, {"code": code})
    assert problem is not None
    assert problem.passing == (code in RETRY_AFTER_S or status == 429)


def test_what_is_wrong_with_a_body_is_told_in_the_same_words() -> None:
    assert problems.FieldError.__struct_fields__ == FieldError.__struct_fields__


def test_unset_is_what_stands_for_it_everywhere() -> None:
    assert client.UNSET is UNSET
