"""The README's tour, line by line, against a real server: every answer is what the README shows.

Ids and times differ from run to run: an id stands for whatever the server gave in its place, a time for any.
"""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.server import Server

README = Path(__file__).parents[2] / "README.md"
ORDER = r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}"
ID = re.compile(rf'{ORDER}|(?<="requestId":")[0-9a-f]{{24}}')
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z")


def tour() -> list[tuple[str, str]]:
    """Each command of the tour, and the answer that the README shows."""
    text = README.read_text().partition("<!-- tour -->")[2].partition("<!-- end of the tour -->")[0]
    blocks = re.findall(r"```console\n(.*?)```", text, re.DOTALL)
    lines = "".join(blocks).splitlines()
    return [(lines[i].removeprefix("$ "), lines[i + 1]) for i in range(0, len(lines), 2)]


def test_every_test_that_stands_for_a_promise_is_there() -> None:
    table = README.read_text().partition("<!-- promises -->")[2].partition("<!-- end of the promises -->")[0]
    named = re.findall(r"`(tests/[a-z0-9_/]+\.py)`", table)
    assert len(named) > 20
    assert [each for each in named if not (README.parent / each).is_file()] == []


@pytest.mark.skipif(shutil.which("curl") is None, reason="the tour is told with curl")
def test_the_tour_answers_exactly_what_the_readme_shows(own_server: Server) -> None:
    steps = tour()
    assert len(steps) > 10
    given: dict[str, str] = {}
    for command, shown in steps:
        answer = run(translate(command, given).replace("localhost:3000", own_server.url))
        for theirs, ours in zip(ID.findall(shown), ID.findall(answer), strict=True):
            assert given.setdefault(theirs, ours) == ours
        assert TIME.sub("a time", answer) == TIME.sub("a time", translate(shown, given))


def test_the_python_example_prints_what_the_readme_says(own_server: Server) -> None:
    example, shown = re.findall(
        r"```python\n(.*?)```\n\nIt prints:\n\n```\n(.*?)```", README.read_text(), re.DOTALL
    )[0]
    program = example.replace("http://localhost:3000", own_server.url)
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == shown


def translate(text: str, given: dict[str, str]) -> str:
    """`text` with the README's ids replaced by those that this server gave."""
    for theirs, ours in given.items():
        text = text.replace(theirs, ours)
    return text


def run(command: str) -> str:
    """The line that a command prints."""
    said = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True).stdout
    return said.rstrip("\n")
