"""The scripts for other load tools, each run by its tool against a real server; k6's by a stand-in, too.

A tool that is not there is no failure: wrk and hey are Debian's, locust is on PyPI (`pip install locust` into
an environment that is on the PATH), k6 is a program of its own. The stand-in for it is `tests/support/k6`,
and runs on node.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any, ClassVar

import pytest

from tests.support.server import QUIET, Server, run

ROOT = Path(__file__).parents[2]
TOOLS = ROOT / "bench" / "tools"
PLENTY = 1_000_000
BOUND_S = 60


def needed(program: str) -> pytest.MarkDecorator:
    """Skips a test where there is no such program."""
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


def ran(*command: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """A tool, run to its end."""
    env = {**QUIET, **variables}
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=BOUND_S, env=env)


def customers(server: Server, event_id: str, api_key: str = "") -> list[str]:
    """Whose the first 500 orders are."""
    headers = {"Authorization": f"Bearer {api_key}"} if api_key else {}
    found = server.send("GET", f"/orders?eventId={event_id}&limit=500", None, headers).document
    return [order["userId"] for order in found["items"]]


@pytest.fixture
def guarded(database_url: str) -> Iterator[tuple[Server, str]]:
    """A server that has keys, and a key that may do all that a load does."""
    scopes = [part for scope in ("read", "sell", "organise") for part in ("--scope", scope)]
    made = run("keys", "create", "--name", "load", *scopes, "--database-url", database_url)
    assert made.code == 0, made.err
    server = Server("--database-url", database_url)
    yield server, made.out.strip()
    server.stop()


def event_of(server: Server, api_key: str) -> str:
    """An event that the key's holder has made."""
    body = json.dumps({"eventName": "Load", "totalTickets": PLENTY}).encode()
    headers = {"Content-Type": "application/json", "Authorization": f"Bearer {api_key}"}
    made = server.send("POST", "/initialize", body, headers)
    assert made.status == 201, made.document
    return str(made.document["eventId"])


# --- wrk -----------------------------------------------------------------------------------------


def wrk(url: str, *arguments: str, threads: int = 1, **variables: str) -> int:
    """How many requests were answered, all of them well."""
    script = ("-s", str(TOOLS / "wrk.lua"))
    done = ran("wrk", f"-t{threads}", "-c8", "-d1s", *script, url, "--", *arguments, **variables)
    assert done.returncode == 0, done.stderr
    assert "Non-2xx" not in done.stdout, done.stdout
    (requests,) = re.findall(r"(\d+) requests in", done.stdout)
    return int(requests)


@needed("wrk")
def test_wrk_books_a_ticket_a_request_each_for_a_new_customer(server: Server) -> None:
    event_id = server.event(PLENTY)
    requests = wrk(server.url, event_id, threads=2)
    booked = server.status(event_id)["bookedTickets"]
    assert requests <= booked <= requests + 8
    found = customers(server, event_id)
    assert len(set(found)) == len(found) == min(500, booked)
    assert {user.split("-")[1] for user in found} == {"1", "2"}, "from both threads"


@needed("wrk")
def test_wrk_books_in_batches(server: Server) -> None:
    event_id = server.event(PLENTY)
    requests = wrk(server.url, event_id, "10")
    booked = server.status(event_id)["bookedTickets"]
    assert requests * 10 <= booked <= (requests + 8) * 10


@needed("wrk")
def test_wrk_asks_as_the_holder_of_a_key(guarded: tuple[Server, str]) -> None:
    server, api_key = guarded
    event_id = event_of(server, api_key)
    assert wrk(server.url, event_id, API_KEY=api_key) > 0
    assert customers(server, event_id, api_key)


# --- hey -----------------------------------------------------------------------------------------


def hey(url: str, event_id: str, *arguments: str, **variables: str) -> int:
    """How many requests were answered, all of them with 201."""
    script = str(TOOLS / "hey.sh")
    done = ran(script, event_id, url, *arguments, CONNECTIONS="4", LASTS="1s", **variables)
    assert done.returncode == 0, done.stderr
    statuses = dict(re.findall(r"\[(\d+)\]\t(\d+) responses", done.stdout))
    assert list(statuses) == ["201"], done.stdout
    return int(statuses["201"])


