"""What Prometheus is shown: every figure under its name, in both formats, and only so many series."""

from collections.abc import AsyncIterator, Iterable
from typing import Any, cast

import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read_openmetrics
from prometheus_client.parser import text_string_to_metric_families as read_text
from prometheus_client.samples import Sample

from boxoffice.actors.changes import OrderCancelled, TicketsBooked
from boxoffice.actors.directory import Directory
from boxoffice.actors.figures import JournalFigures, Outcome
from boxoffice.actors.values import CustomerId, EventId, Instant, OrderId
from boxoffice.http.catalogue import CALLS
from boxoffice.http.live.listener import ListenerFigures
from boxoffice.http.operating.lag import LoopLag
from boxoffice.http.operating.metrics import REQUEST_BOUNDS_S, Metrics, RequestFigures
from boxoffice.http.problems import STATUS_AND_TITLE

OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.2"


class FakeDirectory:
    """What a directory says of itself."""

    rebuilds = 3
    in_flight = 4
    mailbox_depth = 5
    residents = 6
    live_orders = 7
    quarantined = {EventId(7): "why", EventId(8): "why"}  # noqa: RUF012


class FakeAudience:
    """What an audience says of itself."""

    def __init__(self) -> None:
        self.figures = ListenerFigures()

    def by_transport(self) -> dict[str, int]:
        """Two on sockets, three on streams."""
        return {"websocket": 2, "sse": 3}


class Figures:
    """All figures, and who asks for them over HTTP."""

    def __init__(self) -> None:
        self.requests, self.journal, self.lag = RequestFigures(), JournalFigures(), LoopLag()
        self.audience = FakeAudience()
        directory: Any = FakeDirectory()
        audience: Any = self.audience
        self.metrics = Metrics(
            *(self.requests, self.journal, cast("Directory", directory), self.lag, range(8), audience),
            lambda: 9,
        )
        self.client: TestClient[Any, Any]

    async def get(self, accept: str = "") -> tuple[str, str]:
        headers = {"Accept": accept} if accept else {}
        async with self.client.get("/metrics", headers=headers) as answered:
            assert answered.status == 200
            return answered.headers["Content-Type"], await answered.text()

    async def samples(self) -> list[Sample]:
        """All of ours."""
        _, text = await self.get()
        return [
            sample
            for family in read_text(text)
            for sample in family.samples
            if sample.name.startswith("boxoffice_")
        ]

    async def values(self, **labels: str) -> dict[str, float]:
        """The values of the samples with exactly these labels, by name without the prefix."""
        found = [sample for sample in await self.samples() if sample.labels == labels]
        return {sample.name.removeprefix("boxoffice_"): sample.value for sample in found}


@pytest.fixture
async def figures() -> AsyncIterator[Figures]:
    figures = Figures()
    app = web.Application()
    app.add_routes([web.get("/metrics", figures.metrics.metrics)])
    async with TestClient(TestServer(app)) as client:
        figures.client = client
        yield figures


async def test_levels_are_as_they_are_now(figures: Figures) -> None:
    assert await figures.values() == {
        **dict.fromkeys(
            (
                *("bookings_total", "holds_total", "waits_total", "promotions_total", "confirmations_total"),
                *("cancellations_total", "expiries_total", "fences_lost_total", "unauthenticated_total"),
                *("commit_duration_seconds_count", "commit_duration_seconds_sum"),
                *("commit_requests_count", "commit_requests_sum", "loop_lag_seconds"),
                "listener_messages_total",
            ),
            0.0,
        ),
        "rebuilds_total": 3.0,
        "requests_in_flight": 4.0,
        "mailbox_depth": 5.0,
        "events_resident": 6.0,
        "orders_resident": 7.0,
        "events_quarantined": 2.0,
        "connections_open": 8.0,
        "log_lines_skipped_total": 9.0,
    }


async def test_requests_are_told_by_call_and_status(figures: Figures) -> None:
    for status, duration_s in ((201, 0.004), (201, 0.005), (409, 99.0)):
        figures.requests.observe("book", status, duration_s)
    assert await figures.values(call="book", status="201") == {"http_requests_total": 2.0}
    assert await figures.values(call="book", status="409") == {"http_requests_total": 1.0}
    took = await figures.values(call="book")
    assert took == {
        "http_request_duration_seconds_count": 3.0,
        "http_request_duration_seconds_sum": pytest.approx(99.009),
    }
    buckets = [await figures.values(call="book", le=le) for le in ("0.0025", "0.005", "10.0", "+Inf")]
    assert [bucket["http_request_duration_seconds_bucket"] for bucket in buckets] == [0.0, 2.0, 2.0, 3.0]


