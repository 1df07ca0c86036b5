"""`make bench`: runs the trials one after the other, and writes what they found to `bench/RESULTS.md`.

    python bench/trials/results.py [--only peers growth …] [--quick] [--from FILE] [--into bench]

All is kept as JSON in `build/bench/`; `--from build/bench/results.json` writes the page from that, and runs
nothing. A trial that fails, or takes longer than `TRIAL_MAX_S`, is said to have done so on the page, and the
exit code is 1; an aim that is missed is only written down.
"""

import argparse
import os
import shlex
import subprocess
import sys
import threading
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import drawing
import machine
import msgspec
import stage
import wrk
from page import Measured, Ran, page
from peers import Compared

HERE = Path(__file__).parent
ROOT = HERE.parents[1]
KEPT = ROOT / "build" / "bench"
TRIAL_MAX_S = 300.0


class Trial(NamedTuple):
    """A script here, and what it is told: as a rule, and when only a quick look is wanted."""

    name: str
    told: str = ""
    quick: str = ""


TRIALS = (
    Trial("peers", "", "--seconds 1 --rounds 1"),
    Trial("spread", "", "--seconds 1 --rounds 1"),
    Trial("batch", "", "--seconds 1 --rounds 1"),
    Trial("cancelling", "", "--waiting 10000 --seconds 1 --rounds 1"),
    Trial("waiting_list", "", "--rounds 1"),
    Trial("one_at_a_time", "", "--rounds 1"),
    Trial("looking", "", "--seconds 1 --rounds 1"),
    Trial("stages", "--seconds 5", "--seconds 2"),
    Trial("growth", "", "--orders 1 1000 --events 1 1000 --seconds 1 --rounds 1"),
    Trial("idle_events", "", "--events 10000"),
    Trial("rebuild", "", "--orders 50000 --rounds 1"),
    Trial("churn", "", "--minutes 0.2 --periods 4"),
)


def run(trial: Trial, quick: bool, temporary: str) -> Ran:
    """Run it; what it prints can be read meanwhile."""
    told = shlex.split(trial.quick if quick else trial.told)
    command = shlex.join(["python", f"bench/trials/{trial.name}.py", *told])
    kept = KEPT / f"{trial.name}.json"
    kept.unlink(missing_ok=True)
    print(f"\n$ {command}", flush=True)
    began_s = time.monotonic()
    whole = [
        sys.executable,
        str(HERE / f"{trial.name}.py"),
        *told,
        "--temporary",
        temporary,
        "--json",
        str(kept),
    ]
    code, said = listened(whole)
    took_s = time.monotonic() - began_s
    if code:
        words = (line.strip("+-| \n") for line in reversed(said))  # a traceback may end with a ruler
        failed = next(filter(None, words), f"it ended with {code}")
        return Ran(trial.name, command, took_s, None, failed)
    # Most have no peers; what is not there is empty.
    return Ran(trial.name, command, took_s, msgspec.json.decode(kept.read_bytes(), type=Compared))


def listened(command: list[str]) -> tuple[int, list[str]]:
    """Run it to its end, or for so long, and print what it says. Its exit code, and all that it said."""
    said = []
    with subprocess.Popen(command, cwd=ROOT, stdout=-1, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        too_long = threading.Timer(TRIAL_MAX_S, process.terminate)  # then it ends what it has begun
        too_long.start()
        try:
            for line in process.stdout:
                said.append(line)
                print(line, end="", flush=True)
        finally:
            too_long.cancel()
            process.terminate()
    return process.returncode, said


def measure(only: list[str], quick: bool, temporary: str) -> Measured:
    """Run these, and keep what they find."""
    wrk.needed()
    KEPT.mkdir(parents=True, exist_ok=True)
    facts = machine.facts(temporary)
    facts["load before"] = f"{os.getloadavg()[0]:.2f} (what else ran: 0 is nothing)"
    ran = [run(trial, quick, temporary) for trial in TRIALS if trial.name in only]
    measured = Measured(f"{datetime.now(UTC):%Y-%m-%d}", facts, ran)
    (KEPT / "results.json").write_bytes(msgspec.json.format(msgspec.json.encode(measured)))
    return measured


def write(measured: Measured, into: Path) -> str:
    """The page and its charts; the page's text."""
    for each in measured.ran:
        if each.found is not None and each.found.chart is not None:
            (into / f"{each.name}.svg").write_text(drawing.drawn(each.found.chart), encoding="utf-8")
    said = page(measured)
    (into / "RESULTS.md").write_text(said, encoding="utf-8")
    return said


def main() -> None:
    """Run all, and write."""
    names = [trial.name for trial in TRIALS]
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--only", nargs="+", choices=names, default=names, metavar="TRIAL")
    parser.add_argument(
        "--quick", action="store_true", help="short rounds: to see that it runs, not how fast"
    )
    parser.add_argument("--from", dest="kept", metavar="FILE", help="write what was found before")
    parser.add_argument("--into", type=Path, default=ROOT / "bench", help="the folder of RESULTS.md")
    parser.add_argument("--temporary", default="/var/tmp", help="folder for the throw-away databases")
    options = parser.parse_args()
    stage.end_on_sigterm()
    if options.kept:
        measured = msgspec.json.decode(Path(options.kept).read_bytes(), type=Measured)
    else:
        measured = measure(options.only, options.quick, options.temporary)
    print("", write(measured, options.into), sep="\n")
    if any(each.failed for each in measured.ran):
        raise SystemExit(1)


if __name__ == "__main__":
    main()
