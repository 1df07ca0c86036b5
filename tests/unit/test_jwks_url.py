"""Keys at a URL: had at the start, asked for again, and kept while the issuer is away or not itself."""

import asyncio
import datetime as dt
import gzip
import ipaddress
import ssl
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization

from boxoffice.http.identity.jwks_source import DOCUMENT_MAX, Pace
from tests.unit.issuer import jwk, key_set, private_key, token
from tests.unit.publisher import BY_NEW, BY_OLD, NEW, OLD, Publisher, not_loaded, takes, until, watched

ONLY_IN_A_HURRY = Pace(refresh_s=3_600.0, hurry_s=0.005)


@pytest.fixture
async def publisher() -> AsyncIterator[Publisher]:
    """A server with one key, which is not open yet."""
    publisher = Publisher(OLD)
    yield publisher
    await publisher.close()


# --- a URL ---------------------------------------------------------------------------------------


async def test_a_url_is_asked_again_and_again(publisher: Publisher) -> None:
    async with watched(await publisher.open()) as tokens:
        assert takes(tokens, BY_OLD)
        publisher.publish(NEW)
        await until(lambda: not takes(tokens, BY_OLD))
        assert takes(tokens, BY_NEW)
        asked = len(publisher.asked)
        await until(lambda: len(publisher.asked) > asked + 2)
        assert takes(tokens, BY_NEW)


async def test_keys_that_are_asked_for_again_and_are_the_same_forget_nothing(publisher: Publisher) -> None:
    async with watched(await publisher.open()) as tokens:
        assert takes(tokens, BY_OLD)
        await until(lambda: len(publisher.asked) > 3)
        assert list(tokens._remembered) == [BY_OLD]


async def test_a_key_that_is_not_known_has_the_url_asked_at_once(publisher: Publisher) -> None:
    async with watched(await publisher.open(), ONLY_IN_A_HURRY) as tokens:
        publisher.publish(OLD, NEW)
        assert not takes(tokens, BY_NEW)  # this once
        await until(lambda: takes(tokens, BY_NEW))
        await asyncio.sleep(10 * ONLY_IN_A_HURRY.hurry_s)  # nobody is in a hurry any more
    assert len(publisher.asked) == 2


async def test_a_new_key_without_a_name_has_the_url_asked_too(publisher: Publisher) -> None:
    async with watched(await publisher.open(), ONLY_IN_A_HURRY) as tokens:
        publisher.publish(OLD, jwk("another", "EdDSA", kid=None))
        await until(lambda: takes(tokens, token("another", "EdDSA", header={})))


async def test_nobody_can_have_the_url_asked_all_the_time(publisher: Publisher) -> None:
    pace = Pace(refresh_s=3_600.0, hurry_s=0.1)
    async with watched(await publisher.open(), pace) as tokens:
        begun = time.monotonic()
        await until(lambda: not takes(tokens, BY_NEW) and len(publisher.asked) == 4)
        assert time.monotonic() - begun > 2.9 * pace.hurry_s


async def test_known_keys_do_not_have_the_url_asked(publisher: Publisher) -> None:
    async with watched(await publisher.open(), ONLY_IN_A_HURRY) as tokens:
        assert takes(tokens, BY_OLD)
        assert not takes(tokens, BY_OLD[:-9])
        assert not takes(tokens, token())
        await asyncio.sleep(10 * ONLY_IN_A_HURRY.hurry_s)
    assert len(publisher.asked) == 1


WRONG: list[tuple[int, dict[str, str], bytes | None, str]] = [
    (500, {}, None, "it answers 500 instead of 200"),
    (404, {}, None, "it answers 404 instead of 200"),
    (204, {}, b"", "it answers 204 instead of 200"),
    (302, {"Location": "/elsewhere"}, None, "it answers 302 instead of 200"),
    (308, {"Location": "/elsewhere"}, None, "it answers 308 instead of 200"),
    (200, {}, b"<html>", "it is not JSON"),
    (200, {}, key_set(OLD) + b" " * DOCUMENT_MAX, "it is larger than 256 KiB"),
    (200, {"Content-Encoding": "gzip"}, gzip.compress(key_set(OLD)), "it is not JSON"),
]


