"""boxoffice beside what else one would build: the same request, the same load, on this machine, in one run.

    python bench/trials/peers.py [--seconds 3] [--rounds 3] [--connections 64 256] [--only boxoffice b …]
    python bench/trials/peers.py --open b
    python bench/trials/peers.py --pools b 2 4 8 16

The peers' programs are in `bench/peers/`, each says what it is and what was done to be fair; `make peers`
installs what they are made of. wrk books one ticket a request of one event, each for a new customer; all take
their turn in each round, in another order each time. What counts is what was answered, and the server's own
count of what is booked must agree. `--open`: one is opened until Ctrl-C, for whoever wants to try it.
`--pools`: one beside itself, with more and fewer connections to its database; so the best number was found.
"""

import argparse
import signal
from contextlib import ExitStack, suppress
from pathlib import Path
from statistics import median
from typing import NamedTuple

import findings
import msgspec
import stage
import wrk
from contenders import BY_LETTER, PEERS, Peer, versions

WARM_UP_S = 2

# --- the rounds ----------------------------------------------------------------------------------


class Running(NamedTuple):
    """A peer that is open, and the event that is booked."""

    peer: Peer
    url: str
    event_id: str

    @property
    def booked(self) -> int:
        """What it says is booked; who does nothing counts nothing."""
        if self.peer.letter == "e":
            return 0
        return int(stage.get(f"{self.url}/status/{self.event_id}")["bookedTickets"])

    def load(self, connections: int, seconds: int) -> wrk.Load:
        """Book for so long. Ends here if a booking fails, or if the server counts otherwise."""
        before = self.booked
        load = wrk.wrk(self.url, self.event_id, script=wrk.BOOK, connections=connections, seconds=seconds)
        if load.failed:
            raise SystemExit(f"{self.peer.name}: {load.failed} requests failed")
        booked = self.booked - before
        # What was under way at the end is booked, and was not answered any more.
        agrees = load.answered * 0.99 <= booked <= load.answered * 1.01 + connections
        if not agrees and self.peer.letter != "e":
            raise SystemExit(f"{self.peer.name}: {booked:,} booked, {load.answered:,} answered")
        return load


class Standing(msgspec.Struct):
    """What one of them came to with so many connections; `rate`: bookings a second."""

    letter: str
    name: str
    connections: int
    rate: float
    slowest: float
    fastest: float
    p50_ms: float
    p99_ms: float
    to_nothing: float | None
    """As a part of the handler that does nothing."""
    boxoffice_to_it: float | None


class Compared(findings.Findings):
    """The findings, all of them side by side, and who is missing."""

    standings: list[Standing] = msgspec.field(default_factory=list)
    left_out: dict[str, str] = msgspec.field(default_factory=dict)
    versions: dict[str, str] = msgspec.field(default_factory=dict)
    """What the peers are made of."""


def rounds(running: list[Running], connections: int, number: int, seconds: int) -> dict[str, list[wrk.Load]]:
    """All in turn, each time beginning with another; the first round is a warm-up."""
    loads: dict[str, list[wrk.Load]] = {each.peer.letter: [] for each in running}
    for turn in range(number + 1):
        for each in running[turn % len(running) :] + running[: turn % len(running)]:
            load = each.load(connections, seconds if turn else WARM_UP_S)
            if turn:
                loads[each.peer.letter].append(load)
        if turn:
            said = (f"{letter} {found[-1].rate:,.0f}" for letter, found in loads.items())
            print(f"{connections} connections  round {turn}  ", *said, sep="  ", flush=True)
    return loads


def ratio(loads: dict[str, list[wrk.Load]], one: str, other: str) -> float | None:
    """The median of the rounds' ratios."""
    if one not in loads or other not in loads:
        return None
    return median(a.rate / b.rate for a, b in zip(loads[one], loads[other], strict=True))


def compare(found: Compared, running: list[Running], connections: int, number: int, seconds: int) -> None:
    """One table's worth of rounds."""
    loads = rounds(running, connections, number, seconds)
    for peer, _, _ in running:
        of = loads[peer.letter]
        rates = [load.rate for load in of]
        times = ratio(loads, "boxoffice", peer.letter)
        found.standings.append(Standing(
            peer.letter, peer.name, connections, round(median(rates)), round(min(rates)), round(max(rates)),
            median(load.p50_ms for load in of), median(load.p99_ms for load in of),
            ratio(loads, peer.letter, "e"), times,
        ))  # fmt: skip
        if peer.at_least is not None and times is not None:
            ours = median(load.rate for load in loads["boxoffice"])
            note = f"{ours:,.0f}/s to {median(rates):,.0f}/s"
            what = f"one hot event, {connections} connections, to ({peer.letter}) {peer.name}"
            found.tell(what, times, "x", at_least=peer.at_least, note=note)


# --- the command line ----------------------------------------------------------------------------


def opened(peer: Peer, pool: int | None, folder: Path, until: ExitStack) -> Running:
    """It, in a folder of its own, with an event on sale that does not sell out."""
    (own := folder / peer.letter).mkdir(mode=0o755)
    url = until.enter_context(peer.start(own, pool))
    if peer.letter == "e":
        return Running(peer, url, "1")
    event = stage.post(f"{url}/initialize", {"eventName": "Hot", "totalTickets": stage.CAPACITY})
    return Running(peer, url, str(event["eventId"]))


def try_one(peer: Peer, temporary: str) -> None:
    """Open it until Ctrl-C or SIGTERM."""
    if peer.missing is not None:
        raise SystemExit(f"left out: {peer.name}: {peer.missing}")
    with stage.folder(temporary) as folder, peer.start(folder, None) as url, suppress(KeyboardInterrupt):
        print(f"{peer.name} is open at {url}", flush=True)
        signal.pause()


def wanted(options: argparse.Namespace) -> list[tuple[Peer, int | None]]:
    """Who is compared, each with how many connections to its database, if it matters."""
    if not options.pools:
        return [(BY_LETTER[letter], None) for letter in options.only]
    letter, *sizes = options.pools
    peer = BY_LETTER[letter]
    return [(peer._replace(letter=f"{letter}{size}", at_least=None), int(size)) for size in sizes]


def compare_all(options: argparse.Namespace) -> Compared:
    """Open all that can be had, and let them take turns."""
    found = Compared("peers")
    there = []
    for peer, pool in wanted(options):
        if peer.missing is None:
            there.append((peer, pool))
        else:
            found.left_out[peer.name] = peer.missing
            print(f"left out: {peer.name}: {peer.missing}", flush=True)
    found.versions = versions(peer for peer, _ in there)
    with stage.folder(options.temporary) as folder, ExitStack() as until:
        running = [opened(peer, pool, folder, until) for peer, pool in there]
        for connections in options.connections:
            compare(found, running, connections, options.rounds, options.seconds)
    return found


def main() -> None:
    """Run the comparison, or open one."""
    letters = [peer.letter for peer in PEERS]
    parser = findings.parser(__doc__, seconds=3, rounds=3)
    parser.add_argument("--connections", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--only", nargs="+", choices=letters, default=letters, metavar="PEER")
    parser.add_argument("--open", choices=letters, metavar="PEER", help="only open this one")
    parser.add_argument("--pools", nargs="+", metavar=("PEER", "SIZE"), help="compare it with itself")
    options = parser.parse_args()
    stage.end_on_sigterm()
    if options.open:
        try_one(BY_LETTER[options.open], options.temporary)
        return
    wrk.needed()
    compare_all(options).write(options.json)


if __name__ == "__main__":
    main()
