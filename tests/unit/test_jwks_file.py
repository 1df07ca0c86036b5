"""Keys in a file: read at the start, followed while the server runs, and kept while it makes no sense."""

import logging
import os
from pathlib import Path
from typing import Any

import pytest

from boxoffice.http.identity.jwks_source import DOCUMENT_MAX
from boxoffice.http.identity.tokens import CustomerTokens
from tests.unit.issuer import Clock, key_set, rules, token
from tests.unit.publisher import BY_NEW, BY_OLD, NEW, OLD, not_loaded, takes, until, watched


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file with one key."""
    file = tmp_path / "keys.json"
    file.write_bytes(key_set(OLD))
    return file


def put(file: Path, content: bytes | None) -> None:
    """Write it, or take it away."""
    if content is None:
        file.unlink()
    else:
        file.write_bytes(content)


def publish(file: Path, *keys: Any) -> None:
    """Write these keys."""
    put(file, key_set(*keys))


def link_to(target: Path, file: Path) -> None:
    """Have it lead there from now on."""
    link = file.with_name("link")
    link.symlink_to(target)
    link.replace(file)


# --- a shared secret -----------------------------------------------------------------------------


async def test_a_shared_secret_is_neither_loaded_nor_watched() -> None:
    tokens = CustomerTokens(rules(), Clock())
    await tokens.load()
    await tokens.watch()
    assert takes(tokens, token())


# --- a file --------------------------------------------------------------------------------------


async def test_a_file_is_followed(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    async with watched(file) as tokens:
        assert takes(tokens, BY_OLD)
        assert not takes(tokens, BY_NEW)
        publish(file, OLD, NEW)
        await until(lambda: takes(tokens, BY_NEW))
        assert takes(tokens, BY_OLD)
    assert f"customers' tokens: 2 keys in {file}" in caplog.messages


async def test_a_key_that_is_removed_takes_its_tokens_along(file: Path) -> None:
    async with watched(file) as tokens:
        assert takes(tokens, BY_OLD)  # and it is remembered
        publish(file, NEW)
        await until(lambda: takes(tokens, BY_NEW))
        assert not takes(tokens, BY_OLD)


async def test_the_last_key_may_be_removed(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    async with watched(file) as tokens:
        assert takes(tokens, BY_OLD)
        publish(file)
        await until(lambda: not takes(tokens, BY_OLD))
    assert [(record.levelname, record.message) for record in caplog.records] == [
        ("ERROR", f"customers' tokens: 0 keys in {file}")
    ]


async def test_a_file_may_be_replaced_by_another_of_the_same_time(file: Path) -> None:
    """As Kubernetes does it: what changes is where a link leads to."""
    others = [file.with_name(name) for name in ("first", "second")]
    for other, key in zip(others, (OLD, NEW), strict=True):
        other.write_bytes(key_set(key))
        os.utime(other, (1, 1))
    link_to(others[0], file)
    async with watched(file) as tokens:
        assert takes(tokens, BY_OLD)
        link_to(others[1], file)
        await until(lambda: takes(tokens, BY_NEW))


@pytest.mark.parametrize(
    "content",
    [b"", key_set(OLD)[:-1], b" " * (DOCUMENT_MAX + 1), None],
    ids=["empty", "half", "too large", "gone"],
)
async def test_while_a_file_cannot_be_read_the_last_keys_stay(
    file: Path, content: bytes | None, caplog: pytest.LogCaptureFixture
) -> None:
    async with watched(file) as tokens:
        put(file, content)
        await until(lambda: "stay as they are" in caplog.text)
        assert takes(tokens, BY_OLD)
        publish(file, NEW)
        await until(lambda: takes(tokens, BY_NEW))
        assert not takes(tokens, BY_OLD)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (None, "no such file"),
        (b"", "it is not JSON"),
        (key_set(), "none of its keys can be used"),
        (key_set({**OLD, "use": "enc"}), "none of its keys can be used"),
        (b" " * (DOCUMENT_MAX + 1), "it is larger than 256 KiB"),
    ],
    ids=["gone", "empty", "no key", "no key of use", "too large"],
)
async def test_without_a_file_of_keys_the_server_does_not_start(
    file: Path, content: bytes | None, reason: str
) -> None:
    put(file, content)
    assert reason in await not_loaded(file)
    assert "is a directory" in await not_loaded(file.parent)


async def test_keys_that_are_left_out_are_told(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    publish(file, OLD, {**NEW, "use": "enc"})
    async with watched(file) as tokens:
        assert not takes(tokens, BY_NEW)
    assert f"customers' tokens: in {file}, key 2 of 2 is not for signatures" in caplog.messages


async def test_a_mistake_of_ours_does_not_end_the_watch(
    file: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with watched(file) as tokens:
        with monkeypatch.context() as broken:
            broken.setattr("boxoffice.http.identity.issuer_keys.read_key_set", None)
            publish(file, OLD, NEW)
            await until(lambda: "were not looked at" in caplog.text)
        publish(file, NEW)
        await until(lambda: takes(tokens, BY_NEW))
