"""`GET /metrics`: what the server counts, as Prometheus reads it, in its text format or as OpenMetrics.

Counting is done elsewhere, with plain numbers (`actors/figures.py`, `RequestFigures`); here they get their
names, when somebody asks. The number of series is bounded: calls are those of the catalogue, statuses and
kinds our own words; no event, order, customer or path is ever a label. Called on the event loop.
"""

import asyncio
from bisect import bisect_left
from collections.abc import Callable, Iterator, Sequence, Sized
from http import HTTPStatus

from aiohttp import web
from prometheus_client import CollectorRegistry, GCCollector, PlatformCollector, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric
from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4, generate_latest
from prometheus_client.openmetrics import exposition as openmetrics
from prometheus_client.registry import Collector

from boxoffice.actors.directory import Directory
from boxoffice.actors.figures import Histogram, JournalFigures
from boxoffice.http.catalogue import CALLS
from boxoffice.http.handlers import Handler
from boxoffice.http.live.audience import Audience
from boxoffice.http.operating.lag import LoopLag

REQUEST_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)

ADDRESS = "address"
LIMITED_BY = ("key", "customer", ADDRESS)
"""Whose rate limit refused a request."""

UNKNOWN = "unknown"
"""What a request was for that is no call of ours."""

_OPENMETRICS = openmetrics.generate_latest, openmetrics.CONTENT_TYPE_LATEST
_TEXT = generate_latest, CONTENT_TYPE_PLAIN_0_0_4


class CallFigures:
    """Of one call: how many requests by status, and how long they took."""

    __slots__ = ("counts", "statuses", "total_s")

    def __init__(self) -> None:
        self.statuses: dict[int, int] = {}
        self.counts = [0] * (len(REQUEST_BOUNDS_S) + 1)
        self.total_s = 0.0


class RequestFigures:
    """Of all requests. Told by the door, on the event loop."""

    def __init__(self) -> None:
        self.calls = {call.name: CallFigures() for call in CALLS}
        self.unknown = self.calls[UNKNOWN] = CallFigures()
        self.limited = dict.fromkeys(LIMITED_BY, 0)

    def observe(self, call_name: str, status: int, duration_s: float) -> None:
        """Count one request that was answered: to a call of the catalogue, or to anything else. 0.4 µs."""
        call = self.calls.get(call_name, self.unknown)
        call.counts[bisect_left(REQUEST_BOUNDS_S, duration_s)] += 1
        call.total_s += duration_s
        call.statuses[status] = call.statuses.get(status, 0) + 1

    def rate_limited(self, principal_id: str) -> None:
        """Count one that was one too many: for a key, for a customer, or for the address of somebody who is
        neither.
        """
        kind = principal_id.partition(":")[0]
        self.limited[kind if kind in self.limited else ADDRESS] += 1


class _Taken(Collector):
    """Figures that were taken before, and what is known of the process, which is looked up."""

    def __init__(self, taken: list[Metric], process: CollectorRegistry) -> None:
        self._taken = taken
        self._process = process

    def collect(self) -> Iterator[Metric]:
        """All of it."""
        yield from self._taken
        yield from self._process.collect()


