"""The page `/` in a real browser: what somebody sees and does there, and whether it is true.

Skipped where there is no Chromium, unless the environment says by CHROMIUM where it should be.
"""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Locator, Page, Route, expect

from boxoffice.actors.principals import Scope
from tests.support.browser import PATIENCE_MS, Pages, chromium
from tests.support.people import api_key
from tests.support.postgres import Cluster
from tests.support.server import Server, a_port_that_stays

expect.set_options(timeout=PATIENCE_MS)

HOSTILE = "<img src=x onerror=\"document.title='had'\"><script>document.title='had'</script>&amp;"


@pytest.fixture(scope="module")
def house(embedded_cluster: Cluster) -> Iterator[Server]:
    """A server that is open to everybody here, and is found where it was when it has been started again."""
    chromium()
    with embedded_cluster.database() as url:
        server = Server("--database-url", url, env={"PORT": str(a_port_that_stays())})
        yield server
        server.stop()


@pytest.fixture
def pages(browser: Browser, house: Server) -> Pages:
    """Its pages."""
    return Pages(browser, house)


def is_live(page: Page) -> None:
    expect(page.locator("#connection")).to_have_text("Live")


def fits(page: Page, width: int) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def book(page: Page, user: str, quantity: int = 1) -> None:
    """Fill the form in, and send it."""
    form = page.locator(".buy")
    form.get_by_label("For whom").fill(user)
    form.get_by_label("Tickets", exact=True).fill(str(quantity))
    form.locator("button[value=book]").click()


def use_key(page: Page, key: str) -> None:
    """In the dialog that asks for one."""
    page.locator("[name=token]").fill(key)
    page.keyboard.press("Enter")


def bar(page: Page) -> Locator:
    """What the bar is to those who do not see it."""
    return page.locator("main .bar").first


def counted(booked: int, held: int, offered: int, available: int, total: int) -> re.Pattern[str]:
    return re.compile(f"^{booked} booked, {held} held, {offered} offered, {available} available of {total}$")


# --- somebody who comes for the first time -------------------------------------------------------


def test_a_newcomer_gets_from_nothing_to_sold_out_and_a_second_window_sees_it(
    pages: Pages, house: Server
) -> None:
    with pages.opened("/") as page, pages.opened("/") as other:
        expect(page.locator("#welcome-title")).to_have_text("Nothing is on sale yet")
        page.get_by_role("button", name="Make a sample event").click()
        expect(page.locator("h1")).to_have_text("Opening night")
        is_live(page)
        event = other.locator(".tickets .ticket")
        expect(event.locator(".stub")).to_have_text("50left of 50")

        for i in range(7):
            house.book(page.url.rpartition("/")[2], f"c{i}", 6)
        expect(bar(page)).to_have_attribute("aria-label", counted(42, 0, 0, 8, 50))
        book(page, "eve", 6)
        expect(bar(page)).to_have_attribute("aria-label", counted(48, 0, 0, 2, 50))
        book(page, "ann", 2)
        expect(page.locator("main .chip")).to_have_text("Sold out")
        expect(page.locator("main .bar .booked")).to_have_css(
            "transform", "matrix(1, 0, 0, 1, 0, 0)"
        )  # all the way
        book(page, "bob")
        waiting = page.locator(".own .order").first
        expect(waiting).to_contain_text("Next in line.")
        expect(page.locator("#said")).to_have_text("In line for 1 ticket for bob: 1st.")
        expect(event.locator(".chip")).to_have_text("Sold out")
        expect(event.locator(".stub")).to_have_text("01 in line")
        expect(other.locator("main .bar")).to_have_attribute("aria-label", counted(50, 0, 0, 0, 50))
        expect(page.locator(".log li").first).to_contain_text("bob joined the line for 1")

        ann = page.locator(".own .order", has_text="ann")
        ann.get_by_role("button", name="Give back…").click()
        ann.get_by_label("How many of 2?").fill("1")
        ann.get_by_role("button", name="Give back", exact=True).click()
        expect(waiting.locator(".stamp")).to_have_text("Booked")
        expect(page.locator(".line")).to_have_text("Nobody waits in line.")
        expect(event.locator(".stub")).to_have_text("0of 50")


def test_names_are_shown_as_they_are_and_are_nothing_but_text(pages: Pages, house: Server) -> None:
    event_id = house.event(3, HOSTILE)
    house.book(event_id, HOSTILE)
    with pages.opened("/") as page:
        expect(page.locator(f"[data-event='{event_id}'] h2")).to_have_text(HOSTILE)
        page.locator(f"[data-event='{event_id}'] h2 a").click()
        expect(page.locator("h1")).to_have_text(HOSTILE)
        expect(page.locator(".log li").first).to_contain_text(f"{HOSTILE} booked 1")
        book(page, HOSTILE)
        expect(page.locator(".own .order")).to_contain_text(HOSTILE)
        assert page.locator("main img, main script").count() == 0
        expect(page).to_have_title(f"{HOSTILE} · Box office")


