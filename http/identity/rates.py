"""How a rate is written, for people and on the wire: `100/second`, `6000/minute`.

Reads and writes that form, and counts nothing: the door does. Pure; called on any thread.
"""

import re

from boxoffice.actors.principals import Rate

REQUESTS_MAX = 1_000_000
"""The most requests that a rate may allow in its unit."""

UNITS_S = {"second": 1, "minute": 60, "hour": 3_600, "day": 86_400}
"""What a rate may be counted by, in seconds."""

_NAMES = {seconds: name for name, seconds in UNITS_S.items()}
_RATE = re.compile(rf"([0-9]{{1,7}})/({'|'.join(UNITS_S)})")


def rate_of(text: str) -> Rate:
    """The rate that is written so. Raises ValueError with a sentence for whatever is none."""
    matched = _RATE.fullmatch(text)
    if matched is None:
        units = ", ".join(UNITS_S)
        raise ValueError(f"a rate is written like 100/second, and its unit is one of {units}")
    requests = int(matched[1])
    if not 1 <= requests <= REQUESTS_MAX:
        raise ValueError(f"a rate allows from 1 to {REQUESTS_MAX} requests in its unit")
    return Rate(requests, UNITS_S[matched[2]])


def rate_text(rate: Rate) -> str:
    """The rate as `rate_of` reads it. Raises KeyError for a number of seconds that is no unit's."""
    return f"{rate.requests}/{_NAMES[rate.seconds]}"
