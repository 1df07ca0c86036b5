"""What every request passes, seen from outside: ids, limits, headers, origins, and keys that come and go."""

import json
import re
import time
from collections.abc import Iterator, Mapping

import pytest

from boxoffice.actors.principals import ALL_SCOPES, Rate, Scope
from tests.support.listening import WebSocket
from tests.support.log import database
from tests.support.people import TAKES_TOKENS, api_key, as_bearer, token_of
from tests.support.postgres import Cluster
from tests.support.server import JSON, PATIENCE_S, Reply, Server, run

CLIENT = "192.0.2.7"
SHOP = "https://shop.example"


def until(server: Server, status: int, headers: Mapping[str, str]) -> Reply:
    """The first answer with this status; fails when that takes too long."""
    deadline = time.monotonic() + PATIENCE_S
    while (reply := server.send("GET", "/events", None, headers)).status != status:
        assert time.monotonic() < deadline, reply
        time.sleep(0.05)
    return reply


# --- keys that come and go -----------------------------------------------------------------------


def test_with_the_first_key_the_server_takes_nobody_else_any_more(own_server: Server) -> None:
    assert own_server.send("GET", "/events").status == 200
    key = as_bearer(api_key(own_server.database_url, Scope.READ))
    until(own_server, 401, {})
    until(own_server, 200, key)
    with database(own_server.database_url) as cursor:
        cursor.execute("DELETE FROM api_keys")
    until(own_server, 401, key)
    assert own_server.send("GET", "/events").status == 401, "it does not open again"


def test_a_revoked_key_holds_no_longer_than_seconds(own_server: Server) -> None:
    url = own_server.database_url
    key = api_key(url, Scope.READ)
    until(own_server, 200, as_bearer(key))
    assert run("keys", "revoke", key.split("_")[1], "--database-url", url).code == 0
    until(own_server, 401, as_bearer(key))


def test_a_key_revoked_by_a_call_holds_no_longer_at_once(own_server: Server) -> None:
    url = own_server.database_url
    key, admin = api_key(url, Scope.READ), api_key(url, Scope.ADMIN)
    until(own_server, 200, as_bearer(key))
    revoked = own_server.send("DELETE", f"/keys/{key.split('_')[1]}", None, as_bearer(admin))
    assert revoked.status == 200
    assert own_server.send("GET", "/events", None, as_bearer(key)).status == 401


def test_keys_are_good_while_the_database_is_away(own_server: Server) -> None:
    """What they may do is another matter."""
    key = as_bearer(api_key(own_server.database_url, Scope.READ))
    until(own_server, 200, key)
    with database(own_server.database_url) as cursor:
        cursor.execute("ALTER TABLE api_keys RENAME TO away")
        try:
            time.sleep(1.5)  # it looks every second
            assert own_server.send("GET", "/events", None, key).status == 200
        finally:
            cursor.execute("ALTER TABLE away RENAME TO api_keys")


def test_status_is_public_if_that_is_wanted(database_url: str) -> None:
    key = as_bearer(api_key(database_url, *ALL_SCOPES))
    server = Server("--database-url", database_url, "--public-status")
    try:
        body = json.dumps({"eventName": "Concert", "totalTickets": 1}).encode()
        event = server.send("POST", "/initialize", body, {**JSON, **key}).document["eventId"]
        assert server.send("GET", f"/status/{event}").status == 200
        assert server.send("GET", f"/status/{event}", None, as_bearer("bo_wrong")).status == 401
        assert server.send("GET", "/events").status == 401
    finally:
        server.stop()


