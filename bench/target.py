"""The server that is tested: where it is, and a plain way to ask it for what is no part of the load."""

import asyncio
import json
import urllib.error
import urllib.request
from http.client import HTTPException
from typing import Any
from urllib.parse import urlsplit

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
        """Make one call; its status and its JSON. Raises OSError when nobody answers within 30 s, and
        ValueError when what is answered is no JSON.
        """
        return await asyncio.to_thread(self._call, method, path, body)

    def _call(self, method: str, path: str, body: object) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, self.headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                return error.code, json.load(error)
        except HTTPException as error:
            raise OSError(f"what answers speaks no HTTP: {error!r}") from error


def target_at(url: str, key: str | None) -> Target:
    """The server at a URL as people write it. Raises ValueError with a sentence."""
    whole = (url if "://" in url else f"http://{url}").rstrip("/")
    try:
        parts = urlsplit(whole)
        known = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        known = False
    if not known or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"{url!r} is not the URL of a server, like http://127.0.0.1:3000")
    if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
        raise ValueError("this API key has characters that no key has")
    return Target(whole, key or None)