@needed("hey")
def test_hey_books_everything_for_one_customer(server: Server) -> None:
    event_id = server.event(PLENTY)
    answered = hey(server.url, event_id, "-q", "50")
    assert 0 < answered <= 4 * 51
    assert answered <= server.status(event_id)["bookedTickets"] <= answered + 4
    assert len(set(customers(server, event_id))) == 1


@needed("hey")
def test_hey_asks_as_the_holder_of_a_key(guarded: tuple[Server, str]) -> None:
    server, api_key = guarded
    assert hey(server.url, event_of(server, api_key), API_KEY=api_key) > 0


def test_heys_script_says_what_it_needs() -> None:
    done = ran(str(TOOLS / "hey.sh"))
    assert done.returncode != 0
    assert "hey.sh EVENT_ID" in done.stderr


# --- locust --------------------------------------------------------------------------------------


def locust(url: str, **variables: str) -> subprocess.CompletedProcess[str]:
    """Ten people for three seconds, without pauses to speak of."""
    script = ("-f", str(TOOLS / "locustfile.py"), "--host", url)
    how = ("--headless", "-u", "10", "-r", "10", "-t", "3s", "--only-summary")
    return ran("locust", *script, *how, PAUSE="0.02", **variables)


@needed("locust")
def test_locusts_people_look_book_and_cancel(server: Server) -> None:
    done = locust(server.url)
    assert done.returncode == 0, done.stdout + done.stderr
    (status,) = [json.loads(each) for each in re.findall(r"event \S+ now: (.*)", done.stdout)]
    counted = {
        name: (int(requests), int(fails))
        for name, requests, fails in re.findall(
            r"^(?:GET|POST) +(\S+) +(\d+) +(\d+)\(", done.stdout + done.stderr, re.MULTILINE
        )
    }
    assert counted.keys() == {"/status", "/book", "/cancel"}
    assert not any(fails for _, fails in counted.values())
    sold = counted["/book"][0] - counted["/cancel"][0]
    assert abs(status["bookedTickets"] - sold) <= 10, "but for what was under way at the end"


@needed("locust")
def test_locust_books_at_an_event_of_ours_with_a_key(guarded: tuple[Server, str]) -> None:
    server, api_key = guarded
    event_id = event_of(server, api_key)
    done = locust(server.url, API_KEY=api_key, EVENT_ID=event_id)
    assert done.returncode == 0, done.stdout + done.stderr
    assert f"event {event_id} now" in done.stdout
    assert customers(server, event_id, api_key)


@needed("locust")
def test_locust_fails_when_nobody_answers() -> None:
    done = locust("http://127.0.0.1:1")
    assert done.returncode == 1
    assert "no event" in done.stderr


# --- k6 ------------------------------------------------------------------------------------------


@pytest.fixture
def k6(tmp_path: Path) -> Path:
    """A folder with the script and, under the name k6, its stand-in."""
    (tmp_path / "node_modules").mkdir()
    (tmp_path / "node_modules" / "k6").symlink_to(ROOT / "tests" / "support" / "k6")
    shutil.copy(TOOLS / "k6.js", tmp_path / "script.mjs")
    return tmp_path


def k6_in_node(folder: Path, url: str, iterations: int, **variables: str) -> Any:
    """What the stand-in says about so many iterations."""
    given = [f"{name}={value}" for name, value in {"URL": url, **variables}.items()]
    runner = str(folder / "node_modules" / "k6" / "run.js")
    done = ran("node", runner, str(folder / "script.mjs"), str(iterations), *given)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@needed("node")
