"""Handshakes: good once, for half a minute, for whoever asked for one."""

import pytest

from boxoffice.actors.principals import Principal, Scope
from boxoffice.http.live import handshakes
from boxoffice.http.live.handshakes import GOOD_FOR_S, Handshakes
from tests.unit.fakes import FakeTime

ANN, BOB = (Principal(f"key:{name}", frozenset((Scope.READ,))) for name in ("ann", "bob"))


def test_a_handshake_lets_in_whoever_asked_for_it_and_once() -> None:
    made = Handshakes(FakeTime())
    (anns, until_s), (bobs, _) = made.make(ANN), made.make(BOB)
    assert until_s == FakeTime().now_s + GOOD_FOR_S
    assert anns != bobs
    assert anns.startswith("bh_")
    assert len(anns) == 46
    assert [made.use(each) for each in (bobs, anns, bobs, anns)] == [BOB, ANN, None, None]
    assert [made.use(each) for each in ("", "bh_", "bh_" + "A" * 43, "\udcff", anns[:-1])] == [None] * 5


def test_a_handshake_is_good_for_half_a_minute() -> None:
    time = FakeTime()
    made = Handshakes(time)
    first, _ = made.make(ANN)
    time.now_s += GOOD_FOR_S - 0.1
    second, _ = made.make(ANN)
    assert made.use(first) == ANN
    time.now_s += GOOD_FOR_S
    assert made.use(second) is None


def test_those_that_nobody_uses_are_forgotten_and_only_so_many_are_kept(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(handshakes, "KEPT_MAX", 3)
    time = FakeTime()
    made = Handshakes(time)
    old = [made.make(ANN)[0] for _ in range(4)]
    assert len(made._made) == 3
    assert [made.use(each) for each in (old[0], old[3])] == [None, ANN]
    time.now_s += GOOD_FOR_S
    made.make(ANN)
    assert len(made._made) == 1


def test_whoever_asks_for_very_many_pushes_out_none_of_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(handshakes, "KEPT_OF_ONE_MAX", 2, raising=False)
    monkeypatch.setattr(handshakes, "KEPT_MAX", 4)
    made = Handshakes(FakeTime())
    bobs, _ = made.make(BOB)
    anns = [made.make(ANN)[0] for _ in range(9)]
    assert [made.use(each) for each in (bobs, *anns[-3:])] == [BOB, None, ANN, ANN]
    assert (made._made, made._of) == ({}, {})
