"""Durable bookings per second on one hot event, as a ratio to a handler that does nothing.

    python bench/trials/hot_event.py [--seconds 8] [--rounds 3] [--connections 64 256] [--batch 100] [--key]

Starts `boxoffice serve` on a throw-away embedded database and `do_nothing.py` beside it, and lets wrk load
the two in turn, so that a machine that slows down slows both. Prints each round and the median ratio. With
`--batch`, so many bookings travel in one request; each still counts against a request that does nothing.
With `--key`, the client has an API key with a rate limit that it does not reach.
"""

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
SCRIPT = HERE.parent / "tools" / "wrk.lua"
CAPACITY = 10_000_000  # more than is ever booked here


@contextmanager
def running(ready: str, *command: str) -> Iterator[str]:
    """A process, from the line on which it says `ready` to its orderly end; yields that line."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert process.stdout is not None
    said = []
    try:
        for line in process.stdout:
            said.append(line)
            if ready in line:
                rest = threading.Thread(target=process.stdout.read, daemon=True)  # else it might wait for us
                rest.start()
                yield line
                break
        else:
            raise SystemExit("".join(said) or f"{command} ended at once")
    finally:
        process.terminate()
        process.wait(30)


def post(url: str, body: dict[str, object], key: str = "") -> dict[str, object]:
    """The JSON answer of a POST."""
    headers = {"Content-Type": "application/json", **as_holder(key)}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers)
    with urllib.request.urlopen(request, timeout=10) as answer:
        found: dict[str, object] = json.load(answer)
        return found


def as_holder(key: str) -> dict[str, str]:
    """The header of whoever has an API key."""
    return {"Authorization": f"Bearer {key}"} if key else {}


def booked(url: str, event_id: str, key: str = "") -> int:
    """How many tickets of the event are booked."""
    request = urllib.request.Request(f"{url}/status/{event_id}", headers=as_holder(key))
    with urllib.request.urlopen(request, timeout=10) as answer:
        return int(json.load(answer)["bookedTickets"])


def wrk(
    url: str, event_id: str, connections: int, seconds: int, batch: int = 0, key: str = ""
) -> tuple[float, str, int]:
    """Requests per second, the 99th percentile as wrk writes it, and how many answers were no success."""
    command = ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--latency", "-s", str(SCRIPT)]
    command += [url, "--", event_id, *([str(batch)] if batch else [])]
    env = {**os.environ, "API_KEY": key} if key else None
    said = subprocess.run(command, capture_output=True, text=True, check=True, env=env).stdout
    rate = re.search(r"Requests/sec:\s+([\d.]+)", said)
    p99 = re.search(r"99%\s+(\S+)", said)
    failed = re.search(r"Non-2xx or 3xx responses: (\d+)", said)
    if rate is None or p99 is None:
        raise SystemExit(said)
    return float(rate[1]), p99[1], int(failed[1]) if failed else 0


def new_key(boxoffice: str, data_dir: str) -> str:
    """An API key for all that is done here."""
    scopes = [part for scope in ("read", "sell", "organise") for part in ("--scope", scope)]
    limit = ("--limit", "1000000/second", "--data-dir", data_dir)
    command = [boxoffice, "keys", "create", "--name", "bench", *scopes, *limit]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def compare(
    url: str, ceiling: str, connections: int, rounds: int, seconds: int, batch: int, key: str
) -> float:
    """Load both in turn; the median of the ratios. What counts is what the event says is booked."""
    ratios = []
    event = post(f"{url}/initialize", {"eventName": "Hot", "totalTickets": CAPACITY}, key)
    event_id = str(event["eventId"])
    for number in range(rounds + 1):
        lasts = seconds if number else 2
        before = booked(url, event_id, key)
        _, p99, failed = wrk(url, event_id, connections, lasts, batch, key)
        bookings = (booked(url, event_id, key) - before) / lasts
        nothing, nothing_p99, _ = wrk(ceiling, event_id, connections, lasts, key=key)
        if failed:
            raise SystemExit(f"{failed} bookings were refused")
        if not number:
            continue  # a warm-up
        ratios.append(bookings / nothing)
        print(
            f"{connections:>4} connections  round {number}  {bookings:>7.0f} bookings/s (p99 {p99})"
            f"  {nothing:>7.0f} do-nothing/s (p99 {nothing_p99})  ratio {ratios[-1]:.2f}",
            flush=True,
        )
    return statistics.median(ratios)


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seconds", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--connections", type=int, nargs="+", default=[64, 256])
    parser.add_argument("--batch", type=int, default=0, help="bookings in one request; 0: each has its own")
    parser.add_argument("--key", action="store_true", help="ask with an API key that has a rate limit")
    parser.add_argument("--temporary", default="/var/tmp", help="folder for the throw-away database")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("wrk is needed: apt-get install wrk")
    folder = tempfile.mkdtemp(prefix="boxoffice-bench-", dir=options.temporary)
    Path(folder).chmod(0o755)
    boxoffice = str(Path(sys.executable).with_name("boxoffice"))
    key = new_key(boxoffice, folder) if options.key else ""
    serve = (boxoffice, "serve", "--port", "0", "--data-dir", folder)
    do_nothing = (sys.executable, str(HERE / "do_nothing.py"), "--port", "0")
    try:
        with running("is open at", *serve) as line, running("do nothing at", *do_nothing) as other:
            url, ceiling = line.split("is open at ")[1].split(",")[0], other.split()[-1]
            for connections in options.connections:
                how = options.rounds, options.seconds, options.batch, key
                ratio = compare(url, ceiling, connections, *how)
                print(f"{connections:>4} connections  median ratio {ratio:.2f}", flush=True)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main()
