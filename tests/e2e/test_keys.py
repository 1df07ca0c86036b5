"""`boxoffice keys`, as an operator uses it, and the two calls about keys on a real server."""

import json
import re
import select
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from boxoffice.actors.principals import Scope
from boxoffice.http.bridge import READS_MAX
from boxoffice.persistence.embedded import running_url
from tests.support.log import database
from tests.support.people import api_key, api_keys, as_bearer, every_key, id_of
from tests.support.postgres import public_folder
from tests.support.server import PATIENCE_S, Ended, Server, run

TOKEN = r"bo_[0-9a-z]{12}_[A-Za-z0-9_-]{43}"


@pytest.fixture
def folder() -> Iterator[Path]:
    with public_folder() as folder:
        yield folder


def create(
    *where: str, name: str = "shop", scopes: tuple[str, ...] = ("read",), more: tuple[str, ...] = ()
) -> str:
    """The key that was made."""
    given = [argument for scope in scopes for argument in ("--scope", scope)]
    ended = run("keys", "create", "--name", name, *given, *more, *where)
    assert ended.code == 0, ended
    return ended.out.removesuffix("\n")


def listed(*where: str) -> list[Any]:
    """The keys in `keys list --json`."""
    ended = run("keys", "list", "--json", *where)
    assert (ended.code, ended.err, ended.out.count("\n")) == (0, "", 1), ended
    document = json.loads(ended.out)
    assert document["next"] is None
    items: list[Any] = document["items"]
    return items


def said(ended: Ended) -> str:
    """The one line of a command that could not do its work."""
    assert (ended.code, ended.out, ended.err.count("\n")) == (1, "", 1), ended
    assert ended.err.startswith("boxoffice: ")
    assert ended.err.endswith(".\n")
    return ended.err


def until(so: Callable[[], bool]) -> None:
    """Wait until `so`; fails when that takes too long."""
    deadline = time.monotonic() + PATIENCE_S
    while not so():
        assert time.monotonic() < deadline
        time.sleep(0.05)


# --- on a database of one's own ------------------------------------------------------------------


def test_a_key_is_printed_alone_and_once(database_url: str) -> None:
    ended = run("keys", "create", "--name", "shop", "--scope", "read", "--database-url", database_url)
    assert ended.code == 0
    assert re.fullmatch(TOKEN + "\n", ended.out), "so that KEY=$(boxoffice keys create …) works"
    assert ended.err.count("\n") == 1
    assert "this once" in ended.err
    assert id_of(ended.out) in ended.err
    secret = ended.out[16:-1]
    assert secret not in ended.err
    for command in (("list", "--all"), ("list", "--json"), ("revoke", id_of(ended.out))):
        later = run("keys", *command, "--database-url", database_url)
        assert later.code == 0
        assert secret not in later.out + later.err
        assert id_of(ended.out) in later.out + later.err


def test_a_key_has_what_it_was_given(database_url: str) -> None:
    where = ("--database-url", database_url)
    more = ("--limit", "6000/minute", "--expires", "2077-01-01T00:00:00Z")
    first = create(*where, name="Kasse 7", scopes=("sell", "read"), more=more)
    second = create(*where, scopes=("read", "sell", "organise", "admin"), more=("--expires", "90d"))
    one, two = listed(*where)
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT[0-9:.]+Z", one.pop("createdAt"))
    assert one == {
        "keyId": id_of(first),
        "name": "Kasse 7",
        "scopes": ["read", "sell"],
        "limit": "6000/minute",
        "expiresAt": "2077-01-01T00:00:00.000000Z",
        "revokedAt": None,
    }
    assert (two["keyId"], two["limit"]) == (id_of(second), None)
    assert two["scopes"] == ["read", "sell", "organise", "admin"]
    assert two["createdAt"] < two["expiresAt"] < "2077"


def test_a_key_is_revoked_by_its_id_or_by_all_of_it_and_again_changes_nothing(database_url: str) -> None:
    first, second = (api_key(database_url, Scope.READ, name=name) for name in ("ann", "bob"))
    for given, name in ((id_of(first), "ann"), (second, "bob"), (id_of(first), "ann")):
        before = every_key(database_url)
        ended = run("keys", "revoke", given, "--database-url", database_url)
        assert (ended.code, ended.out, ended.err.count("\n")) == (0, "", 1), ended
        assert f"({name}) is revoked" in ended.err
    assert every_key(database_url) == before
    assert all(key.revoked_at is not None for key in before)


