"""All that was asked of each event in a load test, from the ledgers: taken apart, and put where it is found.

A command of a batch is a request like any other. What was asked and told lies in a file, a record each; in
memory there are 37 bytes of each request: which record it is, when it was sent and answered, the version it
was told, its key's hash and its role. Called by the proof, on one thread; read on several.
"""

import mmap
import tempfile
from array import array
from pathlib import Path

import msgspec

from boxoffice.bench.proof.findings import IN_ORDER, THERE, Findings
from boxoffice.bench.proof.ledger import Asked, Entry, LedgerError, lines_of
from boxoffice.bench.proof.said import Brief, read_brief, read_results

COMMANDS = frozenset(("book", "hold", "confirm", "extend", "cancel", "adjust", "close", "initialize"))

LOOK, DONE, REFUSED, PASSED, UNKNOWN, REPEAT = range(6)
"""Roles: a GET that was answered; answered 2xx; refused for good; told that nothing was changed, and that it
may be asked again; nobody was told what came of it; and a repeat under the key of another one."""

_PASSING = frozenset((408, 429, 503))
_NOTHING = Asked()
_UNREAD = Brief()


class Told(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """One request: what was asked, and what its client was told. `at`: where in its batch; -1: in none."""

    do: str
    key: str | None
    at: int
    asked: Asked
    sent_s: float
    answered_s: float
    status: int
    replayed: bool
    body: bytes

    def __str__(self) -> str:
        """For people."""
        if self.do == "look":
            seen = _brief(self.body)
            return f"GET of order {seen.order_id}" if seen.order_id else f"GET of event {seen.event_id}"
        asked = {**msgspec.structs.asdict(self.asked), "do": ""}
        what = ", ".join(
            f"{_NAMES[name]} {value}"
            for name, value in asked.items()
            if value not in ("", None) and name != "w"
        )
        key = "" if self.key is None else f", key {self.key}"
        return f"{self.do} ({what}{key})"


_NAMES = {"e": "event", "u": "customer", "q": "quantity", "o": "order", "n": "tickets"}


class Requests:
    """Those of one event. Six columns, a row for each request."""

    __slots__ = ("answered", "keys", "numbers", "roles", "sent", "versions")

    def __init__(self) -> None:
        self.numbers = array("Q")
        self.sent = array("d")
        self.answered = array("d")
        self.versions = array("q")
        self.keys = array("q")
        self.roles = bytearray()

    def __len__(self) -> int:
        return len(self.numbers)

    def append(self, number: int, line: Entry, at: int, version: int, role: int) -> None:
        """One more row, for the record of this number."""
        self.numbers.append(number)
        self.sent.append(line.sent_s)
        self.answered.append(line.answered_s)
        self.versions.append(version)
        self.keys.append(0 if line.key is None else hash((line.key, at)) or 1)
        self.roles.append(role)

    def rows(self, *roles: int) -> list[int]:
        """Which of them have one of these roles."""
        return [row for row, role in enumerate(self.roles) if role in roles]


class Records:
    """What was asked and told, in a file that nobody else sees. Written first, then read."""

    def __init__(self, folder: Path | None) -> None:
        self._file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115 - `close` does
        self._at = 0
        self._encode = msgspec.msgpack.Encoder().encode
        self._decode = msgspec.msgpack.Decoder(Told).decode
        self._ends = array("Q")
        self._map: mmap.mmap | None = None

    def add(self, told: Told) -> int:
        """Write one; its number."""
        record = self._encode(told)
        self._file.write(record)
        self._at += len(record)
        self._ends.append(self._at)
        return len(self._ends) - 1

    def seal(self) -> None:
        """No more are added; from now on they can be read."""
        self._file.flush()
        if self._at:
            self._map = mmap.mmap(self._file.fileno(), self._at, access=mmap.ACCESS_READ)

    def __getitem__(self, number: int) -> Told:
        assert self._map is not None
        begin = self._ends[number - 1] if number else 0
        return self._decode(self._map[begin : self._ends[number]])

    def __len__(self) -> int:
        return len(self._ends)

    def close(self) -> None:
        """Remove the file."""
        if self._map is not None:
            self._map.close()
        self._file.close()


class Gathered:
    """What all ledgers say, by event."""

    def __init__(self, folder: Path | None) -> None:
        self.records = Records(folder)
        self.events: dict[str, Requests] = {}
        self.made: set[str] = set()
        """Events that were put on sale during the load."""
        self.findings = Findings()
        self.astray = 0
        """Unanswered requests that name no event."""
        self.torn: str | None = None
        """Why not all that was asked is known."""

    def read(self, ledger: Path) -> None:
        """Read one; one that is not whole is read as far as it goes."""
        try:
            for line in lines_of(ledger):
                self._take_line(line)
        except (LedgerError, OSError) as error:
            self.torn = self.torn or str(error)

    def _take_line(self, line: Entry) -> None:
        facts, body = line.facts, line.body
        if isinstance(facts, list):
            self._take_batch(line, facts)
        else:
            asked = facts or _NOTHING
            do = asked.do or line.call
            self._take(
                line, do if facts is not None and do in COMMANDS else "look", -1, asked, line.status, body
            )

    def _take_batch(self, line: Entry, facts: list[Asked]) -> None:
        outcomes: list[tuple[int, bytes]] = [(line.status, line.body)] * len(facts)
        if line.status == 200:
            try:
                results = read_results(line.body).results
                outcomes = [(result.status, bytes(result.body)) for result in results]
            except msgspec.MsgspecError:
                outcomes = []
            if len(outcomes) != len(facts):
                self.findings.found(
                    THERE, f"a batch of {len(facts)} was answered with {len(outcomes)} results"
                )
                return
        newest = dict[str, int]()
        for at, (asked, (status, body)) in enumerate(zip(facts, outcomes, strict=True)):
            taken = self._take(line, asked.do, at, asked, status, body)
            if line.key is None and taken is not None:
                self._look_at_order(newest, *taken)

    def _look_at_order(self, newest: dict[str, int], event_id: str, version: int, role: int) -> None:
        """The commands of a batch are done in their order; under a key, some may have been done before."""
        if version and version < newest.get(event_id, 0) + (role == DONE):
            what = f"version {version} was told after {newest[event_id]}, in the same batch"
            self.findings.found(IN_ORDER, f"event {event_id}: {what}")
        newest[event_id] = max(newest.get(event_id, 0), version)

    def _take(
        self, line: Entry, do: str, at: int, asked: Asked, status: int, body: bytes
    ) -> tuple[str, int, int] | None:
        """Its event, version and role; None if there is nothing to be learnt from it."""
        brief = _brief(body) if body and status else _UNREAD
        role = _role(do, status, brief)
        event_id = str(asked.e) or (asked.o or brief.order_id or "").partition("-")[0] or brief.event_id or ""
        if role is None or not (event_id.isascii() and event_id.isdigit()):
            self.astray += role == UNKNOWN
            return None
        told = Told(do, line.key, at, asked, line.sent_s, line.answered_s, status, line.replayed, body)
        if role == DONE and brief.version is None:
            self.findings.found(THERE, f"{told} was answered {status}, without an order that can be read")
            return None
        if do == "initialize" and role == DONE:
            self.made.add(event_id)
        requests = self.events.get(event_id)
        if requests is None:
            requests = self.events[event_id] = Requests()
        version = brief.version or 0
        requests.append(self.records.add(told), line, at, version, role)
        return event_id, version, role


def _brief(body: bytes) -> Brief:
    try:
        return read_brief(body)
    except msgspec.MsgspecError:
        return _UNREAD


def _role(do: str, status: int, brief: Brief) -> int | None:
    """None: there is nothing to be learnt from it."""
    if do == "look":
        return LOOK if status == 200 and brief.version is not None else None
    if 200 <= status < 300:
        return DONE
    if status in _PASSING or (status == 409 and brief.code == "in_progress"):
        return PASSED
    return REFUSED if 400 <= status < 500 else UNKNOWN
