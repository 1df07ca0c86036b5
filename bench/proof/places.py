"""Places in line: who joins gets the next one, anybody may leave, and a position is counted in O(log n).

A binary indexed tree that grows. P. Fenwick: A New Data Structure for Cumulative Frequency Tables, 1994.
"""


class Places:
    """Places count from 1, in the order of joining."""

    __slots__ = ("_tree",)

    def __init__(self) -> None:
        self._tree = [0]

    def join(self) -> int:
        """The place of somebody new, at the end of the line."""
        place = len(self._tree)
        below = place - (place & -place)
        self._tree.append(1 + self.position(place - 1) - self.position(below))
        return place

    def leave(self, place: int) -> None:
        """Whoever was there is gone."""
        while place < len(self._tree):
            self._tree[place] -= 1
            place += place & -place

    def position(self, place: int) -> int:
        """How many stand there or before: 1 is next."""
        counted = 0
        while place:
            counted += self._tree[place]
            place -= place & -place
        return counted