@pytest.mark.parametrize(("status", "headers", "document", "reason"), WRONG, ids=[each[-1] for each in WRONG])
async def test_without_a_url_of_keys_the_server_does_not_start(
    publisher: Publisher, status: int, headers: dict[str, str], document: bytes | None, reason: str
) -> None:
    publisher.status, publisher.headers = status, headers
    publisher.document = publisher.document if document is None else document
    sentence = await not_loaded(f"{await publisher.open()}?key=hush")
    assert sentence.endswith(f"/keys: {reason}.")


@pytest.mark.parametrize(("status", "headers", "document", "reason"), WRONG, ids=[each[-1] for each in WRONG])
async def test_while_a_url_answers_something_else_the_last_keys_stay(
    publisher: Publisher,
    status: int,
    headers: dict[str, str],
    document: bytes | None,
    reason: str,
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with watched(f"{await publisher.open()}?key=hush") as tokens:
        publisher.status, publisher.headers = status, headers
        publisher.document = publisher.document if document is None else document
        await until(lambda: "stay as they are: http://127.0.0.1:" in caplog.text and reason in caplog.text)
        assert takes(tokens, BY_OLD)
        publisher.status, publisher.headers = 200, {}
        publisher.publish(NEW)
        await until(lambda: takes(tokens, BY_NEW))
    assert "hush" not in caplog.text


async def test_a_set_may_have_256_kib(publisher: Publisher) -> None:
    publisher.document = publisher.document.ljust(DOCUMENT_MAX)
    async with watched(await publisher.open()) as tokens:
        assert takes(tokens, BY_OLD)


async def test_a_url_that_does_not_answer_is_not_waited_for(
    publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    released = asyncio.Event()
    pace = Pace(refresh_s=0.01, hurry_s=0.005, fetch_s=0.2)
    url = await publisher.open()
    async with watched(url, pace) as tokens:
        publisher.before = released.wait
        await until(lambda: "no answer within 0.2 s" in caplog.text)
        assert takes(tokens, BY_OLD)
        assert "no answer within 0.2 s" in await not_loaded(url, pace)
        publisher.before = None
        publisher.publish(NEW)
        await until(lambda: takes(tokens, BY_NEW))
        released.set()


async def test_while_nobody_listens_the_last_keys_stay(
    publisher: Publisher, caplog: pytest.LogCaptureFixture
) -> None:
    url = f"{await publisher.open()}?key=hush"
    async with watched(url) as tokens:
        await publisher.close()
        await until(lambda: "Cannot connect to host 127.0.0.1" in caplog.text)
        assert takes(tokens, BY_OLD)
        assert "Cannot connect to host 127.0.0.1" in await not_loaded(url)
    assert "hush" not in caplog.text


async def test_what_is_no_http_is_refused() -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"hush\r\n\r\n")
        writer.close()

    server = await asyncio.start_server(babble, "127.0.0.1", 0)
    async with server:
        sentence = await not_loaded(f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/keys?key=hush")
    assert "no answer that is HTTP" in sentence
    assert "hush" not in sentence


# --- who is at the URL ---------------------------------------------------------------------------


def self_signed(folder: Path) -> ssl.SSLContext:
    """What a server shows that somebody has put in the issuer's place."""
    key = private_key("tls", "ES256")
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")])
    today = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(today - dt.timedelta(days=1))
        .not_valid_after(today + dt.timedelta(days=1))
        .add_extension(
            x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]), critical=False
        )
        .sign(key, hashes.SHA256())
    )
    file = folder / "tls.pem"
    pem = serialization.Encoding.PEM
    private = key.private_bytes(pem, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    file.write_bytes(private + certificate.public_bytes(pem))
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(file)
    return context


async def test_whoever_cannot_prove_to_be_the_issuer_is_not_asked(
    publisher: Publisher, tmp_path: Path
) -> None:
    url = await publisher.open(self_signed(tmp_path))
    assert url.startswith("https:")
    assert "CERTIFICATE_VERIFY_FAILED" in await not_loaded(url)
    assert publisher.asked == []