async def test_whoever_is_refused_at_the_door_is_counted_by_who_they_are(figures: Figures) -> None:
    for principal_id in ("key:abc", "key:abc", "customer:ann", "", "somebody:else"):
        figures.requests.rate_limited(principal_id)
    figures.requests.observe("book", 401, 0.001)
    figures.requests.observe("orders", 401, 0.001)
    found = [await figures.values(by=by) for by in ("key", "customer", "address")]
    assert [each["rate_limited_total"] for each in found] == [2.0, 1.0, 2.0]
    assert (await figures.values())["unauthenticated_total"] == 2.0


async def test_what_is_committed_is_told_by_what_it_is(figures: Figures) -> None:
    booked = TicketsBooked(2, Instant(1), OrderId("o"), CustomerId("ann"), 3)
    figures.journal.commit([booked, booked, OrderCancelled(3, Instant(1), OrderId("o"))], 20)
    figures.journal.commit_s.observe(0.003)
    figures.journal.outcomes[Outcome.IN_DOUBT] += 1
    figures.journal.fences_lost += 2
    told = await figures.values()
    assert (told["bookings_total"], told["cancellations_total"]) == (2.0, 1.0)
    assert (told["commit_requests_sum"], told["commit_duration_seconds_sum"]) == (20.0, 0.003)
    assert told["fences_lost_total"] == 2.0
    assert await figures.values(outcome="in_doubt") == {"commits_total": 1.0}
    assert await figures.values(outcome="refused") == {"commits_total": 0.0}


async def test_listeners_are_told_by_how_they_listen_and_why_they_were_dropped(figures: Figures) -> None:
    figures.audience.figures.messages = 7
    figures.audience.figures.dropped["slow"] += 2
    told = [await figures.values(transport=each) for each in ("websocket", "sse")]
    assert [each["listeners"] for each in told] == [2.0, 3.0]
    dropped = [await figures.values(reason=each) for each in ("slow", "key", "messages")]
    assert [each["listeners_dropped_total"] for each in dropped] == [2.0, 0.0, 0.0]
    assert (await figures.values())["listener_messages_total"] == 7.0


async def test_both_formats_say_the_same_and_what_they_are(figures: Figures) -> None:
    for call in CALLS:
        figures.requests.observe(call.name, 200, 0.02)
    kind, text = await figures.get()
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    other_kind, open_text = await figures.get(OPENMETRICS)
    assert other_kind == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    assert open_text.endswith("# EOF\n")

    def ours(families: Iterable[Metric]) -> set[object]:
        return {
            (each.name, tuple(sorted(each.labels.items())), each.value)
            for family in families
            for each in family.samples
            if each.name.startswith("boxoffice_")
        }

    assert ours(read_text(text)) == ours(read_openmetrics(open_text))  # type: ignore[no-untyped-call]
    assert len(ours(read_text(text))) > len(CALLS) * len(REQUEST_BOUNDS_S)


async def test_the_process_is_told_of_too(figures: Figures) -> None:
    _, text = await figures.get()
    names = {family.name for family in read_text(text)}
    assert {
        "process_resident_memory_bytes",
        "process_cpu_seconds",
        "python_info",
        "python_gc_collections",
    } <= names


async def test_every_figure_says_what_it_means(figures: Figures) -> None:
    for call in CALLS:
        figures.requests.observe(call.name, 200, 0.02)
    _, text = await figures.get()
    families = [family for family in read_text(text) if family.name.startswith("boxoffice_")]
    assert all(len(family.documentation) > 10 for family in families)
    assert len({family.documentation for family in families}) == len(families)


async def test_nobody_can_make_more_series_than_there_are_calls_and_statuses(figures: Figures) -> None:
    statuses = {status for status, _ in STATUS_AND_TITLE.values()} | {200, 201, 202, 304}
    for number in range(10_000):
        figures.requests.observe(f"/orders/{number}", 404, 0.001)
        figures.requests.rate_limited(f"customer-{number}:{number}")
    for call in CALLS:
        for status in statuses:
            figures.requests.observe(call.name, status, 0.001)
    samples = await figures.samples()
    calls = len(CALLS) + 1
    assert len(samples) < calls * (len(statuses) + len(REQUEST_BOUNDS_S) + 3) + 80
    assert await figures.values(call="unknown", status="404") == {"http_requests_total": 10_000.0}


async def test_what_is_asked_for_in_odd_ways_is_told_as_text(figures: Figures) -> None:
    for accept in ("*/*", "text/html", "application/openmetrics", ";;,,", "\tq=x"):
        kind, _ = await figures.get(accept)
        assert kind.startswith(("text/plain", "application/openmetrics-text"))
