"""The bytes of a request. No input or output; on a worker's event loop."""

from urllib.parse import urlsplit

from boxoffice.bench.load.asks import Ask
from boxoffice.bench.target import Target


class Requests:
    """Writes requests to one server. All that never changes is put together once."""

    def __init__(self, target: Target) -> None:
        parts = urlsplit(target.url)
        self._path = parts.path
        headers = {"Host": parts.netloc.rpartition("@")[2], **target.headers}
        self._headers = " HTTP/1.1\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items())

    def bytes_of(self, ask: Ask) -> bytes:
        """One request."""
        body, key = ask.body, ask.key
        length = f"Content-Length: {len(body)}\r\n\r\n" if body or ask.method != "GET" else "\r\n"
        if key is not None:
            length = f"Idempotency-Key: {key}\r\n{length}"
        return f"{ask.method} {self._path}{ask.path}{self._headers}{length}".encode() + body
