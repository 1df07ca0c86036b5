"""The newest state of what is watched: what is newer, what is not, and what the time alone changes."""

import json
from typing import Any

from boxoffice.actors.values import OrderId, Terms
from boxoffice.http.live.feeds import EventFeed, Feed, OrderFeed
from tests.unit.desk import CANCELLED, CONFIRMED, EVENT, NOW, WAITLISTED, after, an_order
from tests.unit.wires import a_feed, at_version

A_MINUTE = Terms(sales_open_at=after(60), sales_close_at=after(120))


def said(feed: Feed) -> Any:
    """Its message."""
    assert feed.frame is not None
    return json.loads(feed.frame.text[4:])  # all of them have from 126 to 65,535 bytes


def test_the_newest_wins_and_what_is_older_or_the_same_is_no_news() -> None:
    feed = a_feed(3)
    assert [feed.renew(at_version(version), NOW) for version in (2, 3)] == [False, False]
    assert (said(feed)["version"], feed.edition) == (3, 1)
    assert feed.renew(at_version(7), NOW)
    assert (said(feed)["version"], said(feed)["bookedTickets"], feed.edition) == (7, 6, 2)


def test_the_time_makes_news_without_a_version() -> None:
    feed, status = EventFeed(EVENT), at_version(1, A_MINUTE)
    states = []
    for seconds in (0, 59, 60, 119, 120, 500):
        now = after(seconds)
        assert feed.is_outdated(status, now) == feed.renew(status, now)
        states.append((said(feed)["state"], feed.version, feed.edition))
    assert [state for state, _, _ in states] == ["scheduled"] * 2 + ["open"] * 2 + ["closed"] * 2
    assert [edition for _, _, edition in states] == [1, 1, 2, 2, 3, 3]
    assert not feed.renew(at_version(0, A_MINUTE), after(0)), "an older one has another state, and is no news"


def test_an_event_is_timed_if_its_state_may_change_without_a_version() -> None:
    feed = EventFeed(EVENT)
    for version, status, is_timed in (
        (1, at_version(1), False),
        (2, at_version(2, Terms(sales_open_at=after(60))), True),
        (3, at_version(3, Terms(sales_close_at=after(60))), True),
        (4, at_version(4, A_MINUTE, closed_at=NOW), False),
    ):
        assert feed.renew(status, NOW)
        assert feed.is_timed == is_timed, version


def test_an_order_is_news_when_it_or_its_position_has_changed() -> None:
    waiting = an_order("bob", 1, WAITLISTED, place=2)
    feed = OrderFeed(EVENT, OrderId("bob"))
    assert feed.renew(waiting, 2, 2)
    assert said(feed) == said(feed) | {"type": "order", "status": "waitlisted", "position": 2, "version": 2}
    assert not feed.renew(waiting, 3, 2), "others have changed"
    assert feed.renew(waiting, 4, 1)
    assert not feed.renew(waiting, 3, 2), "that was before"
    assert feed.renew(an_order("bob", 1, CONFIRMED), 5, None)
    assert "position" not in said(feed)
    assert not feed.is_settled
    assert feed.renew(an_order("bob", 1, CANCELLED), 6, None)
    assert feed.is_settled
