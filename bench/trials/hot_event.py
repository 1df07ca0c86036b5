"""Durable bookings per second on one hot event, as a ratio to a handler that does nothing.

    python bench/trials/hot_event.py [--seconds 3] [--rounds 3] [--connections 64 256] [--batch 100] [--key]

Starts `boxoffice serve` on a throw-away embedded database and `do_nothing.py` beside it, and lets wrk load
the two in turn, so that a machine that slows down slows both. Prints each round and the median ratio. With
`--batch`, so many bookings travel in one request; each still counts against a request that does nothing.
With `--key`, the client has an API key with a rate limit that it does not reach.
"""

import argparse

from findings import Findings, in_turn, median, parser, ratio
from stage import Stage, doing_nothing, end_on_sigterm, folder, new_key, serving
from wrk import BOOK, needed, succeeded, wrk

RATIO = 0.75


def compare(
    findings: Findings, stage: Stage, ceiling: str, connections: int, options: argparse.Namespace, key: str
) -> None:
    """Load both in turn. What counts is what the event says is booked."""
    event_id = stage.event(key=key)
    batch = [str(options.batch)] if options.batch else []
    p99_ms = {"bookings": 0.0, "nothing": 0.0}
    load = {"script": BOOK, "connections": connections, "seconds": options.seconds, "key": key}

    def bookings() -> float:
        before = stage.booked(event_id, key)
        p99_ms["bookings"] = succeeded(wrk(stage.url, event_id, *batch, **load)).p99_ms
        return (stage.booked(event_id, key) - before) / float(options.seconds)

    def nothing() -> float:
        seen = succeeded(wrk(ceiling, event_id, **load))
        p99_ms["nothing"] = seen.p99_ms
        return seen.rate

    print(f"{connections} connections")
    figures = in_turn(options.rounds, {"bookings": bookings, "nothing": nothing})
    note = f"p99 {p99_ms['bookings']:.1f} ms, doing nothing {p99_ms['nothing']:.1f} ms, in the last round"
    name = f"bookings on one event, {connections} connections"
    findings.tell(name, median(figures, "bookings"), "/s", note=note)
    findings.tell(f"doing nothing, {connections} connections", median(figures, "nothing"), "/s")
    findings.tell(f"{name}, to doing nothing", ratio(figures, "bookings", "nothing"), at_least=RATIO)


def main() -> None:
    """Run the trial."""
    options_of = parser(__doc__, seconds=3, rounds=3)
    options_of.add_argument("--connections", type=int, nargs="+", default=[64, 256])
    options_of.add_argument(
        "--batch", type=int, default=0, help="bookings in one request; 0: each has its own"
    )
    options_of.add_argument("--key", action="store_true", help="ask with an API key that has a rate limit")
    options = options_of.parse_args()
    needed()
    end_on_sigterm()
    findings = Findings("hot event")
    with folder(options.temporary) as data_dir:
        key = new_key(data_dir) if options.key else ""
        with serving(data_dir) as stage, doing_nothing() as ceiling:
            for connections in options.connections:
                compare(findings, stage, ceiling, connections, options, key)
    findings.write(options.json)


if __name__ == "__main__":
    main()