def test_what_holds_no_longer_is_shown_only_if_all_are_asked_for(database_url: str) -> None:
    where = ("--database-url", database_url)
    assert "There are no API keys on postgresql://" in run("keys", "list", *where).err
    revoked = api_key(database_url, Scope.READ, expires_in_s=60, revoked=True)
    expired = api_key(database_url, Scope.READ, expires_in_s=-1)
    other = api_key(database_url, Scope.READ, expires_in_s=60)
    head, *shown = run("keys", "list", *where).out.splitlines()
    assert head.split() == ["ID", "NAME", "SCOPES", "LIMIT", "CREATED", "EXPIRES", "REVOKED"]
    assert [line.split()[0] for line in shown] == [id_of(other)]
    assert [item["keyId"] for item in listed(*where)] == [id_of(other)]
    every = run("keys", "list", "--all", *where).out.splitlines()[1:]
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    assert [line.split()[0] for line in every] == [id_of(token) for token in (revoked, expired, other)]
    assert [re.fullmatch(rf".+ {moment} +{moment} +{moment}", line) is not None for line in every] == [
        True,
        False,
        False,
    ]
    with api_keys(database_url) as kept:
        kept.revoke(id_of(other))
    nothing = run("keys", "list", *where)
    assert (nothing.code, nothing.out) == (0, "")
    assert "All API keys" in nothing.err


# --- on the embedded one ---------------------------------------------------------------------------


def test_the_first_key_can_be_made_before_the_first_start(folder: Path) -> None:
    where = ("--data-dir", str(folder / "data"))
    token = create(*where)
    assert running_url(folder / "data") is None, "it was started for the moment"
    server = Server(*where)
    assert server.stop() == 0
    assert [item["keyId"] for item in listed(*where)] == [id_of(token)]


def test_beside_a_server_its_database_is_joined_and_left_running(folder: Path) -> None:
    server = Server(cwd=folder)  # the data directory is the default one, there
    made = run("keys", "create", "--name", "root", "--scope", "admin", "--scope", "read", cwd=folder)
    assert made.code == 0
    token = made.out.strip()
    assert "on the embedded PostgreSQL in boxoffice-data." in made.err
    until(lambda: server.send("GET", "/keys", None, as_bearer(token)).status == 200)
    assert run("keys", "revoke", id_of(token), cwd=folder).code == 0
    assert id_of(token) in run("keys", "list", "--all", cwd=folder).out
    assert server.process.poll() is None
    assert server.send("GET", "/readyz").status == 200, "it has stopped nothing"
    assert server.stop() == 0


def test_tables_of_an_older_boxoffice_are_brought_up_to_date_unless_a_server_runs(folder: Path) -> None:
    where = ("--data-dir", str(folder / "data"))
    server = Server(*where)
    url = running_url(folder / "data")
    assert url is not None
    with database(url) as cursor:
        cursor.execute("DROP TABLE api_keys")
        cursor.execute("UPDATE boxoffice_schema SET version_num = '0002'")
    assert "of an older boxoffice" in said(run("keys", "create", "--name", "x", "--scope", "read", *where))
    assert server.stop() == 0
    assert re.fullmatch(TOKEN, create(*where))


def test_a_database_whose_tables_a_server_is_about_to_make_gets_them(folder: Path) -> None:
    where = ("--data-dir", str(folder / "data"))
    server = Server(*where)
    url = running_url(folder / "data")
    assert url is not None
    with database(url) as cursor:
        cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    token = create(*where)
    assert [key.id for key in every_key(url)] == [id_of(token)]
    server.stop()


# --- what cannot be ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("--name", "x", "--limit", "100"), "No key was made: a rate is written like 100/second"),
        (("--name", "x", "--limit", "0/second"), "No key was made: a rate allows from 1 to 1000000"),
        (("--name", "x", "--expires", "soon"), "No key was made: an expiry is written like 12h, 90d"),
        (
            ("--name", "x", "--expires", "2020-01-01T00:00:00Z"),
            "No key was made: a key expires in the future",
        ),
        (("--name", ""), "No key was made: a name has from 1 to 200 characters"),
        (("--name", "two\nlines"), "No key was made: a name has from 1 to 200 characters"),
    ],
)
def test_a_key_that_cannot_be_is_told_in_a_sentence_and_makes_nothing(
    arguments: tuple[str, ...], sentence: str, folder: Path
) -> None:
    where = ("--data-dir", str(folder / "data"))
    assert sentence in said(run("keys", "create", "--scope", "read", *arguments, *where))
    assert not list(folder.iterdir())


def test_an_unknown_scope_is_told_with_those_there_are(database_url: str) -> None:
    ended = run("keys", "create", "--name", "x", "--scope", "root", "--database-url", database_url)
    assert ended.code != 0
    assert ended.out == ""
    assert "organise" in ended.err
    assert "Traceback" not in ended.err
    assert run("keys", "create", "--name", "x", "--database-url", database_url).code != 0, "none at all"
    assert every_key(database_url) == []


def test_a_key_that_there_is_not_is_told_without_repeating_it(database_url: str) -> None:
    token = api_key(database_url, Scope.READ)
    mistyped = token[:3] + "0" * 12 + token[15:]
    for given in ("shop", mistyped):
        line = said(run("keys", "revoke", given, "--database-url", database_url))
        assert "There is no API key with this id" in line
        assert token[16:30] not in line
    assert [key.revoked_at for key in every_key(database_url)] == [None]