# --- where it may listen -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "options", [["--host", "0.0.0.0"], ["--host", "::"], ["--trusted-proxy", "127.0.0.1"]], ids=" ".join
)
def test_what_anybody_may_use_stays_on_this_machine(database_url: str, options: list[str]) -> None:
    ended = run("serve", "--port", "0", "--database-url", database_url, *options)
    assert ended.code == 1
    assert "boxoffice keys create" in ended.err
    assert "--insecure" in ended.err


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:3000", "127.0.0.1.evil.example", "EVIL.example."]
)
def test_pages_that_have_their_name_lead_here_are_not_anybody(server: Server, host: str) -> None:
    """DNS rebinding: for the browser, such a page asks its own site."""
    event = server.event()
    body = json.dumps({"eventId": event}).encode()
    reply = server.send("POST", "/close", body, {**JSON, "Host": host})
    assert (reply.status, reply.document["code"]) == (403, "forbidden")
    assert server.status(event)["state"] == "open"


@pytest.mark.parametrize(
    "host",
    [
        "localhost",
        "localhost:3000",
        "127.0.0.1:3000",
        "[::1]:3000",
        "[::ffff:127.0.0.1]",
        "box.localhost",
        "boxoffice",
        "10.0.0.1",
    ],
)
def test_this_machine_has_many_names(server: Server, host: str) -> None:
    assert server.send("GET", "/events", None, {"Host": host}).status == 200


def test_with_keys_or_insecure_any_name_will_do(database_url: str) -> None:
    server = Server("--database-url", database_url, "--insecure")
    assert server.send("GET", "/events", None, {"Host": "tickets.example"}).status == 200
    key = as_bearer(api_key(database_url, Scope.READ))
    until(server, 200, {**key, "Host": "tickets.example"})
    server.stop()


@pytest.mark.parametrize("how", ["a key", "tokens", "insecure"])
def test_it_may_listen_elsewhere(database_url: str, how: str) -> None:
    if how == "a key":
        api_key(database_url, Scope.READ)
    options = ["--insecure"] if how == "insecure" else []
    env = TAKES_TOKENS if how == "tokens" else {}
    server = Server("--database-url", database_url, "--host", "0.0.0.0", *options, env=env)
    assert server.send("GET", "/events").status == (200 if how == "insecure" else 401)
    server.stop()


# --- limits --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def limited(embedded_cluster: Cluster) -> Iterator[Server]:
    """Three requests an hour for everybody who has no limit of their own."""
    with embedded_cluster.database() as url:
        api_key(url, *ALL_SCOPES)
        env = {**TAKES_TOKENS, "BOXOFFICE_TRUSTED_PROXY": "127.0.0.0/8"}
        server = Server("--database-url", url, "--rate-limit", "3/hour", env=env)
        yield server
        server.stop()


def asked(server: Server, times: int, headers: Mapping[str, str]) -> list[Reply]:
    return [server.send("GET", "/events", None, headers) for _ in range(times)]


@pytest.mark.parametrize("who", ["key", "customer", "address"])
def test_whoever_asks_too_often_is_told_so_and_when_to_come_back(limited: Server, who: str) -> None:
    headers = {
        "key": as_bearer(api_key(limited.database_url, Scope.READ)),
        "customer": as_bearer(token_of("ann")),
        "address": {"X-Forwarded-For": CLIENT},
    }[who]
    if who == "key":
        time.sleep(1.5)  # until it is known
    good = 401 if who == "address" else 200
    replies = asked(limited, 5, headers)
    assert [reply.status for reply in replies] == [good] * 3 + [429] * 2
    assert "RateLimit" not in replies[0].headers, "more than half is left"
    told = [reply.headers for reply in replies[1:]]
    assert [headers["RateLimit"].split(";")[1] for headers in told] == ["r=1", *["r=0"] * 3]
    assert {headers["RateLimit-Policy"] for headers in told} == {'"default";q=3;w=3600'}
    refused = replies[-1]
    assert refused.document["code"] == "rate_limited"
    assert 1190 <= int(refused.headers["Retry-After"]) <= 1200
    seconds = re.search(r"t=(\d+)", refused.headers["RateLimit"])
    assert seconds is not None
    assert 3590 <= int(seconds[1]) <= 3600
    assert limited.send("GET", "/livez").status == 200, "others are not meant"


