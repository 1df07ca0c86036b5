"""Reads a batch: its commands, each of which may be wrong alone.

All of it in one pass if nothing is wrong with any of it, which takes a tenth of the time; else entry by
entry, each as if it were the body of its own call. Both give the same. Called on the event loop.
"""

import json
import re
from collections.abc import Iterable, Sequence
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Raw

from boxoffice.http.commands import ANY_COMMAND
from boxoffice.http.decoding import Reader
from boxoffice.http.problems import ProblemError
from boxoffice.http.wire import COMMANDS_MAX, BatchBody, Body, CommandBody, InitializeBody

Entry = InitializeBody | CommandBody | ProblemError
"""A command, or what is wrong with what stands in its place."""


def entries_of(body: bytes) -> tuple[Sequence[Entry], list[Any]]:
    """The commands of a batch; and the same for its fingerprint, what is no command as it was sent.

    Raises ProblemError for what is no batch.
    """
    commands = _all_sound(body)
    if commands is not None:
        return commands, commands
    raws = split(body)
    entries = [_read(raw, pointer(position)) for position, raw in enumerate(raws)]
    return entries, [raw if isinstance(e, ProblemError) else e for raw, e in zip(raws, entries, strict=True)]


_POINTERS = [f"/commands/{position}" for position in range(COMMANDS_MAX)]

pointer = _POINTERS.__getitem__
"""Where in the body a command stands."""


# --- all at once ---------------------------------------------------------------------------------

_Bound = Meta(min_length=1, max_length=COMMANDS_MAX)


class _Commands(Body, frozen=True, forbid_unknown_fields=True):
    commands: Annotated[list[InitializeBody | CommandBody], _Bound]


class _Fields(Body, frozen=True, forbid_unknown_fields=True):
    commands: list[dict[str, Raw]]


_decode_commands = msgspec.json.Decoder(_Commands).decode
_decode_fields = msgspec.json.Decoder(_Fields).decode


def _all_sound(body: bytes) -> list[InitializeBody | CommandBody] | None:
    """The commands, if each is what it should be; None if one is not, or may not be."""
    if b"\\" in body:  # a key may be written otherwise, and a text hold a NUL
        return None
    try:
        commands = _decode_commands(body).commands
        fields = _decode_fields(body).commands
    except (ValueError, RecursionError):
        return None
    # Without a backslash each key is there as it is called. As often as there are fields: then none of them
    # is given twice. More often: one is, or somebody's name is the same.
    keys = _keys_in(set(map(type, commands)))
    if sum(map(body.count, keys)) != 1 + sum(map(len, fields)):
        return None
    return commands


def _keys_in(kinds: Iterable[type[InitializeBody | CommandBody]]) -> set[bytes]:
    names = {"commands", "do"}
    for kind in kinds:
        names.update(kind.__struct_encode_fields__)
    return {f'"{name}"'.encode() for name in names}


# --- one by one ----------------------------------------------------------------------------------

_BATCH = Reader(BatchBody)


def _read(raw: bytes, at: str) -> Entry:
    """The command that an entry stands for, or what is wrong with it alone."""
    try:
        entry: InitializeBody | CommandBody = ANY_COMMAND.read(raw, at)
    except ProblemError as problem:
        return problem
    return entry


def split(body: bytes) -> list[bytes]:
    """The text of each command in a batch. Raises ProblemError for what is no batch."""
    try:
        return [bytes(raw) for raw in _BATCH.read(body).commands]
    except ProblemError as problem:
        cut = _cut(body) if problem.code == "malformed_json" else None
        if cut is None:
            raise
        return cut


_HEAD = re.compile(r'\s*\{\s*"commands"\s*:\s*\[\s*', re.ASCII)
_NEXT = re.compile(r"\s*,\s*", re.ASCII)
_TAIL = re.compile(r"\s*\]\s*\}\s*", re.ASCII)
_reader = json.JSONDecoder(parse_int=str)


def _cut(body: bytes) -> list[bytes] | None:
    """What `split` gives, by a reader that lets half of a surrogate pair pass: its own entry fails for it."""
    text = body.decode("utf-8", "surrogateescape")
    cut = []
    end, mark = 0, _HEAD.match(text)
    while mark is not None:
        begin = mark.end()
        try:
            _, end = _reader.raw_decode(text, begin)
        except (ValueError, RecursionError):
            return None
        cut.append(text[begin:end].encode("utf-8", "surrogateescape"))
        mark = _NEXT.match(text, end)
    return cut if _TAIL.fullmatch(text, end) and len(cut) <= COMMANDS_MAX else None
