"""The benchmark of listeners, small: it runs, and all who listen end on the version that the event shows."""

import re
import signal
import subprocess
import sys
from pathlib import Path

from tests.support import postgres
from tests.support.server import QUIET

BENCH = Path(__file__).parents[2] / "bench" / "trials" / "listeners.py"
SMALL = ("--listeners", "200", "--stalled", "5", "--stuck-seconds", "0", "--seconds", "1", "--rounds", "1")


def test_every_listener_of_the_benchmark_ends_on_the_final_version() -> None:
    with postgres.public_folder() as folder:
        command = [sys.executable, str(BENCH), *SMALL, "--temporary", str(folder)]
        with subprocess.Popen(command, stdout=-1, stderr=subprocess.STDOUT, text=True, env=QUIET) as bench:
            try:
                said, _ = bench.communicate(timeout=60)
            finally:
                bench.send_signal(signal.SIGINT)  # nothing, if it has ended; else it ends what it has begun
    assert bench.returncode == 0, said
    assert "195 of 195 who read have the final version" in said
    bookings = re.findall(r"(\d+) bookings/s", said)
    assert len(bookings) == 2, said
    assert all(int(each) for each in bookings)
