"""What a server says at `/metrics`, read as Prometheus reads it."""

from collections.abc import Iterable
from typing import TypeAlias

from prometheus_client.metrics_core import Metric
from prometheus_client.parser import text_string_to_metric_families

from tests.support.server import Server

Series: TypeAlias = tuple[str, tuple[tuple[str, str], ...]]
"""A name without its prefix, and its labels in order."""


def families(server: Server) -> list[Metric]:
    """All that it says."""
    reply = server.send("GET", "/metrics")
    assert reply.status == 200, reply
    return list(text_string_to_metric_families(reply.body.decode()))


def figures(server: Server) -> dict[Series, float]:
    """Our own figures; those of the process are left out."""
    return values(each for each in families(server) if each.name.startswith("boxoffice_"))


def counters(server: Server) -> dict[Series, float]:
    """Those that may only grow."""
    return values(each for each in families(server) if each.type in ("counter", "histogram"))


def values(found: Iterable[Metric]) -> dict[Series, float]:
    """Each sample's value."""
    return {
        (sample.name.removeprefix("boxoffice_"), tuple(sorted(sample.labels.items()))): sample.value
        for family in found
        for sample in family.samples
    }


def named(found: dict[Series, float], name: str, **labels: str) -> float:
    """One figure; 0 for one that has not happened yet."""
    return found.get((name, tuple(sorted(labels.items()))), 0.0)
