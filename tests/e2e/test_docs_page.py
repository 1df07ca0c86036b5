"""The page `/docs` in a real browser: a newcomer with a key gets from nothing to a confirmed hold.

Skipped where there is no Chromium, unless the environment says by CHROMIUM where it should be.
"""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

import pytest
from playwright.sync_api import Browser, Page, sync_playwright

from boxoffice.actors.principals import Scope
from tests.support.people import api_key
from tests.support.postgres import Cluster
from tests.support.server import Server

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
PATIENCE_MS = 20_000


def chromium() -> str:
    found = os.environ.get("CHROMIUM") or shutil.which("chromium")
    if found is None:
        pytest.skip("Chromium is not installed (`apt-get install chromium`)")
    assert Path(found).exists(), f"there is no Chromium at {found}"
    return found


@pytest.fixture(scope="module")
def locked(embedded_cluster: Cluster) -> Iterator[tuple[Server, str]]:
    """A server, and the key to it."""
    chromium()
    with embedded_cluster.database() as url:
        key = api_key(url, *Scope)
        server = Server("--database-url", url)
        yield server, key
        server.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
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
    def opened(self, path: str, *, refused: int = 0, dark: bool = False, width: int = 1200) -> Iterator[Page]:
        """A page, which complains of nothing but so many refused requests, and asks nobody else."""
        said: list[str] = []
        asked: list[str] = []
        shade: Literal["dark", "light"] = "dark" if dark else "light"
        context = self._browser.new_context(color_scheme=shade, viewport={"width": width, "height": 900})
        page = context.new_page()
        page.set_default_timeout(PATIENCE_MS)
        page.on("console", lambda message: said.append(f"{message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"{error}"))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(f"{self._server.url}{path}")
        yield page
        context.close()
        assert [each for each in said if "Failed to load resource" not in each] == []
        assert len(said) == refused, said
        assert [url for url in asked if not url.startswith((self._server.url, "data:"))] == []
        assert asked


@pytest.fixture
def pages(browser: Browser, locked: tuple[Server, str]) -> Pages:
    """The pages of that server."""
    return Pages(browser, locked[0])


def execute(page: Page, call: str, body: object | None = None) -> tuple[int, Any]:
    """Open a call, send its first example or this body; the status and the document."""
    block = page.locator(f"[id$='-{call}'].opblock")
    if "is-open" not in (block.get_attribute("class") or ""):
        block.locator(".opblock-summary-control").click()
    if body is not None:
        block.locator("textarea.body-param__text").fill(json.dumps(body))
    block.locator("button.execute").click()
    live = block.locator(".live-responses-table tbody tr.response")
    live.wait_for()
    status = live.locator(".response-col_status").inner_text().split()[0]
    return int(status), json.loads(live.locator("pre.microlight, pre code.language-json").first.inner_text())


def test_a_newcomer_with_a_key_gets_to_a_confirmed_hold(pages: Pages, locked: tuple[Server, str]) -> None:
    _, key = locked
    with pages.opened("/docs", refused=1) as page:
        status, problem = execute(page, "initialize")
        assert (status, problem["code"]) == (401, "unauthenticated")
        page.locator("button.authorize").first.click()
        page.locator(".modal-ux input").first.fill(key)
        page.locator(".modal-ux button.authorize").first.click()
        page.locator(".modal-ux button.btn-done").first.click()
        page.locator("[id$='-initialize'] button.btn-clear").click()
        status, event = execute(page, "initialize")
        assert (status, event["availableTickets"]) == (201, 2)
        status, made = execute(page, "handshake")
        assert (status, made["handshake"][:3]) == (201, "bh_")
        hold = {"eventId": event["eventId"], "userId": "eve", "quantity": 2}
        status, held = execute(page, "hold", hold)
        assert (status, held["status"]) == (201, "held")
        status, confirmed = execute(page, "confirm", {"orderId": held["orderId"]})
        assert (status, confirmed["status"]) == (200, "confirmed")


@pytest.mark.parametrize("call", ["liveStatus", "live"])
def test_what_has_no_end_is_read_about_and_not_tried(pages: Pages, call: str) -> None:
    with pages.opened(f"/docs#/Listening/{call}") as page:
        block = page.locator(f"[id$='-{call}'].opblock.is-open")
        block.locator("a[href='/asyncapi.json']").wait_for()
        assert block.locator("button.execute, button.try-out__btn").count() == 0


@pytest.mark.parametrize("dark", [False, True])
def test_the_page_is_as_light_or_dark_as_the_readers_system(pages: Pages, dark: bool) -> None:
    with pages.opened("/docs", dark=dark) as page:
        page.locator("[id$='-book'].opblock").wait_for()
        assert page.locator("html.dark-mode").count() == dark
        assert page.locator("text=Failed to load").count() == 0


@pytest.mark.parametrize("path", ["/problems", "/problems/outcome_unknown", "/problems/ambiguous_order"])
def test_what_a_problem_means_fits_on_a_phone(pages: Pages, path: str) -> None:
    with pages.opened(path, width=360, dark=True) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.locator("h1").wait_for()


def test_a_problem_leads_to_the_calls_that_may_answer_so(pages: Pages) -> None:
    with pages.opened("/problems/sold_out") as page:
        page.locator(".calls a", has_text="POST /book").click()
        page.locator("[id$='-book'].opblock.is-open button.execute").wait_for()
