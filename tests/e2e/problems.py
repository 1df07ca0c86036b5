"""What every problem document has, whatever the problem is."""

from typing import Any

from tests.support.server import JSON, Reply, Server


def post(server: Server, path: str, body: bytes, headers: dict[str, str] | None = None) -> Reply:
    """A `POST` that says it is JSON unless `headers` say something else."""
    return server.send("POST", path, body, JSON if headers is None else headers)


def check(reply: Reply, status: int, code: str) -> Any:
    """The problem document, after looking at all that every one of them has."""
    problem = reply.document
    assert (reply.status, problem["code"]) == (status, code), problem
    assert reply.headers["Content-Type"] == "application/problem+json"
    assert problem["status"] == status
    assert problem["type"] == f"/problems/{code}"
    assert problem["title"]
    assert problem["detail"]
    assert problem["requestId"] == reply.headers["X-Request-ID"]
    return problem
