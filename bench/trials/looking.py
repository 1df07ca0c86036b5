"""`GET /status` beside a handler that does nothing: how many a second, and how late while bookings pour in.

    python bench/trials/looking.py [--seconds 2] [--rounds 3] [--connections 64]

The rate is of a closed loop of wrk's on either, in turn. For the latency, wrk books in a closed loop on one
hot event (or pretends to, at the handler that does nothing), while others look 200 times a second at the
status of that event, on connections of their own; late answers count from when they were due.
"""

import argparse
from collections.abc import Callable
from statistics import median as median_of

from findings import Findings, in_turn, median, parser, percentile, ratio
from probe import looks_ms, request
from stage import address_of, doing_nothing, end_on_sigterm, staged
from wrk import BOOK, loading, needed, read, succeeded, wrk

RATIO = 0.9
LOOKS_A_SECOND = 200


def rate_of(url: str, event_id: str, options: argparse.Namespace) -> Callable[[], float]:
    """A run of looks only."""
    how = {"connections": options.connections, "seconds": options.seconds}
    return lambda: succeeded(wrk(f"{url}/status/{event_id}", **how)).rate


def hammered(url: str, event_id: str, options: argparse.Namespace) -> Callable[[], list[float]]:
    """A run of bookings, and the latencies of looks meanwhile."""
    look = request("GET", f"/status/{event_id}")

    def run() -> list[float]:
        how = {"script": BOOK, "connections": options.connections, "seconds": options.seconds}
        with loading(url, event_id, **how) as process:
            found = looks_ms(address_of(url), lambda: look, LOOKS_A_SECOND, lambda: process.poll() is None)
            said, _ = process.communicate(timeout=30)
        succeeded(read(said))
        return found

    return run


def measure(findings: Findings, real: str, ceiling: str, event_id: str, options: argparse.Namespace) -> None:
    """Both, in turn."""
    urls = {"status": real, "nothing": ceiling}
    figures = in_turn(options.rounds, {name: rate_of(url, event_id, options) for name, url in urls.items()})
    findings.tell("GET /status", median(figures, "status"), "/s")
    findings.tell("GET that does nothing", median(figures, "nothing"), "/s")
    findings.tell("GET /status, to doing nothing", ratio(figures, "status", "nothing"), at_least=RATIO)
    runs = {name: hammered(url, event_id, options) for name, url in urls.items()}
    late: dict[str, list[float]] = {name: [] for name in urls}

    def p99_of(name: str) -> Callable[[], float]:
        def run() -> float:
            found = runs[name]()
            late[name] += found
            return percentile(found, 99)

        return run

    worst = in_turn(options.rounds, {name: p99_of(name) for name in urls}, " ms p99", warm_up=False)
    for name, what in (("status", "GET /status"), ("nothing", "GET that does nothing")):
        note = f"median {median_of(late[name]):.1f} ms, of {len(late[name]):,}"
        findings.tell(f"p99 of {what} while hammered", median(worst, name), "ms", note=note)
    what = "p99 of GET /status while hammered, to doing nothing"
    findings.tell(what, ratio(worst, "status", "nothing"), at_most=1.0)


def main() -> None:
    """Run the trial."""
    options_of = parser(__doc__, seconds=2, rounds=3)
    options_of.add_argument("--connections", type=int, default=64)
    options = options_of.parse_args()
    needed()
    end_on_sigterm()
    findings = Findings("looking")
    with staged(options.temporary) as stage, doing_nothing() as ceiling:
        measure(findings, stage.url, ceiling, stage.event(), options)
    findings.write(options.json)


if __name__ == "__main__":
    main()