@pytest.mark.parametrize("command", [("list",), ("revoke", "0" * 12)])
def test_without_a_data_directory_there_is_nothing_to_show_and_none_is_made(
    command: tuple[str, ...], folder: Path
) -> None:
    line = said(run("keys", *command, "--data-dir", str(folder / "data")))
    assert f"There is no boxoffice database in {folder / 'data'}" in line
    assert not list(folder.iterdir())


@pytest.mark.parametrize(
    "command", [("create", "--name", "x", "--scope", "read"), ("list",), ("revoke", "x")]
)
def test_a_database_that_cannot_be_used_is_told(command: tuple[str, ...], database_url: str) -> None:
    nowhere = "postgresql://user:secret@127.0.0.1:1/tickets"
    line = said(run("keys", *command, "--database-url", nowhere))
    assert "Cannot reach PostgreSQL at postgresql://user:***@127.0.0.1:1/tickets" in line
    assert "Both a data directory and a database URL" in said(
        run("keys", *command, "--database-url", nowhere, "--data-dir", "x")
    )
    with database(database_url) as cursor:
        cursor.execute("DROP SCHEMA public CASCADE; CREATE SCHEMA public")
    line = said(run("keys", *command, "--database-url", database_url))
    assert "run `boxoffice migrate`" in line


# --- over HTTP -----------------------------------------------------------------------------------


def test_keys_are_listed_and_revoked_over_http(own_server: Server, database_url: str) -> None:
    where = ("--database-url", database_url)
    admin, *others = (api_key(database_url, Scope.ADMIN, name=name) for name in ("root", "ann", "bob"))

    def call(method: str, path: str) -> tuple[int, Any]:
        reply = own_server.send(method, path, None, as_bearer(admin))
        for token in (admin, *others):
            assert token[16:].encode() not in reply.body
        return reply.status, reply.document

    until(lambda: call("GET", "/keys")[0] == 200)
    status, every = call("GET", "/keys")
    assert (status, every) == (200, {"items": listed("--all", *where), "next": None})
    status, page = call("GET", "/keys?limit=2")
    assert (status, page["items"], page["next"]) == (200, every["items"][:2], every["items"][1]["keyId"])
    status, rest = call("GET", f"/keys?limit=2&cursor={page['next']}")
    assert (status, rest) == (200, {"items": every["items"][2:], "next": None})

    status, revoked = call("DELETE", f"/keys/{id_of(others[0])}")
    assert (status, revoked["keyId"], revoked["name"]) == (200, id_of(others[0]), "ann")
    assert revoked["revokedAt"] is not None
    assert call("DELETE", f"/keys/{id_of(others[0])}") == (200, revoked), "again changes nothing"
    for unknown in ("0" * 12, others[1]):
        status, problem = call("DELETE", f"/keys/{unknown}")
        assert (status, problem["code"]) == (404, "api_key_not_found")
        assert unknown not in json.dumps(problem)
    assert call("GET", "/keys?limit=0")[0] == 422


def test_who_asks_too_much_cannot_keep_their_key_from_being_revoked(
    own_server: Server, database_url: str
) -> None:
    key = api_key(database_url, Scope.READ)
    request = f"GET /orders HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {key}\r\n\r\n".encode()

    def answered() -> int:
        return own_server.send("GET", "/orders?limit=0", None, as_bearer(key)).status  # asks no database

    until(lambda: answered() == 422)
    with ExitStack() as stack:
        cursor = stack.enter_context(database(database_url))
        cursor.execute("LOCK TABLE orders IN ACCESS EXCLUSIVE MODE")
        clients = []
        for _ in range(READS_MAX + 20):
            clients.append(stack.enter_context(socket.create_connection(own_server.address)))
            clients[-1].sendall(request)
        refused, _, _ = select.select(clients, [], [], PATIENCE_S)
        assert refused[0].recv(100).startswith(b"HTTP/1.1 503 "), "not a query more is let through now"
        with api_keys(database_url) as kept:
            kept.revoke(id_of(key))
        until(lambda: answered() == 401)


def test_nothing_of_a_secret_is_said_by_a_server(own_server: Server, database_url: str) -> None:
    token = api_key(database_url, Scope.ADMIN)
    until(lambda: own_server.send("GET", "/keys", None, as_bearer(token)).status == 200)
    own_server.send("GET", "/keys", None, as_bearer(token + "x"))
    own_server.send("GET", f"/{token}", None, as_bearer(token))
    own_server.send("DELETE", f"/keys/{id_of(token)}", None, as_bearer(token))
    own_server.send("GET", "/keys", None, as_bearer(token))
    own_server.stop()
    assert token[16:] not in "".join(own_server.said)
