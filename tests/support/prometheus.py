"""A real Prometheus on a free port, where it is installed (Debian: `prometheus`), that scrapes one server."""

import http.client
import json
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from tests.support.server import START_S, STOP_S, Server

INSTALLED = shutil.which("prometheus") is not None and shutil.which("promtool") is not None

CONFIG = """
global: {{scrape_interval: 500ms, evaluation_interval: 500ms}}
rule_files: ["{rules}"]
scrape_configs:
  - job_name: boxoffice
    static_configs: [{{targets: ["{target}"]}}]
"""


class Prometheus:
    """One that runs on this port."""

    def __init__(self, port: int) -> None:
        self._port = port

    def get(self, path: str) -> Any:
        """What its API says: the data."""
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=10)
        try:
            connection.request("GET", path)
            answer = connection.getresponse()
            said = answer.read()
            assert answer.status == 200, said
            return json.loads(said)["data"]
        finally:
            connection.close()

    def query(self, expression: str) -> list[Any]:
        """The series that an expression gives now."""
        found: list[Any] = self.get(f"/api/v1/query?query={quote(expression)}")["result"]
        return found

    def wait(self, expression: str) -> None:
        """Until it gives something."""
        deadline = time.monotonic() + START_S
        while True:
            try:
                if self.query(expression):
                    return
            except (OSError, AssertionError):  # it is starting
                pass
            assert time.monotonic() < deadline, f"nothing came of {expression}"
            time.sleep(0.1)


@contextmanager
def prometheus(server: Server, rules: Path, folder: Path) -> Iterator[Prometheus]:
    """One that looks at the server twice a second; its data are in `folder`."""
    config = folder / "prometheus.yml"
    host, port = server.address
    config.write_text(CONFIG.format(rules=rules, target=f"{host}:{port}"))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        listen = free.getsockname()[1]
    command = [
        *("prometheus", f"--config.file={config}", f"--storage.tsdb.path={folder / 'data'}"),
        *(f"--web.listen-address=127.0.0.1:{listen}", "--log.level=error"),
    ]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        yield Prometheus(listen)
    finally:
        process.terminate()
        try:
            process.wait(STOP_S)
        finally:
            process.kill()
            process.wait()
