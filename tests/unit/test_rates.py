"""How a rate is written and read."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from boxoffice.actors.principals import Rate
from boxoffice.http.identity.rates import REQUESTS_MAX, UNITS_S, rate_of, rate_text


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("100/second", Rate(100, 1)),
        ("6000/minute", Rate(6_000, 60)),
        ("1/hour", Rate(1, 3_600)),
        ("1000000/day", Rate(1_000_000, 86_400)),
    ],
)
def test_a_rate_is_read_as_it_is_written(text: str, rate: Rate) -> None:
    assert rate_of(text) == rate
    assert rate_text(rate) == text


@given(st.integers(1, REQUESTS_MAX), st.sampled_from(sorted(UNITS_S.values())))
def test_every_rate_can_be_written_and_read(requests: int, seconds: int) -> None:
    assert rate_of(rate_text(Rate(requests, seconds))) == Rate(requests, seconds)


@pytest.mark.parametrize(
    "text",
    ["", "100", "100/", "/second", "100/seconds", "100/10s", "-1/second", "1.5/second", "1e3/second",
     " 100/second", "100/second\n", "100 / second", "\u0661/second", "12345678/second", "off"],
)  # fmt: skip
def test_what_is_no_rate_is_told_how_one_is_written(text: str) -> None:
    with pytest.raises(ValueError, match="written like 100/second, and its unit is one of second, minute"):
        rate_of(text)


@pytest.mark.parametrize("text", ["0/second", "1000001/day", "0000000/hour"])
def test_a_rate_has_bounds(text: str) -> None:
    with pytest.raises(ValueError, match="from 1 to 1000000 requests"):
        rate_of(text)