# --- orders that change by themselves ------------------------------------------------------------


def test_an_order_moves_up_is_offered_tickets_and_is_confirmed(pages: Pages, house: Server) -> None:
    event_id = house.event(2, "Reading", waitlistMode="offer")
    first, second = house.book(event_id, "ann"), house.book(event_id, "bob")
    with pages.opened(f"/#/events/{event_id}") as page:
        is_live(page)
        for user in ("cleo", "dan"):
            book(page, user)
            expect(page.locator(".own .order")).to_contain_text([user] if user == "cleo" else ["dan", "cleo"])
        dan, cleo = (page.locator(".own .order", has_text=user) for user in ("dan", "cleo"))
        expect(dan).to_contain_text("2nd in line.")
        house.cancel(first)
        expect(cleo.locator(".stamp")).to_have_text("Offered")
        expect(cleo).to_contain_text(re.compile(r"Yours, if you accept within (59:\d\d|1 h 00 min)"))
        expect(dan).to_contain_text("Next in line, up from 2nd.")
        cleo.get_by_role("button", name="Accept").click()
        expect(cleo.locator(".stamp")).to_have_text("Booked")
        house.cancel(second)
        page.reload()
        expect(page.locator(".own .order .stamp")).to_have_text(["Offered", "Booked"])


def test_what_is_refused_says_why_at_its_place(pages: Pages, house: Server) -> None:
    event_id = house.event(5, "Reading", maxPerCustomer=2)
    with pages.opened(f"/#/events/{event_id}", refused=1) as page:
        book(page, "ann", 0)
        field = page.locator(".buy [name=quantity]")
        expect(field).to_have_attribute("aria-invalid", "true")
        expect(field).to_be_focused()
        book(page, "ann", 3)
        problem = page.locator(".buy .problem")
        expect(problem).to_contain_text("One customer may have 2 in all, and it would come to 3.")
        assert problem.get_by_role("link").get_attribute("href") == "/problems/limit_exceeded"
        assert house.status(event_id)["version"] == 1


def test_what_was_not_answered_is_asked_again_and_not_done_twice(pages: Pages, house: Server) -> None:
    event_id = house.event(9, "Gala")

    def lose(route: Route) -> None:
        """The request arrives, and its answer does not."""
        route.fetch()
        route.abort()

    with pages.opened(f"/#/events/{event_id}", breaks=True) as page:
        page.route("**/book", lose, times=1)
        book(page, "ann", 2)
        problem = page.locator(".buy .problem")
        expect(problem).to_contain_text("Asking again is safe: it will not happen twice.")
        problem.get_by_role("button", name="Ask again").click()
        expect(page.locator(".own .order")).to_have_count(1)
        expect(problem).to_have_count(0)
        assert house.status(event_id)["availableTickets"] == 7

        page.route("**/book", lambda route: route.fulfill(status=201, body='{"orderId": "1-'), times=1)
        book(page, "bob")
        expect(problem).to_contain_text("The server did not answer.")  # in full
        expect(page.locator(".own .order")).to_have_count(1)


def test_what_others_change_is_shown_in_the_form_and_what_is_typed_in_stays(
    pages: Pages, house: Server
) -> None:
    event_id = house.event(9, "Gala", salesOpenAt="2099-01-01T00:00:00Z")
    with pages.opened(f"/#/events/{event_id}") as page:
        is_live(page)
        expect(page.locator(".log li")).to_contain_text("is announced, on sale from 1 Jan 2099")
        page.locator("details[data-part=organise] summary").click()
        form = page.locator("form[data-part=adjust]")
        form.locator("[name=eventName]").fill("Mine")
        house.post("/adjust", eventId=event_id, totalTickets=12, salesOpenAt=None, eventName="Theirs")
        expect(form.locator("[name=totalTickets]")).to_have_value("12")
        expect(form.locator("[name=salesOpenAt]")).to_have_value("")
        expect(form.locator("[name=eventName]")).to_have_value("Mine")
        form.locator("button[type=submit]").click()
        expect(page.locator("h1")).to_have_text("Mine")
        assert house.status(event_id)["totalTickets"] == 12


# --- hands and eyes ------------------------------------------------------------------------------


