"""What an event costs that nobody asks for: 100,000 of them, resident, each with its actor.

    python bench/trials/idle_events.py [--events 100000]

The memory in use, divided by the events: of a process that has rebuilt them and nothing else (see
`rebuild.py`); of `boxoffice serve`, beyond what it takes with no event; and of that server once a ticket of
each has been booked, so that each has done all that an event does.
"""

from contextlib import closing

from filling import Filled, fill, settle
from findings import Findings, parser
from probe import Client, request
from rebuild import rebuilt
from stage import Stage, connected, database, end_on_sigterm, folder, serving

BYTES_EACH = 4 * 1024
COMMANDS = 1_000
"""In one batch."""


def book_each(stage: Stage, events: Filled) -> None:
    """One ticket of each. Ends here if one is refused."""
    with closing(Client(*stage.address)) as client:
        for first in range(0, len(events.ids), COMMANDS):
            ids = events.ids[first : first + COMMANDS]
            commands = [{"do": "book", "eventId": str(each), "userId": "ann"} for each in ids]
            results = client.document(request("POST", "/batch", {"commands": commands}), 200)["results"]
            if any(each["status"] != 201 for each in results):
                raise SystemExit(f"not everything was booked: {results[:3]} …")


def main() -> None:
    """Run the trial."""
    options_of = parser(__doc__)
    options_of.add_argument("--events", type=int, default=100_000)
    options = options_of.parse_args()
    end_on_sigterm()
    findings = Findings("idle events")
    many = options.events
    with folder(options.temporary) as data_dir:
        with serving(data_dir) as stage:
            empty = stage.resident_bytes
        with database(data_dir) as url:
            with connected(url) as connection:
                events = fill(connection, many, spare=100)
                settle(connection)
            found = rebuilt(url)
        if found.events != many:
            raise SystemExit(f"{found.events} events came back")
        alone = f"memory of an idle event, of {many:,}, in a process that has nothing else"
        findings.tell("idle events rebuilt at start-up", found.events / found.took_s, "/s")
        findings.tell(alone, found.bytes / many, "bytes", at_most=BYTES_EACH)
        with serving(data_dir) as stage:
            each = (stage.resident_bytes - empty) / many
            note = f"the server takes {empty / 2**20:.0f} MiB without any"
            findings.tell("the same in a server", each, "bytes", at_most=BYTES_EACH, note=note)
            book_each(stage, events)
            stage.check()
            each = (stage.resident_bytes - empty) / many
            findings.tell(
                "the same once each has booked an order",
                *(each, "bytes"),
                at_most=BYTES_EACH,
                note="with that order, and what the database's driver and the log grew by",
            )
    findings.write(options.json)


if __name__ == "__main__":
    main()