def test_whatever_is_watched_at_once_counts_one_by_one(limited: Server) -> None:
    headers = as_bearer(token_of("lea"))
    with WebSocket(limited, "/live?watch=1,2&watchOrder=1-x", headers) as listener:
        assert {listener.message()["type"] for _ in range(3)} == {"problem"}
    assert limited.send("GET", "/events", None, headers).status == 429


def test_a_message_counts_also_if_it_is_not_understood(limited: Server) -> None:
    headers = as_bearer(token_of("mia"))
    with WebSocket(limited, "/live", headers) as listener:
        for _ in range(3):
            listener.say(b"watch!")
        told = [listener.message()["problem"]["code"] for _ in range(3)]
    assert told == ["malformed_json", "malformed_json", "rate_limited"]
    assert limited.send("GET", "/events", None, headers).status == 429


def test_guessing_keys_is_limited_by_address(limited: Server) -> None:
    headers = {"X-Forwarded-For": "192.0.2.99"}
    guesses = [
        limited.send("GET", "/events", None, {**headers, **as_bearer(f"bo_{number:012}_{'A' * 43}")})
        for number in range(5)
    ]
    assert [reply.status for reply in guesses] == [401] * 3 + [429] * 2


def test_refused_for_its_rate_a_request_was_not_done_and_its_key_is_still_free(database_url: str) -> None:
    token = api_key(database_url, *ALL_SCOPES, limit=Rate(2, 1))
    server = Server("--database-url", database_url)
    try:
        send = {**JSON, **as_bearer(token)}
        made = server.send("POST", "/initialize", b'{"eventName": "Concert", "totalTickets": 9}', send)
        book = json.dumps({"eventId": made.document["eventId"], "userId": "ann"}).encode()
        replies: list[Reply] = []
        while not replies or replies[-1].status != 429:
            keyed = {**send, "Idempotency-Key": f"k{len(replies)}"}
            replies.append(server.send("POST", "/book", book, keyed))
        assert int(replies[-1].headers["Retry-After"]) == 1
        time.sleep(1.05)
        again = server.send("POST", "/book", book, {**send, "Idempotency-Key": f"k{len(replies) - 1}"})
        assert again.status == 201
        assert "Idempotent-Replayed" not in again.headers
    finally:
        server.stop()


def test_a_batch_counts_as_its_commands_do(database_url: str) -> None:
    token = api_key(database_url, *ALL_SCOPES, limit=Rate(100, 3600))
    server = Server("--database-url", database_url)
    try:
        command = {"do": "close", "eventId": "999"}
        body = json.dumps({"commands": [command] * 250}).encode()
        replies = [server.send("POST", "/batch", body, {**JSON, **as_bearer(token)}) for _ in range(2)]
        assert [reply.status for reply in replies] == [200, 429]
        assert int(replies[1].headers["Retry-After"]) > 5_000, "for what it took beyond the bucket, too"
    finally:
        server.stop()


# --- ids and headers -----------------------------------------------------------------------------

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"