def test_tickets_are_booked_and_a_sale_is_ended_by_keyboard_alone(pages: Pages, house: Server) -> None:
    event_id = house.event(3, "Matinee")
    with pages.opened("/") as page:
        is_live(page)
        page.locator(f"[data-event='{event_id}']").wait_for()
        page.keyboard.press("Tab")
        expect(page.locator("#skip")).to_be_focused()
        page.keyboard.press("Enter")
        for _ in range(2):  # the button, then the newest event
            page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        expect(page.locator("h1")).to_be_focused()
        expect(page.locator("h1")).to_have_text("Matinee")
        page.keyboard.press("Tab")
        page.keyboard.type("ann")
        page.keyboard.press("Tab")
        page.keyboard.press("ArrowUp")
        page.keyboard.press("Enter")
        expect(page.locator(".own .order")).to_contain_text("ann")
        expect(page.locator(".own .times")).to_have_text("\u00d7 2")
        page.get_by_role("button", name="Give back…").press("Enter")
        page.keyboard.press("Enter")  # both
        expect(page.get_by_role("button", name="Hide")).to_be_focused()
        page.keyboard.press("Enter")
        expect(page.locator("#orders-title")).to_be_focused()
        page.locator("details[data-part=organise] summary").press("Enter")
        page.locator("[data-part=close]").press("Enter")
        expect(page.locator("dialog[open] [data-part=cancel]")).to_be_focused()  # the harmless one
        page.keyboard.press("Shift+Tab")
        page.keyboard.press("Enter")
        expect(page.locator("main .chip")).to_have_text("Closed")
        expect(page.locator("button[value=book]")).to_be_hidden()
        expect(page.locator("h1")).to_be_focused()


def test_everything_fits_on_a_phone(pages: Pages, house: Server) -> None:
    event_id = house.event(10_000_000, "W" * 200, salesCloseAt="2099-01-01T00:00:00Z")
    house.hold(event_id, "W" * 200, 7)
    with pages.opened("/", width=360, dark=True) as page:
        page.locator(f"[data-event='{event_id}']").wait_for()
        fits(page, 360)
        page.get_by_role("button", name="New event").click()
        page.locator("dialog[open] summary").click()
        fits(page, 360)
        page.keyboard.press("Escape")
        page.goto(f"{house.url}/#/events/{event_id}")
        page.locator(".log li").first.wait_for()
        book(page, "W" * 200)
        page.locator(".own .order").wait_for()
        for summary in page.locator("main summary").all():
            summary.click()
        fits(page, 360)
        page.locator("[data-part=close]").click()
        assert page.locator("dialog[open]").evaluate("each => each.scrollWidth <= each.clientWidth")


# --- a server that wants a key -------------------------------------------------------------------


def test_a_key_is_asked_for_where_one_is_needed(browser: Browser, database_url: str) -> None:
    chromium()
    key = api_key(database_url, Scope.READ, Scope.SELL)
    blind, boss = api_key(database_url, Scope.SELL), api_key(database_url, *Scope)
    server = Server("--database-url", database_url)
    try:
        with Pages(browser, server).opened("/", refused=8) as page:
            expect(page.locator("#connection")).to_have_text("Locked")
            page.goto(f"{server.url}/#/events/1")
            expect(page.locator("#locked-title")).to_have_text("This box office takes a key")
            page.goto(f"{server.url}/#/")
            page.get_by_role("button", name="Use a key").click()
            use_key(page, f"{key[:-4]}xxxx")
            expect(page.locator("dialog .problem")).to_contain_text("is not known")
            use_key(page, blind)
            expect(page.locator("main")).to_contain_text("The key in use is not one of those.")
            expect(page.locator("#connection")).to_have_text("Locked")
            page.get_by_role("button", name="Use a key").click()
            use_key(page, key)
            expect(page.locator("#welcome-title")).to_have_text("Nothing is on sale yet")
            is_live(page)  # by a handshake
            page.get_by_role("button", name="Make a sample event").click()
            expect(page.locator("main .problem")).to_contain_text("That takes a key with the scope organise")
            page.locator("#key-button").click()
            use_key(page, boss)
            page.get_by_role("button", name="Make a sample event").click()
            expect(page.locator(".log li")).to_have_count(1)
            page.get_by_label("For whom").fill("ann")
            page.locator("#key-button").click()
            use_key(page, key)
            expect(page.locator(".log-note")).to_contain_text("takes a key with the scope admin")
            expect(page.get_by_label("For whom")).to_have_value("ann")
            is_live(page)
            assert key not in page.url
            assert page.evaluate("localStorage.length") == 0
    finally:
        server.stop()


# --- a server that goes and comes back -----------------------------------------------------------


def test_a_page_says_that_it_has_lost_the_server_and_is_right_again_afterwards(
    pages: Pages, house: Server
) -> None:
    event_id = house.event(9, "Long run")
    with pages.opened(f"/#/events/{event_id}", breaks=True) as page:
        is_live(page)
        book(page, "ann", 2)
        expect(page.locator(".stub b")).to_have_text("7")
        house.kill()
        expect(page.locator("#connection")).to_have_text("Reconnecting")
        expect(page.locator("#notice")).to_contain_text("These numbers are")
        expect(page.locator("html")).to_have_attribute("data-stale", "true")
        house.start()
        house.book(event_id, "bob", 3)
        is_live(page)
        expect(page.locator(".stub b")).to_have_text("4")
        expect(page.locator("#notice")).to_be_hidden()
        expect(page.locator("html")).to_have_attribute("data-stale", "false")
