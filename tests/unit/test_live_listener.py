"""One listener: what is written when, what is not, and when it is given up. The test is the network."""

from collections.abc import Callable

import pytest

from boxoffice.http.live.frames import HEARTBEAT, PING, chunk_of
from boxoffice.http.live.listener import UNSENT_MAX
from boxoffice.http.live.transports import WebSocketListener
from tests.unit.desk import NOW
from tests.unit.wires import PATIENCE, Ends, a_feed, at_version, stream, web_socket

EACH = {"websocket": web_socket, "stream": stream}
each = pytest.mark.parametrize("made", EACH.values(), ids=EACH)


def sent(ends: Ends, *versions: int) -> bool:
    """Whether these versions, and no others, have been written since the last time."""
    written, ends.wire.written = ends.wire.written, []
    expected = [b'"version":%d' % version for version in versions]
    return len(written) == len(expected) and all(
        part in data for part, data in zip(expected, written, strict=True)
    )


# --- newest wins ---------------------------------------------------------------------------------


@each
def test_a_listener_that_does_not_read_costs_one_slot_and_is_told_the_newest(
    made: Callable[[], Ends],
) -> None:
    ends, feed = made(), a_feed(1)
    ends.watch(feed)
    assert ends.listener.tell(feed, 0.0)
    assert sent(ends, 1)
    ends.wire.unread = UNSENT_MAX + 1
    for version in range(2, 6):
        feed.renew(at_version(version), NOW)
        assert not ends.listener.tell(feed, 0.1)
        ends.listener.catch_up(0.1)
    assert sent(ends)
    assert list(ends.listener.behind) == [feed]
    ends.wire.unread = UNSENT_MAX
    ends.listener.catch_up(0.2)
    assert sent(ends, 5)
    assert not ends.listener.behind
    assert not ends.listener.tell(feed, 0.3), "it has that one"


@each
def test_who_is_behind_is_not_overtaken_by_what_comes_later(made: Callable[[], Ends]) -> None:
    ends, first, second = made(), a_feed(1), a_feed(2)
    ends.watch(first)
    ends.watch(second)
    ends.wire.unread = UNSENT_MAX + 1
    assert not ends.listener.tell(first, 0.0)
    ends.wire.unread = 0
    assert not ends.listener.tell(second, 0.0)
    ends.listener.catch_up(0.0)
    assert sent(ends, 1, 2)


@each
def test_nothing_is_told_that_is_not_watched_or_that_the_client_has(made: Callable[[], Ends]) -> None:
    ends, feed = made(), a_feed(3)
    assert not ends.listener.tell(feed, 0.0)
    ends.watch(feed)
    ends.listener.since = 4
    assert not ends.listener.tell(feed, 0.0)
    feed.renew(at_version(5), NOW)
    assert ends.listener.tell(feed, 0.0)
    assert sent(ends, 5)


@each
async def test_nothing_follows_the_end(made: Callable[[], Ends]) -> None:
    ends, feed = made(), a_feed()
    ends.watch(feed)
    ends.listener.end(1001, "the server is shutting down")
    ends.listener.end(1013, "too slow")
    last = len(ends.wire.written)
    ends.listener.tell(feed, 0.0)
    assert len(ends.wire.written) == last
    assert ends.listener.ended == "the server is shutting down"
    if isinstance(ends.listener, WebSocketListener):
        await ends.listener.closed()
        assert ends.socket.codes == [1001]


@each
def test_nothing_is_written_to_a_client_that_has_gone(made: Callable[[], Ends]) -> None:
    ends, feed = made(), a_feed()
    ends.watch(feed)
    ends.wire.is_closed = True
    ends.listener.tell(feed, 0.0)
    assert ends.listener.is_gone


def test_nothing_follows_the_close_frame_that_aiohttp_has_sent() -> None:
    ends, feed = web_socket(), a_feed()
    ends.watch(feed)
    ends.socket.closed = True
    ends.listener.tell(feed, 0.0)
    assert ends.wire.written == []
    assert ends.listener.is_gone


# --- pings ---------------------------------------------------------------------------------------


