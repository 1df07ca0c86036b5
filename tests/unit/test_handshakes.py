"""A handshake lets in whoever it was made for, once, and not for long."""

import re

import pytest

from boxoffice.actors.principals import ALL_SCOPES, Principal, Scope
from boxoffice.actors.values import CustomerId
from boxoffice.http.live import handshakes as module
from boxoffice.http.live.handshakes import GOOD_FOR_S, KEPT_MAX, Handshakes
from boxoffice.http.live.messages import HandshakeBody
from boxoffice.http.reference.openapi_schemas import schemas

ANN = Principal("customer:ann", frozenset((Scope.READ,)), CustomerId("ann"))
SHOP = Principal("key:1", ALL_SCOPES)


class Clock:
    """Stands still unless it is moved."""

    now_s = 1_700_000_000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def handshakes(clock: Clock) -> Handshakes:
    return Handshakes(clock)


def test_it_lets_in_whoever_it_was_made_for_and_once(handshakes: Handshakes) -> None:
    (anns, _), (shops, _) = handshakes.make(ANN), handshakes.make(SHOP)
    assert handshakes.use(shops) == SHOP
    assert handshakes.use(anns) == ANN
    assert [handshakes.use(each) for each in (anns, shops)] == [None, None]


@pytest.mark.parametrize(("waits_s", "let_in"), [(0, True), (29.9, True), (30, False), (1e6, False)])
def test_it_is_good_for_half_a_minute(
    handshakes: Handshakes, clock: Clock, waits_s: float, let_in: bool
) -> None:
    handshake, until_s = handshakes.make(ANN)
    assert until_s == clock.now_s + GOOD_FOR_S == clock.now_s + 30
    clock.now_s += waits_s
    assert (handshakes.use(handshake) == ANN) == let_in
    assert handshakes.use(handshake) is None


def test_one_that_is_too_old_is_not_good_again_when_the_clock_is_set_back(
    handshakes: Handshakes, clock: Clock
) -> None:
    handshake, _ = handshakes.make(ANN)
    clock.now_s += 31
    assert handshakes.use(handshake) is None
    clock.now_s -= 31
    assert handshakes.use(handshake) is None


@pytest.mark.parametrize("given", ["", "bh_", "bh_" + "A" * 43, "nonsense", "bh_\udc80", "é" * 9_000])
def test_what_is_none_lets_nobody_in(handshakes: Handshakes, given: str) -> None:
    handshakes.make(ANN)
    assert handshakes.use(given) is None


def test_no_two_are_the_same_and_each_is_as_documented(handshakes: Handshakes) -> None:
    made = {handshakes.make(ANN)[0] for _ in range(1_000)}
    assert len(made) == 1_000
    pattern = schemas()["Handshake"]["properties"]["handshake"]["pattern"]
    assert all(re.fullmatch(pattern, handshake) for handshake in made)
    assert HandshakeBody.__struct_encode_fields__ == ("handshake", "expiresAt")


def test_however_many_are_made_no_more_are_kept_than_fit(handshakes: Handshakes, clock: Clock) -> None:
    first, _ = handshakes.make(SHOP)
    second, _ = handshakes.make(SHOP)
    for number in range(KEPT_MAX - 1):
        handshakes.make(Principal(f"customer:{number}", ANN.scopes))
    assert handshakes.use(first) is None
    assert handshakes.use(second) == SHOP
    assert len(handshakes._made) == KEPT_MAX - 1
    clock.now_s += GOOD_FOR_S
    handshakes.make(ANN)
    assert len(handshakes._made) == 1


def test_the_secret_itself_is_not_kept(handshakes: Handshakes) -> None:
    handshake, _ = handshakes.make(ANN)
    assert handshake.removeprefix("bh_") not in repr(handshakes._made)


def test_whoever_asks_for_very_many_pushes_out_none_of_the_others(
    handshakes: Handshakes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "KEPT_OF_ONE_MAX", 2)
    monkeypatch.setattr(module, "KEPT_MAX", 4)
    shops, _ = handshakes.make(SHOP)
    anns = [handshakes.make(ANN)[0] for _ in range(9)]
    assert [handshakes.use(each) for each in (shops, *anns[-3:])] == [SHOP, None, ANN, ANN]
    assert (handshakes._made, handshakes._of) == ({}, {})
