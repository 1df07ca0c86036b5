"""`boxoffice bench`, as a user runs it: against a server, on one of its own, ended early; how it exits."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from boxoffice.actors.principals import Scope
from tests.support.people import api_key
from tests.support.postgres import public_folder
from tests.support.server import COMMAND, QUIET, Server, run

SHORT = ("--seconds", "1", "--warm-up", "0.3", "--connections", "8")
ENDS_WITHIN_S = 90.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """For all files of a load test, that of a server of its own included."""
    with public_folder() as folder:
        yield folder


class Bench:
    """A load test that runs."""

    def __init__(self, folder: Path, *options: str, **env: str) -> None:
        self.report = folder / "report.json"
        command = [COMMAND, "bench", *options, "--json", str(self.report)]
        self.process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**QUIET, "TMPDIR": str(folder), **env}, start_new_session=True,
        )  # fmt: skip
        self.said = ""

    def wait_for(self, words: str) -> None:
        """Read what it says until it has said this."""
        assert self.process.stderr is not None
        while words not in self.said:
            line = self.process.stderr.readline()
            assert line, self.said
            self.said += line

    def interrupt(self) -> None:
        """Ctrl-C, which a terminal sends to all processes that it knows of."""
        os.killpg(self.process.pid, signal.SIGINT)

    def end(self) -> tuple[int, str]:
        """Its exit code, and its table."""
        out, err = self.process.communicate(timeout=ENDS_WITHIN_S)
        self.said += err
        assert "Traceback" not in self.said
        return self.process.returncode, out

    @property
    def results(self) -> Any:
        """What it has reported."""
        return json.loads(self.report.read_text())


def bench(folder: Path, *options: str, **env: str) -> tuple[int, str, Bench]:
    """One load test from its beginning to its end."""
    test = Bench(folder, *options, **env)
    return *test.end(), test


def sentence(folder: Path, *options: str, **env: str) -> str:
    """Why it could not be done: one line, after what may have been done before."""
    code, out, test = bench(folder, *options, **env)
    assert (code, out) == (1, ""), test.said
    before, _, why = test.said.rpartition("boxoffice: ")
    assert before in ("", "hot: preparing\n")
    assert why.count("\n") == 1
    return why


def descendants(pid: int) -> set[int]:
    """All processes that have come of this one."""
    found, before = {pid}, set[int]()
    while found != before:
        before = set(found)
        for stat in Path("/proc").glob("[0-9]*/stat"):
            try:
                child, _, rest = stat.read_text().partition(" ")
            except OSError:
                continue
            if int(rest.rpartition(")")[2].split()[1]) in found:
                found.add(int(child))
    return found - {pid}


def running(pids: set[int]) -> set[int]:
    """Those of them that still run."""
    return {pid for pid in pids if Path(f"/proc/{pid}").exists()}


# --- against a server that runs ------------------------------------------------------------------


def test_what_is_counted_is_what_the_server_has_booked(own_server: Server, folder: Path) -> None:
    code, out, test = bench(folder, own_server.url, *SHORT, "--html", str(folder / "report.html"))
    assert code == 0, test.said + out
    results, (event,) = test.results, own_server.get("/events")[1]["items"]
    booked = results["calls"]["book"]
    assert booked["byStatus"] == {"201": booked["count"]}
    assert 0 < booked["count"] < event["bookedTickets"]  # the warm-up was booked, too
    assert results["audit"]["checks"][0]["lookedAt"] == event["bookedTickets"]
    assert not results["run"]["ownServer"]
    assert "closed loop, 8 connections" in out
    assert (folder / "report.html").read_text().startswith("<!doctype html>")
    assert sorted(each.name for each in folder.iterdir()) == ["report.html", "report.json"]


def test_a_report_can_be_piped_on(server: Server) -> None:
    piped = subprocess.run(
        [COMMAND, "bench", server.url, *SHORT, "--skip-audit", "--json", "-"],
        check=False, capture_output=True, timeout=ENDS_WITHIN_S, env=QUIET,
    )  # fmt: skip
    assert piped.returncode == 0, piped.stderr
    assert json.loads(piped.stdout)["schema"] == 1
    assert b"requests a second achieved" in piped.stderr


def test_an_open_loop_asks_at_its_rate_from_several_processes(server: Server, folder: Path) -> None:
    code, out, test = bench(folder, server.url, *SHORT, "--rate", "100", "--processes", "2", "--seed", "7")
    assert code == 0, test.said + out
    results = test.results
    assert results["run"]["loop"] == "open"
    assert 50 < results["offeredRate"] < 150
    assert results["all"]["count"] + results["notSent"] == round(results["offeredRate"] * results["lastedS"])


def test_a_proxy_is_not_loaded_in_place_of_the_server(server: Server, folder: Path) -> None:
    code, _, test = bench(folder, server.url, *SHORT, http_proxy="http://127.0.0.1:9", no_proxy="")
    assert code == 0, test.said


@pytest.mark.parametrize(("threshold", "code"), [("p99<1us", 0), ("max>0us", 2)])
def test_a_threshold_that_is_passed_is_exit_code_2(
    server: Server, folder: Path, threshold: str, code: int
) -> None:
    found, _, test = bench(folder, server.url, *SHORT, "--fail-if", "errors>0", "--fail-if", threshold)
    assert found == code, test.said
    assert [each["failed"] for each in test.results["thresholds"]] == [False, bool(code)]


def test_a_server_that_has_keys_is_asked_with_one(own_server: Server, folder: Path) -> None:
    key = api_key(own_server.database_url, *Scope)
    own_server.restart()
    assert "wants an API key" in sentence(folder, own_server.url, *SHORT)
    assert "does not know this API key" in sentence(folder, own_server.url, *SHORT, "--key", f"{key[:-1]}-")
    code, out, test = bench(folder, own_server.url, *SHORT, BOXOFFICE_API_KEY=key)
    assert code == 0, test.said + out
    assert test.results["all"]["errors"] == 0
    assert key not in test.report.read_text() + out + test.said


def test_a_server_that_is_gone_for_good_is_not_taken_for_one_that_told_the_truth(
    own_server: Server, folder: Path
) -> None:
    test = Bench(folder, own_server.url, "--seconds", "2", "--warm-up", "0", "--connections", "4")
    test.wait_for("hot: loading")
    own_server.kill()
    code, out = test.end()
    assert code == 1, test.said + out
    assert "Not all could be audited: the server does not answer" in " ".join(out.split())
    assert test.results["audit"]["undone"]


def test_listeners_of_a_server_that_is_gone_have_seen_what_they_have_seen(
    own_server: Server, folder: Path
) -> None:
    many = ("--scenario", "listeners", "--listeners", "20", "--connections", "4")
    test = Bench(folder, own_server.url, *many, "--seconds", "6", "--warm-up", "0", "--skip-audit")
    test.wait_for("bookings/s")  # in a line that comes every few seconds
    own_server.kill()
    code, out = test.end()
    assert code == 1, test.said + out
    assert "Not all could be audited: the server is gone: nobody answers at" in " ".join(out.split())
    results = test.results
    assert results["calls"]["book"]["byStatus"]["201"] > 0
    assert results["extra"]["listenersClosed"] == results["extra"]["listeners"] == 20
    assert results["extra"]["stalenessP99Ms"] > 0


def test_without_the_audit_answers_are_compared_with_each_other_all_the_same(
    own_server: Server, folder: Path
) -> None:
    own_server.restart()
    code, out, test = bench(folder, own_server.url, "--scenario", "rush", *SHORT, "--skip-audit")
    assert code == 0, test.said + out
    audit = test.results["audit"]
    assert audit["answersOnly"]
    looked_at = {each["name"]: each["lookedAt"] for each in audit["checks"] if not each["skipped"]}
    assert set(looked_at) == {"one key, one effect", "answers are in the order of time"}
    assert all(looked_at.values())
    assert "nothing is oversold" not in out
    assert out.splitlines()[-1].startswith("- The answers agree with each other")


# --- on a server of its own ----------------------------------------------------------------------


def test_ctrl_c_ends_the_load_early_and_all_else_is_as_ever(folder: Path) -> None:
    test = Bench(folder, "--seconds", "600", "--warm-up", "0", "--connections", "8", "--processes", "2")
    test.wait_for("hot: loading")
    came = descendants(test.process.pid)
    test.wait_for("bookings/s")  # in a line that comes every few seconds
    test.interrupt()
    code, out = test.end()
    assert code == 0, test.said + out
    assert "Ending early" in test.said
    results = test.results
    assert results["endedEarly"]
    assert results["run"]["ownServer"]
    assert results["lastedS"] < 60
    assert results["audit"]["checks"][0]["lookedAt"] >= results["all"]["count"] > 0
    assert len(came) >= 3  # two workers and a server
    assert running(came) == set()
    assert [each.name for each in folder.iterdir()] == ["report.json"]


def test_ctrl_c_while_it_is_audited_leaves_out_the_audit_and_not_what_was_measured(folder: Path) -> None:
    test = Bench(folder, *SHORT)
    test.wait_for("auditing")
    test.interrupt()
    code, out = test.end()
    assert code == 130, test.said + out
    assert "the audit was left out" in out
    assert test.results["all"]["count"] > 0
    assert test.results["audit"] is None


@pytest.mark.parametrize("words", ["Starting a server", "preparing", "warming up"])
def test_ctrl_c_before_anything_is_counted_leaves_nothing_behind(folder: Path, words: str) -> None:
    test = Bench(folder, "--seconds", "600", "--warm-up", "600")
    test.wait_for(words)
    came = descendants(test.process.pid)
    while test.process.poll() is None:  # in a hurry
        test.interrupt()
        time.sleep(0.05)
    assert test.end() == (130, "")
    assert test.said.endswith("boxoffice: ended before anything was counted.\n")
    assert running(came) == set()
    assert list(folder.iterdir()) == []


def test_all_processes_end_when_it_is_killed(folder: Path) -> None:
    test = Bench(folder, "--seconds", "600", "--warm-up", "0")
    test.wait_for("hot: loading")
    came = descendants(test.process.pid)
    test.process.kill()
    test.process.communicate()
    deadline_s = time.monotonic() + ENDS_WITHIN_S
    while running(came):
        assert time.monotonic() < deadline_s, came
        time.sleep(0.05)


# --- what cannot be done -------------------------------------------------------------------------


def test_it_is_told_in_one_line_that_nobody_answers(folder: Path) -> None:
    said = sentence(folder, "http://127.0.0.1:1", *SHORT)
    assert said == "Nobody answers at http://127.0.0.1:1: Connection refused.\n"


def test_what_is_no_box_office_is_told(folder: Path) -> None:
    serve = [
        sys.executable,
        "-u",
        "-m",
        "http.server",
        "0",
        "--bind",
        "127.0.0.1",
        "--directory",
        str(folder),
    ]
    with subprocess.Popen(serve, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) as other:
        assert other.stdout is not None
        url = other.stdout.readline().partition("(")[2].partition(")")[0].rstrip("/")
        try:
            assert "is no box office" in sentence(folder, url, *SHORT)
        finally:
            other.kill()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (("ftp://tickets",), "is not the URL of a server"),
        (("--fail-if", "p99 is low"), "cannot be understood"),
        (("--fail-if", "staleness_p99>1s"), "and here load_generator_busy_percent."),
        (("--html", "/nowhere/at/all.html"), "cannot be written"),
        (("--connections", "1000000"), "open files"),
        (("--scenario", "listeners", "--listeners", "1000000"), "listeners take as many open files"),
        (("--events", "5"), "--events means nothing to the scenario hot: it is for --scenario spread or"),
        (("--batch", "5"), "--batch means nothing to the scenario hot"),
        (("--scenario", "rush", "--listeners", "5"), "--listeners means nothing to the scenario rush"),
        (("3000",), "'3000' is not the URL of a server, like http://127.0.0.1:3000"),
    ],
)
def test_what_is_wrong_is_told_before_anything_is_done(
    folder: Path, options: tuple[str, ...], words: str
) -> None:
    assert words in sentence(folder, *options)


@pytest.mark.parametrize("where", ["-", "report"])
def test_two_reports_do_not_go_to_one_place(server: Server, tmp_path: Path, where: str) -> None:
    place = where if where == "-" else str(tmp_path / where)
    ended = run("bench", server.url, "--json", place, "--html", place)
    assert ended.code == 1
    assert "--json and --html cannot both be written to" in ended.err


@pytest.mark.parametrize(
    "options",
    [
        ("--connections", "0"),
        ("--rate", "-1"),
        ("--rate", "inf"),
        ("--scenario", "none"),
        ("--seconds", "soon"),
        ("--no",),
        ("--html", "--skip-audit"),
    ],
)
def test_a_wrong_option_is_not_taken_for_a_threshold(folder: Path, options: tuple[str, ...]) -> None:
    code, out, test = bench(folder, *options)
    assert (code, out) == (1, "")
    assert options[0] in test.said
