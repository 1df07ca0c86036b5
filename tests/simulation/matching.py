"""Who made which version, where several may have: a matching, since each request made one at the most."""

from collections.abc import Hashable, Iterable, Mapping, Sequence


def unmatched(fitting: Mapping[int, Sequence[Hashable]]) -> list[int]:
    """The versions that are left over when as many as possible have one of those that fit, each its own.

    Kuhn's algorithm: whoever finds all that fit taken asks their holders to take another.
    """
    holder: dict[Hashable, int] = {}

    def place(version: int, asked: set[Hashable]) -> bool:
        for name in _once(fitting[version], asked):
            if name not in holder or place(holder[name], asked):
                holder[name] = version
                return True
        return False

    return [version for version in fitting if not place(version, set())]


def _once(names: Iterable[Hashable], asked: set[Hashable]) -> Iterable[Hashable]:
    for name in names:
        if name not in asked:
            asked.add(name)
            yield name