def test_k6s_script_books_and_sees_that_it_got_what_it_asked_for(server: Server, k6: Path) -> None:
    said = k6_in_node(k6, server.url, 20)
    assert said["checks"] == {"the order is what was asked for": {"passes": 20, "fails": 0}}
    assert said["counters"] == {"tickets_booked": 20, "customers_waiting": 0}
    event_id = said["data"]["event"]
    assert server.status(event_id)["bookedTickets"] == 20
    assert len(set(customers(server, event_id))) == 20


@needed("node")
def test_k6s_script_asks_again_under_its_keys_and_knows_who_waits(server: Server, k6: Path) -> None:
    event_id = server.event(15)
    said = k6_in_node(k6, server.url, 20, KEYS="1", EVENT_ID=event_id)
    assert said["checks"] == {
        "the order is what was asked for": {"passes": 20, "fails": 0},
        "asked again, the answer is the same": {"passes": 2, "fails": 0},
        "asked again, it says so": {"passes": 2, "fails": 0},
    }
    assert said["counters"] == {"tickets_booked": 15, "customers_waiting": 5}
    assert server.status(event_id)["waitingListCount"] == 5


@needed("node")
def test_k6s_script_asks_as_the_holder_of_a_key(guarded: tuple[Server, str], k6: Path) -> None:
    server, api_key = guarded
    said = k6_in_node(k6, server.url, 3, API_KEY=api_key)
    assert said["counters"]["tickets_booked"] == 3


class Wrong(BaseHTTPRequestHandler):
    """A shop that gives everybody the same ticket, whatever they ask for."""

    protocol_version = "HTTP/1.1"
    answer: ClassVar[Mapping[str, object]] = {
        "eventId": "1", "orderId": "1-x", "userId": "bob", "quantity": 1, "status": "confirmed", "version": 2,
    }  # fmt: skip

    def do_POST(self) -> None:
        """Read, and answer."""
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps(self.answer).encode()
        self.send_response(201)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing."""


@contextmanager
def wrong_shop() -> Iterator[str]:
    """Where it is."""
    with HTTPServer(("127.0.0.1", 0), Wrong) as shop:
        thread = Thread(target=shop.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{shop.server_port}"
        finally:
            shop.shutdown()
            thread.join()


@needed("node")
def test_k6s_script_notices_a_wrong_answer(k6: Path) -> None:
    with wrong_shop() as url:
        said = k6_in_node(k6, url, 11, EVENT_ID="1", KEYS="1")
    assert said["checks"]["the order is what was asked for"] == {"passes": 0, "fails": 11}
    assert said["checks"]["asked again, it says so"] == {"passes": 0, "fails": 2}


@needed("node")
def test_k6s_script_has_people_come_at_a_rate_and_fails_by_what_matters(server: Server, k6: Path) -> None:
    """The form is k6's own, and nothing that node could try."""
    options = k6_in_node(k6, server.url, 0, RATE="500")["options"]
    (people,) = options["scenarios"].values()
    assert people["executor"] == "ramping-arrival-rate"
    assert people["stages"][-1]["target"] == 500
    assert people["maxVUs"] >= people["preAllocatedVUs"] > 0
    thresholds = options["thresholds"]
    assert set(thresholds) == {
        "checks", "http_req_failed", "http_req_duration{call:book}", "dropped_iterations",
    }  # fmt: skip
    form = re.compile(r"(rate|count|p\(\d+(\.\d+)?\)) ?(<|<=|>|>=|==) ?\d+(\.\d+)?")
    assert all(form.fullmatch(each) for expressions in thresholds.values() for each in expressions)


@needed("k6")
def test_k6_itself_runs_its_script(server: Server) -> None:
    how = ("-e", f"URL={server.url}", "-e", "RATE=50", "-e", "CLIMB=1s", "-e", "LASTS=2s", "-e", "KEYS=1")
    done = ran("k6", "run", *how, str(TOOLS / "k6.js"))
    assert done.returncode in (0, 99), done.stderr  # 99: a threshold on latency, on a busy machine
    (status,) = re.findall(r"bookedTickets[^0-9]+(\d+)", done.stdout + done.stderr)
    assert int(status) > 50
