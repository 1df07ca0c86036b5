"""Whose address counts: the sender's, or what a proxy that is trusted says."""

import ipaddress
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from multidict import CIMultiDict

from boxoffice.http.identity.origin import Addresses

PROXY, OTHER_PROXY, CLIENT = "10.0.0.1", "10.0.0.2", "192.0.2.7"
TRUSTING = Addresses([ipaddress.ip_network("10.0.0.0/8"), ipaddress.ip_network("fd00::/8")])


def asked(remote: str | None, *forwarded: str) -> Any:
    headers = CIMultiDict([("X-Forwarded-For", line) for line in forwarded])
    return SimpleNamespace(remote=remote, headers=headers)


@pytest.mark.parametrize(
    ("remote", "forwarded", "address"),
    [
        (CLIENT, [], CLIENT),
        (CLIENT, ["203.0.113.1"], CLIENT),  # anybody can write that
        (PROXY, [CLIENT], CLIENT),
        (PROXY, [f"203.0.113.1, {CLIENT}"], CLIENT),  # the client wrote the first, the proxy the second
        (PROXY, ["203.0.113.1", CLIENT], CLIENT),
        (PROXY, [f"{CLIENT}, {OTHER_PROXY}"], CLIENT),
        (PROXY, [f"203.0.113.1,{CLIENT},{OTHER_PROXY},{PROXY}"], CLIENT),
        (PROXY, [f"{CLIENT}:50123"], CLIENT),
        (PROXY, ["[2001:db8::1]:50123"], "2001:db8::1"),
        (PROXY, ["2001:db8::1"], "2001:db8::1"),
        ("fd00::1", [CLIENT], CLIENT),
        ("::ffff:10.0.0.1", [CLIENT], CLIENT),
        (PROXY, [], PROXY),
        (PROXY, [""], PROXY),
        (PROXY, ["unknown"], PROXY),
        (PROXY, [f"{CLIENT}, unknown"], PROXY),
        (PROXY, [f"{CLIENT}, nonsense, {OTHER_PROXY}"], OTHER_PROXY),
        (PROXY, [f"{OTHER_PROXY}, {OTHER_PROXY}"], OTHER_PROXY),
        (None, [CLIENT], ""),
    ],
)
def test_whose_address_counts(remote: str | None, forwarded: list[str], address: str) -> None:
    assert TRUSTING.of(asked(remote, *forwarded)) == address


def test_nobody_is_trusted_by_default() -> None:
    assert Addresses().of(asked(PROXY, CLIENT)) == PROXY


@given(st.lists(st.text(max_size=40), max_size=30))
def test_whatever_is_sent_it_is_an_address(lines: list[str]) -> None:
    ipaddress.ip_address(TRUSTING.of(asked(PROXY, *lines)))


def test_a_long_way_is_not_followed_to_its_end() -> None:
    hops = ", ".join([CLIENT, *[OTHER_PROXY] * 100_000])
    assert TRUSTING.of(asked(PROXY, hops)) == OTHER_PROXY
