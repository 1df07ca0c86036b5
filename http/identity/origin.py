"""Where a request comes from: the address of its sender, also behind proxies that we were told to trust.

`X-Forwarded-For` is anybody's to write. What a trusted proxy has added at its end is read, and as long as
that names another trusted proxy, what stands before it. Called on the event loop.
"""

import ipaddress
from collections.abc import Sequence
from functools import lru_cache

from aiohttp import web

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

HOPS_MAX = 16
"""Addresses in `X-Forwarded-For` that are looked at, from its end."""


class Addresses:
    """Knows the proxies that may speak for others."""

    def __init__(self, trusted: Sequence[Network] = ()) -> None:
        self._trusted = tuple(trusted)
        self._is_trusted = lru_cache(maxsize=1024)(self._is_in_trusted)

    def of(self, request: web.BaseRequest) -> str:
        """The sender's address as text; "" for one that nobody knows."""
        address = request.remote or ""
        if not self._trusted or not self._is_trusted(address):
            return address
        hops = [
            hop.strip() for line in request.headers.getall("X-Forwarded-For", ()) for hop in line.split(",")
        ]
        for hop in reversed(hops[-HOPS_MAX:]):
            known = _address_in(hop)
            if known is None:
                break
            address = known
            if not self._is_trusted(address):
                break
        return address

    def _is_in_trusted(self, address: str) -> bool:
        parsed = _parsed(address)
        return parsed is not None and any(parsed in network for network in self._trusted)


@lru_cache(maxsize=4096)
def is_loopback(address: str) -> bool:
    """Whether this is the machine itself."""
    parsed = _parsed(address)
    return parsed is not None and parsed.is_loopback


@lru_cache(maxsize=4096)
def network_of(address: str) -> str:
    """What counts as one caller: an IPv4 address, or the /64 of an IPv6 address, which one household has."""
    parsed = _parsed(address)
    if isinstance(parsed, ipaddress.IPv6Address):
        return str(ipaddress.IPv6Network((int(parsed), 64), strict=False))
    return address if parsed is None else str(parsed)


LOCAL = ("localhost", "local", "internal", "test")
"""Names that nobody can register for a site of theirs."""


@lru_cache(maxsize=1024)
def may_be_a_site(host: str) -> bool:
    """Whether a `Host` is the name of somebody's site, and not an address, nor a name for this machine.

    A page can have its own name lead here (DNS rebinding), and its browser then lets it ask what it wants.
    """
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    name = name.strip("[]").rstrip(".").lower()
    return "." in name and name.rpartition(".")[2] not in LOCAL and _parsed(name) is None


def _address_in(hop: str) -> str | None:
    """The address in one entry, which may have a port; None if that is none."""
    if hop.startswith("["):
        hop = hop[1:].partition("]")[0]
    elif hop.count(":") == 1:
        hop = hop.partition(":")[0]
    parsed = _parsed(hop)
    return None if parsed is None else str(parsed)


def _parsed(address: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | None:
    """The address; an IPv4 one in the clothes of IPv6 is an IPv4 one. None if it is none."""
    try:
        parsed = ipaddress.ip_address(address)
    except ValueError:
        return None
    mapped = parsed.ipv4_mapped if isinstance(parsed, ipaddress.IPv6Address) else None
    return mapped or parsed
