"""Idempotency keys: one effect for one key, however often it is sent, and the first answer for everybody.

The journal records an answer in the transaction of its effect; here it is found again. Requests under one
key pass one at a time, so a duplicate finds what the first one left. If that is under way for longer than
anybody waits, or if its outcome is not known yet, a duplicate is told to ask again later. What would slip
through (to a second server, say) is stopped by the records' primary key. Called on the event loop.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from hashlib import blake2b
from typing import Any

import msgspec
from aiohttp import web

from boxoffice.actors.messages import Answer
from boxoffice.actors.ports import Caller, DatabaseAway, Key, Recorded, Replies
from boxoffice.http import wire
from boxoffice.http.bridge import ANSWER_TIMEOUT_S, Bridge
from boxoffice.http.problems import ProblemError
from boxoffice.http.visit import current

HEADER = "Idempotency-Key"

_BARE = re.compile(r"[\x20-\x7e]{1,255}")
_QUOTED = re.compile(r'"((?:[\x20\x21\x23-\x5b\x5d-\x7e]|\\["\\])*)"')


def key_of(request: web.Request, body: msgspec.Struct | list[Any]) -> Key | None:
    """The key that a request bears, if it does; the fingerprint is of the call, the body and `If-Match`.

    Raises ProblemError for one that is no key.
    """
    if HEADER not in request.headers:
        return None
    given = request.headers.getall(HEADER)
    bare = given[0].strip(" \t")
    quoted = _QUOTED.fullmatch(bare)
    text = re.sub(r"\\(.)", r"\1", quoted[1]) if quoted else bare
    if len(given) > 1 or not _BARE.fullmatch(text) or (bare.startswith('"') and not quoted):
        raise ProblemError(
            "invalid_idempotency_key",
            f"Give one {HEADER} of 1 to 255 printable ASCII characters, in double quotes or without.",
        )
    whole = wire.encode([request.path, body, ascii(request.headers.get("If-Match"))])  # it may be no UTF-8
    fingerprint = blake2b(whole, digest_size=16).digest()
    return Key(current().principal.id, text, fingerprint)


class _Claim:
    __slots__ = ("lock", "users")

    def __init__(self) -> None:
        self.lock = asyncio.Lock()
        self.users = 0


class Keys:
    """The keys in use, and what is recorded under the others."""

    def __init__(self, bridge: Bridge, replies: Replies) -> None:
        self._bridge = bridge
        self._replies = replies
        self._claims: dict[Caller, _Claim] = {}
        self._wanted: dict[Caller, asyncio.Future[Mapping[int, Recorded]]] = {}
        self._finding: asyncio.Task[None] | None = None

    @asynccontextmanager
    async def claim(self, key: Key) -> AsyncIterator[Mapping[int, Answer]]:
        """Have the key to oneself; yields what was answered under it before, by position in the batch.

        Raises ProblemError: 409 while another request has it, 422 if it was given to another request.
        """
        name = (key.caller, key.text)
        claim = self._claims.setdefault(name, _Claim())
        claim.users += 1
        try:
            async with self._locked(claim.lock):
                yield self._checked(key, await self._recorded(name))
        finally:
            claim.users -= 1
            if not claim.users:
                del self._claims[name]

    @asynccontextmanager
    async def _locked(self, lock: asyncio.Lock) -> AsyncIterator[None]:
        if not await _acquired(lock):
            raise _in_progress()
        try:
            yield
        finally:
            lock.release()

    async def _recorded(self, name: Caller) -> Mapping[int, Recorded]:
        if self._bridge.is_unsettled(name):
            raise _in_progress()
        future: asyncio.Future[Mapping[int, Recorded]] = asyncio.get_running_loop().create_future()
        self._wanted[name] = future
        if self._finding is None:
            self._finding = asyncio.create_task(self._find())
        try:
            return await future
        except DatabaseAway as away:
            raise ProblemError("not_applied", f"Nothing was changed: {away}. Try again shortly.") from away

    async def _find(self) -> None:
        """Look up all keys that are wanted, in one query; while it runs, the next ones gather."""
        while self._wanted:
            wanted, self._wanted = self._wanted, {}
            try:
                found = await self._bridge.read(self._replies.find, list(wanted))
            except Exception as failure:  # whatever it is, nobody may be kept waiting for it
                for future in wanted.values():
                    if not future.done():
                        future.set_exception(failure)
            else:
                for name, future in wanted.items():
                    if not future.done():
                        future.set_result(found.get(name, {}))
        self._finding = None

    def _checked(self, key: Key, recorded: Mapping[int, Recorded]) -> Mapping[int, Answer]:
        if any(each.fingerprint != key.fingerprint for each in recorded.values()):
            raise ProblemError(
                "idempotency_mismatch",
                f"This {HEADER} was given with another request before; nothing was changed.",
            )
        return {position: each.answer for position, each in recorded.items()}


async def _acquired(lock: asyncio.Lock) -> bool:
    """Whether the lock was to be had in time. `asyncio.timeout` needs a task, and there may be none."""
    if not lock.locked():
        return await lock.acquire()
    acquiring = asyncio.ensure_future(lock.acquire())
    try:
        await asyncio.wait([acquiring], timeout=ANSWER_TIMEOUT_S)
    except asyncio.CancelledError:
        if not acquiring.cancel():  # it had just been acquired
            lock.release()
        raise
    return acquiring.done() or not acquiring.cancel()


def _in_progress() -> ProblemError:
    return ProblemError("in_progress", f"A request with this {HEADER} is still under way.")
