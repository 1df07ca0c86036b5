"""The pages that say what a problem means: HTML for people, without a script.

All of them are made once, when the server starts; the style is `static/pages.css`.
"""

import html
import json
import re
from http import HTTPStatus

from boxoffice.http.catalogue import CALLS, Call
from boxoffice.http.problems import STATUS_AND_TITLE
from boxoffice.http.reference.openapi import codes_of
from boxoffice.http.reference.openapi_fields import FIELDS
from boxoffice.http.reference.openapi_texts import OPERATIONS
from boxoffice.http.reference.problem_types import PROBLEM_TYPES, example

CHANGED = {"nothing": "Nothing.", "unknown": "Nobody knows yet."}


def problem_page(code: str) -> str:
    """The page of one code. Raises KeyError."""
    status, title = STATUS_AND_TITLE[code]
    of = PROBLEM_TYPES[code]
    members = "".join(f"<dt><code>{name}</code></dt><dd>{_text(_said_of(name))}</dd>" for name in of.members)
    calls = "".join(f"<li>{_link(call)}</li>" for call in CALLS if code in codes_of(call))
    parts = [
        f"<h1>{_text(title)}</h1>",
        f'<p class="code">{status} {HTTPStatus(status).phrase} · <code>{code}</code></p>',
        f"<h2>What happened</h2><p>{_text(of.means)}</p>",
        f"<h2>What was changed</h2><p>{CHANGED[of.changed]}</p>",
        f"<h2>What to do</h2><p>{_text(of.do)}</p>",
        f"<h2>Send it again?</h2><p>{_text(of.retry.value)}</p>",
        f"<h2>What the document says besides</h2><dl>{members}</dl>" if members else "",
        f"<h2>For example</h2><pre>{_text(json.dumps(example(code), indent=2))}</pre>",
        f'<h2>Which calls may answer so</h2><ul class="calls">{calls}</ul>' if calls else "",
    ]
    return _page(title, "".join(parts))


def index_page() -> str:
    """All codes, by status."""
    parts = ["<h1>Problems</h1><p>Rely on the <code>code</code>, not on the words.</p>"]
    for status in sorted({status for status, _ in STATUS_AND_TITLE.values()}):
        parts.append(f"<h2>{status} {HTTPStatus(status).phrase}</h2><ul>")
        parts += [
            f'<li><a href="/problems/{code}"><code>{code}</code></a> {_text(title)}</li>'
            for code, (of, title) in STATUS_AND_TITLE.items()
            if of == status
        ]
        parts.append("</ul>")
    return _page("Problems", "".join(parts))


def _page(title: str, body: str) -> str:
    return f"""\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>{_text(title)} · Box office</title>
<link rel="icon" href="/docs/icon.svg" type="image/svg+xml">
<link rel="stylesheet" href="/docs/pages.css">
</head>
<body><main class="page">
<nav><a href="/problems">All problems</a> <a href="/docs">The API</a></nav>
{body}
</main></body>
</html>
"""


def _text(text: str) -> str:
    """Text as text; what stands between backquotes is code."""
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", html.escape(text))


def _said_of(member: str) -> str:
    return FIELDS.get(f"Problem.{member}") or FIELDS[member]


def _link(call: Call) -> str:
    return f'<a href="/docs#/{OPERATIONS[call.name].tag}/{call.name}">{call}</a>'