class Metrics:
    """The call. `connections` are those of clients; `log_lines_skipped` says how many there have been."""

    def __init__(
        self,
        requests: RequestFigures,
        journal: JournalFigures,
        directory: Directory,
        lag: LoopLag,
        connections: Sized,
        audience: Audience,
        log_lines_skipped: Callable[[], int] = lambda: 0,
    ) -> None:
        self._requests = requests
        self._journal = journal
        self._directory = directory
        self._lag = lag
        self._connections = connections
        self._audience = audience
        self._log_lines_skipped = log_lines_skipped
        self._process = CollectorRegistry()
        for collector in (ProcessCollector, PlatformCollector, GCCollector):
            collector(registry=self._process)

    def handlers(self) -> dict[str, Handler]:
        """The handler of each call, by its name."""
        return {"metrics": self.metrics}

    async def metrics(self, request: web.Request) -> web.Response:
        """All figures, taken at once, and written on another thread: with every call and status in use and
        10,000 connections that takes 0.7 ms and 15 ms.
        """
        write, content_type = _OPENMETRICS if "openmetrics" in request.headers.get("Accept", "") else _TEXT
        body = await asyncio.to_thread(write, _Taken(list(self.take()), self._process))
        return web.Response(body=body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})

    def take(self) -> Iterator[Metric]:
        """The figures as they are now, under the names that Prometheus knows them by."""
        yield from self._of_requests()
        yield from self._of_sales()
        yield from self._of_commits()
        yield from self._of_listeners()
        yield from self._levels()

    def _of_requests(self) -> Iterator[Metric]:
        requests = _counter("http_requests", "Requests answered, by call and status.", ["call", "status"])
        durations = HistogramMetricFamily(
            "boxoffice_http_request_duration_seconds",
            "From a request's headers to its answer, in seconds, by call.",
            labels=["call"],
        )
        unauthenticated = 0
        for name, call in self._requests.calls.items():
            unauthenticated += call.statuses.get(HTTPStatus.UNAUTHORIZED, 0)
            for status, number in call.statuses.items():
                requests.add_metric([name, str(status)], number)
            if call.statuses:
                durations.add_metric([name], _buckets(REQUEST_BOUNDS_S, call.counts), call.total_s)
        limited = _counter("rate_limited", "Requests refused by a rate limit, by whose it was.", ["by"])
        for by, number in self._requests.limited.items():
            limited.add_metric([by], number)
        yield from (requests, durations, limited)
        yield _count("unauthenticated", "Requests without a valid API key or token.", unauthenticated)

    def _of_sales(self) -> Iterator[Metric]:
        for name, meaning in _SALES.items():
            yield _count(name, f"Committed: {meaning}.", self._journal.sales[name])

    def _of_commits(self) -> Iterator[Metric]:
        figures = self._journal
        commits = _counter("commits", "Transactions of the journal, by how they ended.", ["outcome"])
        for outcome, number in figures.outcomes.items():
            commits.add_metric([outcome.value], number)
        yield commits
        took = "From a transaction's being put together to its answer, in seconds, if it was committed."
        yield _histogram("commit_duration_seconds", took, figures.commit_s)
        answers = "Requests whose answers waited for one committed transaction."
        yield _histogram("commit_requests", answers, figures.commit_requests)
        yield _count("fences_lost", "Events found to be another server's when written.", figures.fences_lost)
        yield _count("rebuilds", "Events read back from the database on demand.", self._directory.rebuilds)

    def _of_listeners(self) -> Iterator[Metric]:
        figures = self._audience.figures
        listeners = GaugeMetricFamily(
            "boxoffice_listeners", "Connections that watch, by transport.", labels=["transport"]
        )
        for transport, number in self._audience.by_transport().items():
            listeners.add_metric([transport], number)
        dropped = _counter("listeners_dropped", "Listeners that we closed, by why.", ["reason"])
        for reason, number in figures.dropped.items():
            dropped.add_metric([reason], number)
        yield from (listeners, dropped)
        yield _count("listener_messages", "Messages sent to listeners.", figures.messages)

    def _levels(self) -> Iterator[Metric]:
        directory = self._directory
        shut, open_connections = len(directory.quarantined), len(self._connections)
        yield _level("requests_in_flight", "Requests admitted and not answered.", directory.in_flight)
        yield _level("mailbox_depth", "Messages in all actors' inboxes.", directory.mailbox_depth)
        yield _level("events_resident", "Events in memory.", directory.residents)
        yield _level("orders_resident", "Live orders of these events, as committed.", directory.live_orders)
        yield _level("events_quarantined", "Events out of service: /readyz?verbose names them.", shut)
        yield _level("connections_open", "Connections of clients.", open_connections)
        lag = "How late the event loop came to what was due, at the worst in the last 5 to 10 s, in seconds."
        yield _level("loop_lag_seconds", lag, self._lag.worst_s)
        skipped = "Lines that were not logged, since there were too many of their kind."
        yield _count("log_lines_skipped", skipped, self._log_lines_skipped())


_SALES = {
    "bookings": "orders that got their tickets at once, for good",
    "holds": "orders that got their tickets at once, for a time",
    "waits": "orders that joined a waiting list",
    "promotions": "orders that left a waiting list with their tickets, booked or offered",
    "confirmations": "holds and offers that were confirmed",
    "cancellations": "orders cancelled as a whole, also held, offered and waiting ones",
    "expiries": "holds and offers that were not confirmed in time",
}


def _counter(name: str, meaning: str, labels: Sequence[str]) -> CounterMetricFamily:
    return CounterMetricFamily(f"boxoffice_{name}", meaning, labels=labels)


def _count(name: str, meaning: str, number: int) -> Metric:
    return CounterMetricFamily(f"boxoffice_{name}", meaning, number)


def _level(name: str, meaning: str, level: float) -> Metric:
    return GaugeMetricFamily(f"boxoffice_{name}", meaning, level)


def _histogram(name: str, meaning: str, histogram: Histogram) -> Metric:
    buckets = _buckets(histogram.bounds, histogram.counts)
    return HistogramMetricFamily(f"boxoffice_{name}", meaning, buckets, histogram.total)


def _buckets(bounds: Sequence[float], counts: Sequence[int]) -> list[tuple[str, float]]:
    """Prometheus' buckets: each has what is in those before it, too."""
    found: list[tuple[str, float]] = []
    so_far = 0
    for bound, number in zip((*(str(float(bound)) for bound in bounds), "+Inf"), counts, strict=True):
        so_far += number
        found.append((bound, so_far))
    return found
