"""Where an issuer's JWK set comes from: a file, or a URL; and when it is time to read it again.

Knows nothing of keys and tokens. Nothing here blocks the event loop, on which it runs: files are read on
another thread, URLs by aiohttp's client (PyJWT's own would block).
"""

import asyncio
import ipaddress
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

import aiohttp

from boxoffice.http.identity.jwks import JwksError

DOCUMENT_MAX = 256 * 1024
"""Bytes of a JWK set; one of ten RSA keys has 4 KiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Pace:
    """How often a set is read, in seconds."""

    look_s: float = 2.0
    """From one look at a file's time of change to the next."""

    refresh_s: float = 300.0
    """From one reading of a URL to the next."""

    hurry_s: float = 10.0
    """The same, if a token has named a key that is not known: so often, anybody can have the issuer asked."""

    fetch_s: float = 5.0
    """How long the URL may take to answer."""


class Source(Protocol):
    """A JWK set outside."""

    shown: str
    """What it is called in the log: no credentials, no query."""

    async def read(self) -> bytes:
        """The set as it is now. Raises JwksError."""

    async def due(self) -> None:
        """Returns when it is time to read again."""

    def hurry(self) -> None:
        """Have it read soon: a token names a key that was not there."""


def source(where: str, pace: Pace) -> Source:
    """The file or the URL. Raises ValueError, with a reason that may be shown, for what is neither."""
    if "://" in where:
        return UrlSource(where, pace)
    return FileSource(Path(where), pace)


# --- a file --------------------------------------------------------------------------------------


class FileSource:
    """A file, looked at again and again: an unknown key makes nobody write it sooner."""

    def __init__(self, path: Path, pace: Pace) -> None:
        self.shown = str(path)
        self._path = path
        self._pace = pace
        self._seen: tuple[int, ...] | None = None

    async def read(self) -> bytes:
        """What is in the file. Raises JwksError."""
        self._seen = await asyncio.to_thread(self._state)  # before, so that a change meanwhile is seen next
        return await asyncio.to_thread(self._content)

    async def due(self) -> None:
        """Returns when the file is not the one that was read last."""
        while True:
            await asyncio.sleep(self._pace.look_s)
            if await asyncio.to_thread(self._state) != self._seen:
                return

    def hurry(self) -> None:
        """Nothing: it is looked at every few seconds as it is."""

    def _state(self) -> tuple[int, ...] | None:
        """What changes when the file does, even by a symbolic link; None while there is no file."""
        try:
            found = self._path.stat()
        except OSError:
            return None
        return found.st_mtime_ns, found.st_size, found.st_ino, found.st_dev

    def _content(self) -> bytes:
        try:
            with self._path.open("rb") as file:
                content = file.read(DOCUMENT_MAX + 1)
        except OSError as error:
            raise JwksError((error.strerror or str(error)).lower()) from None
        return _bounded(content)


# --- a URL ---------------------------------------------------------------------------------------


class UrlSource:
    """A URL: https, or http on this machine. Redirects are not followed, proxies and cookies not used."""

    def __init__(self, url: str, pace: Pace) -> None:
        self.shown = _checked(url)
        self._url = url
        self._pace = pace
        self._hurry = asyncio.Event()

    async def read(self) -> bytes:
        """What the URL answers. Raises JwksError."""
        try:
            return _bounded(await self._fetched())
        except TimeoutError:
            raise JwksError(f"no answer within {self._pace.fetch_s:g} s") from None
        except aiohttp.ClientConnectionError as error:  # its text names host and port only
            raise JwksError(str(error)) from None
        except (aiohttp.ClientError, ValueError) as error:  # theirs may quote the URL
            raise JwksError(f"no answer that is HTTP ({type(error).__name__})") from None
        finally:
            self._hurry.clear()  # whoever was in one meanwhile may find their key now, or asks again

    async def due(self) -> None:
        """Returns after the pace's `refresh_s`, or, if somebody is in a hurry, after `hurry_s`."""
        await asyncio.sleep(self._pace.hurry_s)
        with suppress(TimeoutError):
            async with asyncio.timeout(self._pace.refresh_s - self._pace.hurry_s):
                await self._hurry.wait()

    def hurry(self) -> None:
        """Read at once, or when the last reading is `hurry_s` ago."""
        self._hurry.set()

    async def _fetched(self) -> bytes:
        session = aiohttp.ClientSession(
            auto_decompress=False,  # a small answer may not become a large one
            headers={"Accept": "application/jwk-set+json, application/json", "Accept-Encoding": "identity"},
            timeout=aiohttp.ClientTimeout(total=self._pace.fetch_s),
        )
        async with session, session.get(self._url, allow_redirects=False) as response:
            if response.status != 200:
                raise JwksError(f"it answers {response.status} instead of 200")
            content = bytearray()
            async for piece in response.content.iter_chunked(64 * 1024):
                content += piece
                if len(content) > DOCUMENT_MAX:
                    break
            return bytes(content)


def _checked(url: str) -> str:
    """The URL as it may be shown. Raises ValueError with a reason that shows nothing of it."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:  # it quotes what it cannot read
        raise ValueError("it is not a URL") from None
    if parts.username is not None or parts.password is not None:
        raise ValueError("it has a user or a password in it")
    if parts.scheme not in {"http", "https"} or not host:
        raise ValueError("it is neither a file nor an https URL")
    if parts.scheme == "http" and not _is_loopback(host):
        raise ValueError("over http anybody on the way could replace the keys: use https")
    return parts._replace(query="", fragment="").geturl()


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bounded(content: bytes) -> bytes:
    if len(content) > DOCUMENT_MAX:
        raise JwksError(f"it is larger than {DOCUMENT_MAX // 1024} KiB")
    return content
