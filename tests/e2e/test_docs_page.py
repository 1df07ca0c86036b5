"""The page `/docs` in a real browser: a newcomer with a key gets from nothing to a confirmed hold.

Skipped where there is no Chromium, unless the environment says by CHROMIUM where it should be.
"""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from boxoffice.actors.principals import Scope
from tests.support.browser import Pages, chromium
from tests.support.people import api_key
from tests.support.postgres import Cluster
from tests.support.server import Server


@pytest.fixture(scope="module")
def locked(embedded_cluster: Cluster) -> Iterator[tuple[Server, str]]:
    """A server, and the key to it."""
    chromium()
    with embedded_cluster.database() as url:
        key = api_key(url, *Scope)
        server = Server("--database-url", url)
        yield server, key
        server.stop()


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
