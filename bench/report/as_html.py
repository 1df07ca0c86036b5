"""The results as one page that needs nothing else: `--html FILE`. Light and dark, and fit to print.

Style, script, typeface and the charts' library (the last two are vendored with the box office's own page) are
written into it, and its policy allows these and nothing else. Called when the load and the audit are over.
"""

import base64
import hashlib
from datetime import datetime
from html import escape
from pathlib import Path
from string import Template
from urllib.parse import quote

from boxoffice.bench.report.as_json import encoded
from boxoffice.bench.report.html_parts import content
from boxoffice.bench.report.results import Results

HERE = Path(__file__).resolve().parent / "static"
SHARED = Path(__file__).resolve().parents[2] / "http" / "static"
"""Beside us in the sources as in an installed package. Only read: bench has nothing of the server's code."""

FACE = """@font-face {{
  font-family: Archivo;
  font-weight: 100 900;
  font-stretch: 62% 125%;
  src: url(data:font/woff2;base64,{}) format("woff2");
}}
"""


def as_html(results: Results) -> str:
    """The page: about 250 KB, and 0.2 KB for each point of the charts."""
    style = _read(SHARED / "uplot/uPlot.min.css") + FACE.format(_face()) + _read(HERE / "report.css")
    library = f"/*\n{_read(SHARED / 'uplot/LICENSE')}*/\n{_read(SHARED / 'uplot/uPlot.iife.min.js')}"
    script = library + _read(HERE / "report.js")
    run = results.run
    return Template(_read(HERE / "report.html")).substitute(
        policy=_policy(style, script),
        generator=escape(f"boxoffice bench {run.version}".strip()),
        title=escape(f"Load test: {run.scenario}, {run.url}"),
        icon="data:image/svg+xml," + quote(_read(SHARED / "icon.svg").strip()),
        style=style,
        script=script,
        began=escape(f"Load test of {when(run.began_at)}"),
        content=content(results),
        footer=escape(f"Made by boxoffice bench {run.version}".strip() + "."),
        results=_inside_script(results),
    )


def when(text: str) -> str:
    """A time of RFC 3339, for people."""
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return text
    return f"{moment.day} {moment:%B %Y, %H:%M} UTC"


def _policy(style: str, script: str) -> str:
    """What the page may load and run: what is in it."""
    allowed = {
        "default-src": "'none'",
        "script-src": _hash(script),
        "style-src": _hash(style),
        "font-src": "data:",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
    }
    return "; ".join(f"{name} {value}" for name, value in allowed.items())


def _hash(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def _inside_script(results: Results) -> str:
    """JSON in which nothing can end the element that it stands in."""
    return encoded(results).decode().replace("<", "\\u003c").replace("&", "\\u0026")


def _face() -> str:
    return base64.b64encode((SHARED / "archivo/archivo-latin.woff2").read_bytes()).decode()


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
