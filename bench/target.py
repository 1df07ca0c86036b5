"""The server that is tested: where it is, and a plain way to ask it for what is no part of the load."""

import asyncio
import json
import ssl
import urllib.error
import urllib.request
from http.client import BadStatusLine, HTTPException, RemoteDisconnected
from typing import Any
from urllib.parse import urlsplit

import msgspec

ANSWER_S = 30.0


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
        """Make one call; its status and its JSON. Raises OSError, in words for people, when nobody answers
        within 30 s, and ValueError when what is answered is no JSON.
        """
        return await asyncio.to_thread(self._call, method, path, body)

    def _call(self, method: str, path: str, body: object) -> tuple[int, Any]:
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data, self.headers, method=method)
        try:
            with _OPENER.open(request, timeout=ANSWER_S) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as error:
            with error:
                if (elsewhere := error.headers.get("Location")) and error.code in MOVED:
                    raise OSError(f"{self.url} sends its callers on to {elsewhere}: load that") from error
                return error.code, json.load(error)
        except (OSError, HTTPException) as error:
            raise OSError(self._why(getattr(error, "reason", error))) from error

    def _why(self, error: object) -> str:
        """Why there was no answer, in words."""
        match error:
            case ssl.SSLCertVerificationError():
                return f"{self.url} is not trusted: {error.verify_message}"
            case ssl.SSLError() if error.reason in NO_TLS:
                return f"what answers at {self.url} does not speak TLS: try http:// instead of https://"
            case BadStatusLine() if not isinstance(error, RemoteDisconnected):
                return f"what answers at {self.url} does not speak HTTP: try https:// if it speaks TLS"
            case ConnectionResetError():
                return f"what answers at {self.url} closes its connections without an answer"
            case TimeoutError():
                return f"nobody answers at {self.url} within {ANSWER_S:.0f} s"
            case OSError():
                return f"nobody answers at {self.url}: {error.strerror or error}"
            case _:
                return f"what answers at {self.url} does not speak HTTP: {error!r}"


NO_TLS = ("WRONG_VERSION_NUMBER", "RECORD_LAYER_FAILURE", "UNEXPECTED_EOF_WHILE_READING", "HTTP_REQUEST")
MOVED = (301, 302, 303, 307, 308)


class _StayHere(urllib.request.HTTPRedirectHandler):
    """The load goes to one server, and so does what is asked before it."""

    def redirect_request(self, *_: object) -> None:
        """Nowhere else."""


_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}), _StayHere)
"""As the load goes, too: through no proxy."""


def target_at(url: str, key: str | None) -> Target:
    """The server at a URL as people write it. Raises ValueError with a sentence."""
    whole = (url if "://" in url else f"http://{url}").rstrip("/")
    try:
        parts = urlsplit(whole)
        host = parts.hostname or ""
        known = parts.scheme in ("http", "https") and host and not host.isdigit() and parts.port != 0
    except ValueError:
        known = False
    if not known or parts.query or parts.fragment or parts.username is not None:
        raise ValueError(f"{url!r} is not the URL of a server, like http://127.0.0.1:3000")
    if key is not None and not (key.isascii() and key.isprintable() and " " not in key):
        raise ValueError("this API key has characters that no key has")
    return Target(whole, key or None)
