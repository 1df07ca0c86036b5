"""When people come: at random, independently of each other (Poisson); the same for the same seed. Pure."""

from collections.abc import Iterator
from random import Random


def arrivals(begin_s: float, rate: float, chance: Random) -> Iterator[float]:
    """The times, without end; `rate` is how many come in a second, on average."""
    now_s = begin_s
    draw = chance.expovariate
    while True:
        now_s += draw(rate)
        yield now_s
