"""Where the time of one booking goes: microseconds by stage and by thread, and how large batches grow.

    python bench/trials/stages.py [--seconds 8] [--connections 64] [--raw FILE]

`make profile`. While wrk books on one hot event, py-spy looks some hundred times a second at who has the
interpreter lock of the server, and where: that lock is what is short, so its share is a stage's cost. A
sample belongs to the innermost of our functions, or aiohttp's, on the stack. Then, for some numbers of
connections, how many bookings one commit takes along, and how long it takes. py-spy slows the server a
little, so the rates here are no measurement.
"""

import argparse
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from findings import Findings, parser
from prometheus_client.parser import text_string_to_metric_families
from stage import Stage, end_on_sigterm, fetched, staged
from wrk import BOOK, needed, succeeded, wrk

PY_SPY = str(Path(sys.executable).with_name("py-spy"))
LOOKS_PER_S = 400

STAGES = {
    "parse the request (aiohttp)": "aiohttp/http_parser RequestHandler.data_received Roadside.parse",
    "send the answer (kernel)": "Roadside._say StreamWriter.",
    "the door: who, how often; figures, log": "door.py visit.py access.py limits.py origin.py keys.py"
    " problems.py metrics.py logs.py log_writer.py log_forms.py",
    "read and check the body": "read_json decoding.py commands.py idempotency.py StreamReader.",
    "make the answer": "_said answers.py wire.py said.py",
    "decide": "event_actor.py inventory.py orders.py changes.py",
    "to the actor and back": "bridge.py directory.py dispatcher.py desk.py pykka/ timer.py",
    "write and commit": "persistence/ journal.py batch.py statement.py rows.py line.py talk.py watch.py"
    " figures.py",
    "the rest of a request": "lane.py connection.py handlers.py aiohttp/ app.py",
    "the event loop": "asyncio/ listener.py server.py",
}
"""What one of them has in its frames' names, the innermost frame first. Whatever matches none is `other`."""

LOADS = (1, 8, 64, 256)


def stage_of(stack: str) -> str:
    """The stage of one sample: of its innermost frame that tells."""
    for frame in reversed(stack.split(";")):
        for name, marks in STAGES.items():
            if any(mark in frame for mark in marks.split()):
                return name
    return "other"


def shares(raw: str) -> dict[str, float]:
    """Each stage's share of all samples, the largest first. Ends here if there are none."""
    counted: Counter[str] = Counter()
    for line in raw.splitlines():
        stack, _, number = line.rpartition(" ")
        counted[stage_of(stack)] += int(number)
    if not counted:
        raise SystemExit("py-spy saw nothing")
    return {name: number / counted.total() for name, number in counted.most_common()}


def looked_into(findings: Findings, stage: Stage, options: argparse.Namespace) -> None:
    """Load, and see where the time goes."""
    event_id = stage.event()
    succeeded(wrk(stage.url, event_id, script=BOOK, connections=options.connections, seconds=2))
    before, used_before = stage.booked(event_id), stage.cpu_s()
    with tempfile.NamedTemporaryFile("r") as raw:
        command = [PY_SPY, "record", "--gil", "--nonblocking", "--format", "raw", "--output", raw.name]
        command += ["--pid", str(stage.pids["server"]), "--rate", str(LOOKS_PER_S)]
        command += ["--duration", str(options.seconds)]
        with subprocess.Popen(command, stdout=-3, stderr=-3) as spy:
            succeeded(
                wrk(
                    stage.url,
                    event_id,
                    script=BOOK,
                    connections=options.connections,
                    seconds=options.seconds,
                )
            )
            spy.wait(30)
        samples = raw.read()
    used, bookings = stage.cpu_s(), stage.booked(event_id) - before
    if options.raw:
        Path(options.raw).write_text(samples)
    took_us = {name: 1e6 * (used[name] - used_before[name]) / bookings for name in used_before}
    for name in ("server", "PostgreSQL"):
        findings.tell(f"{name}, processor time of a booking", took_us[name], "us")
    for name, share in shares(samples).items():
        findings.tell(name, share * took_us["server"], "us", note=f"{share:.0%}")


def batches(findings: Findings, stage: Stage, connections: int) -> None:
    """How many bookings a commit takes along, and how long it takes, at this load."""
    event_id = stage.event()
    before = _figures(stage)
    load = succeeded(wrk(stage.url, event_id, script=BOOK, connections=connections, seconds=2))
    after = _figures(stage)
    commits, answers, seconds = (now - then for now, then in zip(after, before, strict=True))
    note = f"a commit takes {1_000 * seconds / commits:.2f} ms; {load.rate:,.0f} bookings/s"
    findings.tell(f"bookings in a commit, {connections} connections", answers / commits, note=note)


def _figures(stage: Stage) -> tuple[float, float, float]:
    """Commits so far, the answers that waited for them, and the seconds that they took."""
    values = {
        sample.name: sample.value
        for family in text_string_to_metric_families(fetched(f"{stage.url}/metrics").decode())
        for sample in family.samples
        if sample.name.startswith("boxoffice_commit_")
    }
    return (
        values["boxoffice_commit_requests_count"],
        values["boxoffice_commit_requests_sum"],
        values["boxoffice_commit_duration_seconds_sum"],
    )


def main() -> None:
    """Run the trial."""
    options_of = parser(__doc__, seconds=8)
    options_of.add_argument("--connections", type=int, default=64)
    options_of.add_argument("--raw", metavar="FILE", help="keep the samples, as stacks, for a flame graph")
    options = options_of.parse_args()
    needed()
    end_on_sigterm()
    findings = Findings("stages")
    with staged(options.temporary) as stage:
        looked_into(findings, stage, options)
        for connections in LOADS:
            batches(findings, stage, connections)
    findings.write(options.json)


if __name__ == "__main__":
    main()
