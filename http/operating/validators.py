"""What a setting may look like, and the sentence for one that does not.

Raises ValueError, which cyclopts tells together with the flag or variable. No sentence repeats a secret.
Called while the command line is read.
"""

import re
from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_interface, ip_network

from cyclopts import Token

from boxoffice.http.identity.rates import rate_of

Network = IPv4Network | IPv6Network

_ORIGIN = re.compile(r"([a-z][a-z0-9+.-]*)://([a-z0-9_-]+(?:\.[a-z0-9_-]+)*|\[[0-9a-f:.]+\])(?::(\d{1,5}))?")
_DEFAULT_PORTS = {"http": "80", "https": "443"}


def comma_separated(_: object, text: str, *, delimiter: str | None = None) -> list[str]:
    """The items of a variable that holds a list."""
    return [item.strip() for item in text.split(delimiter or ",") if item.strip()]


def networks(_: object, tokens: Sequence[Token]) -> tuple[Network, ...]:
    """Networks like 10.0.0.0/8 or fd00::/8; an address alone is a network of one."""
    return tuple(_network(token.value) for token in tokens)


def _network(text: str) -> Network:
    try:
        return ip_network(text)
    except ValueError:
        pass
    try:
        within = ip_interface(text).network
    except ValueError:
        raise ValueError(f'"{text}" is no network: write 10.0.0.0/8, fd00::/8, or one address.') from None
    raise ValueError(f'"{text}" is an address within a network: write {within}, or the address alone.')


def origins(_: object, values: Sequence[str] | None) -> None:
    """Origins exactly as a browser sends them: they are compared as text."""
    for value in values or ():
        found = _ORIGIN.fullmatch(value)
        if found is None or int(found[3] or 0) > 65_535:
            raise ValueError(
                f'"{value}" is no origin: write scheme://host or scheme://host:port in lower case, without a'
                " path, and each origin by itself (no *)."
            )
        if found[3] and _DEFAULT_PORTS.get(found[1]) == found[3]:
            raise ValueError(f'"{value}" names the usual port, which a browser leaves out: so leave it out.')


def rate(_: object, value: str | None) -> None:
    """A rate, or `off`."""
    if value is None or value == "off":
        return
    try:
        rate_of(value)
    except ValueError as error:
        raise ValueError(f'"{value}" is no rate limit: {error}; or say off.') from None
