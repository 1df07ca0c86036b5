"""Reads JSON bodies: decodes and validates in one step, and says what is wrong and where.

msgspec does both; what it cannot say (NUL, lone surrogates, keys given twice) is checked here, before
anything reaches an actor. Raises `ProblemError` with a JSON pointer; knows no requests and no actors. Called
on the event loop.
"""

import json
import re
from collections.abc import Iterator
from typing import Any, Generic, NoReturn, TypeVar

import msgspec

from boxoffice.http.problems import FieldError, ProblemError

T = TypeVar("T", bound=msgspec.Struct)


class Reader(Generic[T]):
    """Decodes and validates bodies of one type, or of several that name themselves by their field `do`."""

    def __init__(self, *body_types: type[T]) -> None:
        one_of_them: Any = body_types[0]
        for body_type in body_types[1:]:
            one_of_them |= body_type
        self._decode = msgspec.json.Decoder(one_of_them).decode
        fields = [field for body_type in body_types for field in msgspec.structs.fields(body_type)]
        self._texts = {field.name: field.encode_name for field in fields}

    def read(self, body: bytes, at: str = "") -> T:
        """The value of a body, or of the part of one to which the pointer `at` leads.

        Raises ProblemError: 400 for what is no JSON, 422 for what is not this type.
        """
        try:
            value: T = self._decode(body)
        except msgspec.ValidationError as invalid:
            raise invalid_body(_located(invalid, at)) from None
        except (ValueError, RecursionError) as malformed:
            _refuse_malformed(body, malformed, at)
        if b"\\" in body or _has_twice(body.split(b'"')[1::2]):
            _refuse_repeated_keys(body)
            self._refuse_nul(value, at)
        return value

    def _refuse_nul(self, value: T, at: str) -> None:
        """A NUL in JSON is always written as an escape, and no text of PostgreSQL's can hold one."""
        for name in value.__struct_fields__:
            text = getattr(value, name)
            if isinstance(text, str) and "\0" in text:
                detail = "text may not contain the character U+0000"
                raise invalid_body(FieldError(f"{at}/{self._texts[name]}", detail))


def _has_twice(texts: list[bytes]) -> bool:
    """Whether a text, and so perhaps a key, is there more than once. This takes 0.4 µs."""
    return len(set(texts)) < len(texts)


def invalid_body(error: FieldError) -> ProblemError:
    """422: the body is JSON, but not what the call takes."""
    return ProblemError("invalid_request", "The body is not what this call takes.", [error])


_NAMED_FIELD = re.compile(r"Object (?:missing required|contains unknown) field `(?P<field>.*)`", re.DOTALL)


def _located(invalid: msgspec.ValidationError, at: str) -> FieldError:
    """msgspec's sentence and path (`$.a.b[0]`) as a JSON pointer (`/a/b/0`) and a detail."""
    said = str(invalid)
    if (named := _NAMED_FIELD.fullmatch(said)) is not None:  # of the body itself: none has objects in it
        return FieldError(f"{at}/{_escaped(named['field'])}", said[:1].lower() + said[1:])
    what, found, path = said.rpartition(" - at `$")  # the last one: before it, a client may be quoted
    if not found:
        what, path = said, ""
    pointer = path.removesuffix("`").replace(".", "/").replace("[", "/").replace("]", "")
    return FieldError(at + pointer, what[:1].lower() + what[1:])


def _escaped(name: str) -> str:
    return name.replace("~", "~0").replace("/", "~1")


def _refuse_malformed(body: bytes, malformed: Exception, at: str) -> NoReturn:
    """400; but 422 with a pointer if nothing is wrong except half of a surrogate pair in some text."""
    try:
        document = json.loads(body.decode("utf-8"))
    except (ValueError, RecursionError):
        raise ProblemError("malformed_json", f"The body is not JSON: {malformed}.") from None
    for pointer, text in _texts(document):
        if not text.isascii() and any("\ud800" <= character <= "\udfff" for character in text):
            detail = "text may not contain half of a surrogate pair"
            raise invalid_body(FieldError(at + pointer, detail)) from None
    raise ProblemError("malformed_json", f"The body is not JSON: {malformed}.") from None


def _texts(document: Any) -> Iterator[tuple[str, str]]:
    """Every key and text at the first level of `document`, with its pointer: no call takes any deeper."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield "", key
            if isinstance(value, str):
                yield f"/{_escaped(key)}", value


def _refuse_repeated_keys(body: bytes) -> None:
    """Two values for one key: one reader takes the first, another the last, so nobody may take either.

    Looks at the outermost object only; those within a batch are read, and refused, one by one.
    """
    outermost: list[tuple[str, Any]] = []

    def keep(pairs: list[tuple[str, Any]]) -> None:
        outermost[:] = pairs  # the outermost object is the last to be complete

    try:  # of a batch's entries nobody has looked at the text, the numbers or (near its bound) the depth yet
        json.loads(body.decode("utf-8", "replace"), object_pairs_hook=keep, parse_int=str)
    except RecursionError as malformed:
        raise ProblemError("malformed_json", f"The body is not JSON: {malformed}.") from None
    if len({key for key, _ in outermost}) != len(outermost):
        raise ProblemError("malformed_json", "The body gives one key more than once.")