def test_a_ping_goes_with_what_is_told_every_two_seconds() -> None:
    ends, feed = web_socket(), a_feed()
    assert isinstance(ends.listener, WebSocketListener)
    ends.watch(feed)
    pinged = []
    for version, now_s in enumerate((0.0, 1.9, 2.0, 2.1, 3.9), start=2):
        feed.renew(at_version(version), NOW)
        assert ends.listener.tell(feed, now_s)
        pinged.append(ends.wire.written[-1].endswith(PING))
    assert pinged == [False, False, True, False, False]
    feed.renew(at_version(7), NOW)
    assert not ends.listener.tell(feed, 4.0), "two seconds without an answer are enough to wait with the next"
    feed.renew(at_version(8), NOW)
    ends.listener.catch_up(5.0)
    assert sent(ends, 2, 3, 4, 5, 6)
    ends.listener.answered(5.1)
    assert sent(ends, 8)


def test_who_answers_no_ping_is_stuck_and_who_does_is_not() -> None:
    ends = web_socket()
    assert isinstance(ends.listener, WebSocketListener)
    begun_s = PATIENCE.idle_ping_every_s
    ends.listener.keep_alive(begun_s - 0.1)
    assert ends.wire.written == []
    ends.listener.keep_alive(begun_s)
    ends.listener.keep_alive(begun_s + 1.0)
    assert ends.wire.written == [PING]
    assert not ends.listener.is_stuck(begun_s + PATIENCE.stuck_s - 0.1)
    assert ends.listener.is_stuck(begun_s + PATIENCE.stuck_s)
    ends.listener.answered(begun_s + PATIENCE.stuck_s)
    assert not ends.listener.is_stuck(begun_s + 2 * PATIENCE.stuck_s)


def test_a_stream_has_a_heartbeat_when_nothing_is_told() -> None:
    for is_chunked, heartbeat in ((True, chunk_of(HEARTBEAT)), (False, HEARTBEAT)):
        ends, feed = stream(is_chunked=is_chunked), a_feed()
        ends.watch(feed)
        ends.listener.tell(feed, 10.0)
        ends.listener.keep_alive(34.9)
        assert len(ends.wire.written) == 1
        ends.listener.keep_alive(35.0)
        ends.listener.keep_alive(36.0)
        assert ends.wire.written[1:] == [heartbeat]


# --- given up ------------------------------------------------------------------------------------


@each
def test_who_reads_nothing_is_stuck_and_who_reads_slowly_is_not(made: Callable[[], Ends]) -> None:
    ends = made()
    looks = [float(second) for second in range(30)]
    ends.wire.unread = 5_000
    assert [ends.listener.is_stuck(now_s) for now_s in looks[:12]] == [False] * 10 + [True] * 2
    ends.wire.unread = 0
    assert not ends.listener.is_stuck(12.0)
    for now_s, unread in zip(looks, [16_000, 15_000, 15_600, 16_200] * 10, strict=False):
        ends.wire.unread = unread
        assert not ends.listener.is_stuck(20.0 + now_s), "it has read something since"


@each
def test_who_always_has_something_under_way_is_not_stuck(made: Callable[[], Ends]) -> None:
    """Far away, what was sent last is still on its way at every look."""
    ends, feed = made(), a_feed()
    ends.watch(feed)
    for second in range(1, 40):
        feed.renew(at_version(1 + second), NOW)
        assert ends.listener.tell(feed, second / 100)  # all before the first ping is due
        ends.wire.unread = len(ends.wire.written[-1])
        assert not ends.listener.is_stuck(float(second))
    assert ends.listener.is_stuck(39.0 + PATIENCE.stuck_s), "and then it has vanished"


@each
def test_who_does_not_read_the_last_word_is_cut_off(made: Callable[[], Ends]) -> None:
    ends = made()
    ends.listener.cut_off()
    assert not ends.wire.is_aborted
    ends.wire.unread = 1
    ends.listener.cut_off()
    assert ends.wire.is_aborted


def test_a_stream_says_why_it_ends_where_it_still_can() -> None:
    ends = stream(is_chunked=False)
    ends.listener.end(1013, "too slow")
    assert ends.wire.written == [b'event: close\ndata: {"code":1013,"reason":"too slow"}\n\n']
    stuck = stream()
    stuck.wire.unread = UNSENT_MAX + 1
    stuck.listener.end(1013, "too slow")
    assert stuck.wire.written == []
