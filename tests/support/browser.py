"""A real Chromium, and pages of a server in it that complain of nothing and ask nobody else.

Skipped where there is no Chromium, unless the environment says by CHROMIUM where it should be.
"""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from tests.support.server import Server

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE_MS = 20_000

REFUSED = "Failed to load resource: the server responded"
BROKEN = ("Failed to load resource: net::", "WebSocket connection to")
"""How Chromium says that a request was answered with an error, and that there was no answer."""


def chromium() -> str:
    """Where it is; the test is skipped if it is nowhere."""
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if found is None:
        pytest.skip("Chromium is not installed (`apt-get install chromium`)")
    assert Path(found).exists(), f"there is no Chromium at {found}"
    return found


@contextmanager
def open_browser() -> Iterator[Browser]:
    """A browser."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium(), args=FLAGS)
        yield browser
        browser.close()


class Pages:
    """Opens pages of one server in a browser."""

    def __init__(self, browser: Browser, server: Server) -> None:
        self._browser = browser
        self._server = server

    @contextmanager
    def opened(
        self, path: str, *, refused: int = 0, breaks: bool = False, dark: bool = False, width: int = 1200
    ) -> Iterator[Page]:
        """A page in a window of its own, which asks nobody else.

        It complains of nothing but so many refused requests, and, if the server is to be away for a while
        (`breaks`), of those that were not answered.
        """
        said: list[str] = []
        asked: list[str] = []
        shade: Literal["dark", "light"] = "dark" if dark else "light"
        context = self._browser.new_context(color_scheme=shade, viewport={"width": width, "height": 900})
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"{error}"))
        page.on("request", lambda request: asked.append(request.url))
        page.on("websocket", lambda socket: asked.append(socket.url.replace("ws:", "http:", 1)))
        page.goto(f"{self._server.url}{path}")
        yield page
        context.close()
        if breaks:
            said = [each for each in said if not each.removeprefix("error: ").startswith(BROKEN)]
        assert [each for each in said if REFUSED not in each] == []
        assert len(said) == refused, said
        assert [url for url in asked if not url.startswith((self._server.url, "data:"))] == []
        assert asked