@pytest.mark.parametrize(
    ("sent", "taken"),
    [
        ({"X-Request-ID": "my-request.1"}, "my-request.1"),
        ({"traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}, TRACE),
        ({"X-Request-ID": "mine", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}, "mine"),
        ({"X-Request-ID": "no good", "traceparent": f"00-{TRACE}-00f067aa0ba902b7-01"}, TRACE),
        ({"X-Request-ID": "x" * 65}, None),
        ({"X-Request-ID": "<script>"}, None),
        ({"X-Request-ID": ""}, None),
        ({"traceparent": f"ff-{TRACE}-00f067aa0ba902b7-01"}, None),
        ({"traceparent": f"00-{'0' * 32}-00f067aa0ba902b7-01"}, None),
        ({"traceparent": f"00-{TRACE}-{'0' * 16}-01"}, None),
        ({"traceparent": f"00-{TRACE.upper()}-00f067aa0ba902b7-01"}, None),
        ({}, None),
    ],
)
@pytest.mark.parametrize("path", ["/events", "/nowhere", "/status/999", "/orders/1?x=y"])
def test_every_answer_has_the_id_of_its_request(
    server: Server, path: str, sent: dict[str, str], taken: str | None
) -> None:
    reply = server.send("GET", path, None, sent)
    said = reply.headers["X-Request-ID"]
    assert said == taken if taken is not None else re.fullmatch("[0-9a-f]{24}", said)
    if reply.status >= 400:
        assert reply.document["requestId"] == said


def test_every_answer_is_what_it_says_and_tells_no_versions(server: Server) -> None:
    event = server.event()
    answers = [
        server.send("GET", f"/status/{event}"),
        server.send("GET", f"/events/{event}/changes", None, {"Accept": "application/x-ndjson"}),
        server.send("HEAD", "/events"),
        server.send("GET", "/nowhere"),
        server.send("POST", "/book", b"{", JSON),
        server.send("GET", "/readyz"),
    ]
    for reply in answers:
        assert reply.headers["X-Content-Type-Options"] == "nosniff"
        assert reply.headers["Server"] == "boxoffice"
        assert reply.headers["X-Request-ID"]
    raw = server.send_raw(b"GET / HTTP/1.1\r\nno header\r\n\r\n", finish=False)
    assert b"Server: boxoffice\r\n" in raw
    assert b"aiohttp" not in raw


def test_what_is_somebodys_own_is_not_to_be_kept_by_others(server: Server) -> None:
    order = server.book(server.event(), "ann")
    event = order["eventId"]
    for path in (f"/orders/{order['orderId']}", "/orders?userId=ann", f"/events/{event}/changes", "/events"):
        assert server.send("GET", path).headers["Cache-Control"] == "no-store", path


# --- other origins -------------------------------------------------------------------------------

PREFLIGHT = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "content-type"}


@pytest.fixture(scope="module")
def shared(embedded_cluster: Cluster) -> Iterator[Server]:
    """Open to the pages of one shop."""
    with embedded_cluster.database() as url:
        server = Server("--database-url", url, "--cors-origin", SHOP)
        yield server
        server.stop()


def test_pages_of_a_listed_origin_may_ask_and_read(shared: Server) -> None:
    preflight = shared.send("OPTIONS", "/book", None, {"Origin": SHOP, **PREFLIGHT})
    assert preflight.status == 204
    assert preflight.headers["Access-Control-Allow-Origin"] == SHOP
    assert "POST" in preflight.headers["Access-Control-Allow-Methods"]
    assert "Authorization" in preflight.headers["Access-Control-Allow-Headers"]
    assert "Access-Control-Allow-Credentials" not in preflight.headers
    for path in ("/events", "/nowhere"):
        reply = shared.send("GET", path, None, {"Origin": SHOP})
        assert reply.headers["Access-Control-Allow-Origin"] == SHOP
        assert reply.headers["Vary"] == "Origin"
        assert "Retry-After" in reply.headers["Access-Control-Expose-Headers"]


@pytest.mark.parametrize("origin", ["https://other.example", "null", f"{SHOP}.evil.example", SHOP.upper()])
def test_pages_of_other_origins_may_not(shared: Server, origin: str) -> None:
    preflight = shared.send("OPTIONS", "/book", None, {"Origin": origin, **PREFLIGHT})
    assert preflight.status == 405
    reply = shared.send("GET", "/events", None, {"Origin": origin})
    for each in (preflight, reply):
        assert not [name for name in each.headers if name.startswith("Access-Control")]
    assert reply.headers["Vary"] == "Origin", "or a cache would give it to the page that may"


def test_by_default_no_page_may(server: Server) -> None:
    assert server.send("OPTIONS", "/book", None, {"Origin": SHOP, **PREFLIGHT}).status == 405
    reply = server.send("GET", "/events", None, {"Origin": SHOP})
    assert "Access-Control-Allow-Origin" not in reply.headers
    assert "Vary" not in reply.headers
