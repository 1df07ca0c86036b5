"""What there is to read: the API documents, a page to try it out, what problems mean; and the box office.

All of it is the same for everybody, is made once, and says by its `ETag` which one it is. Called on the event
loop, by way of `on_demand.py`, and never for a booking.
"""

import asyncio
import gzip
from collections.abc import Mapping
from hashlib import blake2b
from pathlib import Path

import msgspec
from aiohttp import web

from boxoffice.http import wire
from boxoffice.http.handlers import Handler
from boxoffice.http.problems import ProblemError
from boxoffice.http.reference import asyncapi, openapi
from boxoffice.http.reference.openapi_texts import HTML, JSON
from boxoffice.http.reference.problem_pages import index_page, problem_page
from boxoffice.http.reference.problem_types import PROBLEM_TYPES, ProblemTypesBody, problem_type_body

STATIC = Path(__file__).parents[1] / "static"

Files = Mapping[str, tuple[str, str]]

SWAGGER_UI = "5.35.0"
"""From npm's `swagger-ui-dist`; `docs.html` names it, too."""

SCRIPT, STYLE, PICTURE, LETTERS = "text/javascript", "text/css", "image/svg+xml", "font/woff2"
FILES = {
    f"swagger-ui-{SWAGGER_UI}.css": ("swagger-ui/swagger-ui.css", STYLE),
    f"swagger-ui-bundle-{SWAGGER_UI}.js": ("swagger-ui/swagger-ui-bundle.js", SCRIPT),
    "docs.js": ("docs.js", SCRIPT),
    "pages.css": ("pages.css", STYLE),
    "icon.svg": ("icon.svg", PICTURE),
}
"""What the pages ask for, by its name in the address, and where that is. Nothing else is given out."""

UPLOT, ARCHIVO = "1.6.32", "5.3.0"
"""From npm's `uplot` and `@fontsource-variable/archivo`; the page names them, too."""

ASSETS = {
    **{each.name: (f"page/{each.name}", SCRIPT) for each in sorted((STATIC / "page").glob("*.js"))},
    "page.css": ("page/page.css", STYLE),
    f"uplot-{UPLOT}.js": ("uplot/uPlot.iife.min.js", SCRIPT),
    f"uplot-{UPLOT}.css": ("uplot/uPlot.min.css", STYLE),
    f"archivo-{ARCHIVO}-latin.woff2": ("archivo/archivo-latin.woff2", LETTERS),
    f"archivo-{ARCHIVO}-latin-ext.woff2": ("archivo/archivo-latin-ext.woff2", LETTERS),
    "icon.svg": ("icon.svg", PICTURE),
}
"""The same for the box office."""

FOR_GOOD = "public, max-age=31536000, immutable"
"""For what has its version in its address."""

ASK_AGAIN = "no-cache"
"""For the rest: whoever has it asks whether it is still that."""

SAFE = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; font-src 'self';"
    " img-src 'self' data:; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
"""For all of it: nothing is loaded from elsewhere, and nothing runs that is not a file of ours. Swagger UI
draws its arrows with `data:` pictures."""


class Document:
    """Some bytes, as they are and compressed, and what they are."""

    def __init__(self, body: bytes, media_type: str, cache: str = ASK_AGAIN) -> None:
        self._body = body
        self._compressed = gzip.compress(body, mtime=0)
        self._headers = {
            **SAFE,
            "ETag": f'W/"{blake2b(body, digest_size=9).hexdigest()}"',
            "Cache-Control": cache,
            "Vary": "Accept, Accept-Encoding",
        }
        is_text = media_type not in (JSON, LETTERS)
        self._media_type = f"{media_type}; charset=utf-8" if is_text else media_type

    def answer(self, request: web.Request) -> web.Response:
        """The whole of it; or 304, for whoever has it."""
        known = request.if_none_match or ()
        if any(f'W/"{each.value}"' == self._headers["ETag"] or each.value == "*" for each in known):
            return web.Response(status=304, headers=self._headers)
        headers = {**self._headers, "Content-Type": self._media_type}
        if "gzip" not in request.headers.get("Accept-Encoding", ""):
            return web.Response(body=self._body, headers=headers)
        return web.Response(body=self._compressed, headers={**headers, "Content-Encoding": "gzip"})


class Documents:
    """The calls. Makes all but the files at once, which takes some 50 ms."""

    def __init__(self) -> None:
        types = [problem_type_body(code) for code in PROBLEM_TYPES]
        self._openapi = Document(msgspec.json.encode(openapi.document()), JSON)
        self._asyncapi = Document(msgspec.json.encode(asyncapi.document()), JSON)
        self._page = Document((STATIC / "page/index.html").read_bytes(), HTML)
        self._docs = Document((STATIC / "docs.html").read_bytes(), HTML)
        self._problems = _both(ProblemTypesBody(types), index_page())
        self._problem = {each.code: _both(each, problem_page(each.code)) for each in types}
        self._files: dict[str, Document] = {}
        self._assets: dict[str, Document] = {}

    def handlers(self) -> dict[str, Handler]:
        """The handler of each call, by its name."""
        return {
            "page": self.page,
            "asset": self.asset,
            "openapi": self.openapi,
            "asyncapi": self.asyncapi,
            "docs": self.docs,
            "docsAsset": self.docs_asset,
            "problems": self.problems,
            "problem": self.problem,
        }

    async def openapi(self, request: web.Request) -> web.Response:
        """The API document."""
        return self._openapi.answer(request)

    async def asyncapi(self, request: web.Request) -> web.Response:
        """The document for those who listen."""
        return self._asyncapi.answer(request)

    async def docs(self, request: web.Request) -> web.Response:
        """The page that shows it."""
        return self._docs.answer(request)

    async def docs_asset(self, request: web.Request) -> web.Response:
        """A file of that page's."""
        return await _file(request, FILES, self._files)

    async def page(self, request: web.Request) -> web.Response:
        """The box office."""
        return self._page.answer(request)

    async def asset(self, request: web.Request) -> web.Response:
        """A file of the box office's page."""
        return await _file(request, ASSETS, self._assets)

    async def problems(self, request: web.Request) -> web.Response:
        """Every problem there is."""
        return self._problems[_wants_json(request)].answer(request)

    async def problem(self, request: web.Request) -> web.Response:
        """What a problem means."""
        found = self._problem.get(request.match_info["code"])
        if found is None:
            raise ProblemError(
                "not_found", "There is no problem with this code; `/problems` has all of them."
            )
        return found[_wants_json(request)].answer(request)


def _both(body: wire.Body, page: str) -> dict[bool, Document]:
    """The same as JSON and for people."""
    return {True: Document(wire.encode(body), JSON), False: Document(page.encode(), HTML)}


def _wants_json(request: web.Request) -> bool:
    accepted = request.headers.get("Accept", "")
    return JSON in accepted and HTML not in accepted


async def _file(request: web.Request, files: Files, known: dict[str, Document]) -> web.Response:
    """One of these files, read when first asked for: on many servers nobody ever does."""
    name = request.match_info["file"]
    if name not in files:
        raise ProblemError("not_found", "There is no such file.")
    if name not in known:
        known[name] = await asyncio.to_thread(_read, name, *files[name])
    return known[name].answer(request)


def _read(name: str, path: str, media_type: str) -> Document:
    is_versioned = any(version in name for version in (SWAGGER_UI, UPLOT, ARCHIVO))
    return Document((STATIC / path).read_bytes(), media_type, FOR_GOOD if is_versioned else ASK_AGAIN)
