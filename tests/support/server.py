"""A real `boxoffice serve` in a process of its own, as a user runs it."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

COMMAND = str(Path(sys.executable).with_name("boxoffice"))
START_S = 30.0
QUIET = {name: value for name, value in os.environ.items() if name not in ("DATABASE_URL", "PORT", "HOST")}


class Server:
    """Starts with what follows `boxoffice serve` on its command line; port 0 unless that says otherwise."""

    def __init__(self, *options: str, cwd: Path | None = None) -> None:
        self._options = options
        self._cwd = cwd
        self.url = ""
        self.start()

    def start(self) -> None:
        """Start, and wait until it is open."""
        command = [COMMAND, "serve", "--port", "0", *self._options]
        self.process = subprocess.Popen(
            command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, env=QUIET, cwd=self._cwd
        )
        self.said: list[str] = []
        self._open = threading.Event()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()
        if not self._open.wait(START_S) or not self.url:
            self.process.kill()
            raise AssertionError("the server did not open:\n" + "".join(self.said))

    def _read(self) -> None:
        assert self.process.stderr is not None
        with self.process.stderr as lines:
            for line in lines:
                self.said.append(line)
                if " is open at " in line:
                    self.url = line.split(" is open at ")[1].split(",")[0]
                    self._open.set()
        self._open.set()

    def stop(self, number: signal.Signals = signal.SIGTERM) -> int:
        """Send a signal and wait for the end; returns the exit code."""
        self.process.send_signal(number)
        code = self.process.wait(15)
        self._reader.join(5)
        return code

    def kill(self) -> None:
        """`kill -9`."""
        self.stop(signal.SIGKILL)

    def call(self, method: str, path: str, body: object | None = None) -> tuple[int, Any]:
        """One request, from a thread that may block: the status and the JSON document."""
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(
            self.url + path, data, {"Content-Type": "application/json"}, method=method
        )
        try:
            with urllib.request.urlopen(request, timeout=20) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)

    def post(self, path: str, **body: object) -> tuple[int, Any]:
        """`POST` with these fields."""
        return self.call("POST", path, body)

    def get(self, path: str) -> tuple[int, Any]:
        """`GET`."""
        return self.call("GET", path)
