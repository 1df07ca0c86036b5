"""What a log line looks like: one JSON document, or a line for people. No secret, and no way to forge one.

Whatever a client can put into a path, a header or a name may turn up in a line, so everything is treated as
if it had: in JSON all but printable ASCII is escaped, for people all that moves a cursor or ends a line.
Called on the log writer's thread.
"""

import json
import logging
import re
from datetime import UTC, datetime
from typing import Literal

from structlog.dev import ConsoleRenderer
from structlog.processors import JSONRenderer, format_exc_info
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, Processor, WrappedLogger

from boxoffice.http.operating.masking import masked

Form = Literal["json", "console"]

TEXT_SIZE_MAX = 16_384
"""Characters of one value, the middle of a longer one is left out: a traceback's ends say most."""

# Control characters of both sets, ends of lines and paragraphs, what turns the direction, halves of pairs.
_UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")
_OF_SEVERAL_LINES = ("exception", "stack")


def formatter(form: Form, *, colors: bool = False) -> logging.Formatter:
    """Makes a record of the standard library's logging into a line, without its end; several for a traceback
    that people read, all but the first of them indented.

    Of `extra`, only a dict named `fields` is shown.
    """
    safe: list[Processor] = [ProcessorFormatter.remove_processors_meta, format_exc_info, _safe]
    if form == "json":
        renderer: list[Processor] = [JSONRenderer(json.dumps, ensure_ascii=True, separators=(",", ":"))]
    else:
        renderer = [_escaped, ConsoleRenderer(colors=colors, sort_keys=False)]
    return ProcessorFormatter(foreign_pre_chain=[_facts], processors=[*safe, *renderer])


def _facts(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Of a record, in the order of a line."""
    record: logging.LogRecord = event["_record"]
    facts: EventDict = {
        "timestamp": f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%S.%fZ}",
        "level": record.levelname.lower(),
        "logger": record.name,
        "event": event.pop("event"),
    }
    if request_id := getattr(record, "request_id", None):
        facts["requestId"] = request_id
    facts.update(getattr(record, "fields", {}))
    if stack := event.pop("stack_info", None):
        facts["stack"] = stack
    return {**facts, **event}


def _safe(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Numbers, and text without secrets, of bounded size, that can be coded."""
    return {
        name: value if isinstance(value, int | float | None) else _text(str(value))
        for name, value in event.items()
    }


def _text(value: str) -> str:
    text = masked(value)
    if (left_out := len(text) - TEXT_SIZE_MAX) > 0:
        half = TEXT_SIZE_MAX // 2
        text = f"{text[:half]} … {left_out} characters … {text[-half:]}"
    return text.encode(errors="backslashreplace").decode()


def _escaped(_: WrappedLogger, __: str, event: EventDict) -> EventDict:
    """Nothing that moves a terminal's cursor, and new lines only where they are ours, indented."""
    for name, value in event.items():
        if not isinstance(value, str):
            continue
        if name in _OF_SEVERAL_LINES:
            event[name] = "\n".join("    " + _printable(line) for line in value.split("\n"))
        else:
            event[name] = _printable(value)
    return event


def _printable(text: str) -> str:
    return _UNSAFE.sub(lambda found: found[0].encode("unicode_escape").decode(), text)
