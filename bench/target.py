"""The server that is tested: where it is, and a plain way to ask it for what is no part of the load."""

import asyncio
import json
import urllib.error
import urllib.request
from typing import Any

import msgspec


class Target(msgspec.Struct, frozen=True):
    """A server, and the API key under which it is asked."""

    url: str
    """Without a slash at its end."""
    key: str | None = None
    data_dir: str | None = None
    """Of a server that we have started ourselves."""

    @property
    def is_own(self) -> bool:
        """Whether we have started it."""
        return self.data_dir is not None

    @property
    def headers(self) -> dict[str, str]:
        """What each request says."""
        who = {"Authorization": f"Bearer {self.key}"} if self.key else {}
        return {"Content-Type": "application/json", **who}

    async def call(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Make one call; its status and its JSON. Raises OSError when nobody answers within 30 s."""
        return await asyncio.to_thread(self._call, method, path, body)

    def _call(self, method: str, path: str, body: object) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, self.headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            return error.code, json.load(error)
