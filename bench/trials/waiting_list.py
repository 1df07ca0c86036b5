"""What a long waiting list costs: one look-up of a position, and one cancellation that promotes.

    python bench/trials/waiting_list.py [--waiting 100000] [--rounds 5]

The state machine alone, on the main thread: no HTTP and no database. The baseline is the same event with a
thousand in line, in the same run. Prints microseconds for each, and the ratio of the two.
"""

import random
import statistics
import time

from findings import Findings, parser

from boxoffice.actors.inventory import Inventory
from boxoffice.actors.messages import Book, Cancel, Command, Find, Initialize
from boxoffice.actors.values import CustomerId, EventId, Instant, OrderId

BASELINE = 1_000
ASKED = 500
NOW = Instant(1_000_000)


def sold_out(waiting: int) -> Inventory:
    """An event whose first orders have a ticket each; so many more wait."""
    event = Inventory(EventId(1))
    event.handle(Initialize("Concert", ASKED), NOW)
    for number in range(ASKED + waiting):
        event.handle(Book(OrderId(f"{number:09}"), CustomerId(f"customer {number}")), NOW)
    return event


def each_us(event: Inventory, commands: list[Command]) -> float:
    """Microseconds that one of the commands takes."""
    began = time.perf_counter_ns()
    for command in commands:
        event.handle(command, NOW)
    return (time.perf_counter_ns() - began) / len(commands) / 1_000


def measure(waiting: int) -> tuple[float, float]:
    """Microseconds of a look-up anywhere in line, and of a cancellation that promotes."""
    event = sold_out(waiting)
    dice = random.Random(waiting)
    in_line = [OrderId(f"{dice.randrange(ASKED, ASKED + waiting):09}") for _ in range(ASKED)]
    event.handle(Find(in_line[0]), NOW)  # the first look-up makes the index
    found = each_us(event, [Find(order_id) for order_id in in_line])
    cancelled = each_us(event, [Cancel(OrderId(f"{number:09}")) for number in range(ASKED)])
    if event.status.waiting != waiting - ASKED:
        raise SystemExit("not every cancellation promoted")
    return found, cancelled


def main() -> None:
    """Run the trial."""
    options_of = parser(__doc__, rounds=5)
    options_of.add_argument("--waiting", type=int, default=100_000)
    options = options_of.parse_args()
    findings = Findings("waiting list")
    rounds = [(measure(options.waiting), measure(BASELINE)) for _ in range(options.rounds)]
    for number, name in enumerate(("look-up of a position", "cancellation that promotes")):
        many, few = (statistics.median(each[size][number] for each in rounds) for size in (0, 1))
        findings.tell(f"{name}, {options.waiting:,} waiting", many, "us")
        findings.tell(f"{name}, {BASELINE:,} waiting", few, "us")
        findings.tell(f"{name}, {options.waiting:,} to {BASELINE:,} waiting", many / few)
    findings.write(options.json)


if __name__ == "__main__":
    main()
