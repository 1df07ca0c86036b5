"""API keys: what is minted, and what the ring takes for one."""

import re
from hashlib import sha256

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.pretty import pretty_repr

from boxoffice.actors.principals import ALL_SCOPES, ApiKey, Rate, Scope
from boxoffice.actors.values import SECOND, Instant
from boxoffice.http import wire
from boxoffice.http.identity import keys as module
from boxoffice.http.identity.keys import KeyRing, expiry_of, is_key_id, key_id_of, mint

NOW = Instant(1_767_225_600_123_456)  # 2026-01-01T00:00:00.123456Z
LATER = Instant(NOW + 60 * SECOND)


def minted(expires_at: Instant | None = None) -> tuple[ApiKey, str]:
    return mint("shop", [Scope.READ, Scope.SELL], Rate(100, 1), expires_at, NOW)


def revoked(key: ApiKey) -> ApiKey:
    return msgspec.structs.replace(key, revoked_at=LATER)


# --- minting -------------------------------------------------------------------------------------


def test_a_new_key_has_what_was_asked_for_and_only_the_hash_of_its_secret() -> None:
    key, token = minted(LATER)
    assert (key.name, key.scopes, key.limit) == ("shop", frozenset({Scope.READ, Scope.SELL}), Rate(100, 1))
    assert (key.created_at, key.expires_at, key.revoked_at) == (NOW, LATER, None)
    matched = re.fullmatch(r"bo_([0-9a-z]{12})_([A-Za-z0-9_-]{43})", token)
    assert matched is not None
    assert key.id == matched[1]
    assert key.secret_sha256 == sha256(matched[2].encode("ascii")).digest()


def test_no_two_keys_are_alike() -> None:
    made = [minted() for _ in range(1_000)]
    assert len({key.id for key, _ in made}) == len({token[16:] for _, token in made}) == 1_000
    assert set("".join(key.id for key, _ in made)) == set("0123456789abcdefghijklmnopqrstuvwxyz")


@pytest.mark.parametrize("name", ["", "x" * 201, "two\nlines", "a\ttab", "\x1b[31mred", "\udcff", " ", "\0"])
def test_a_name_that_cannot_be_printed_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match="a name has from 1 to 200 characters that can be printed"):
        mint(name, [Scope.READ], None, None, NOW)


@pytest.mark.parametrize("name", ["x" * 200, "Kasse 7 (Süd) 🎟", "[bold]"])
def test_any_other_name_will_do(name: str) -> None:
    assert mint(name, [Scope.READ], None, None, NOW)[0].name == name


def test_a_key_without_scopes_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one scope of read, sell, organise, admin"):
        mint("shop", [], None, None, NOW)


def test_a_key_that_would_be_expired_is_refused() -> None:
    with pytest.raises(ValueError, match="expires in the future"):
        minted(NOW)


@pytest.mark.parametrize("told", [repr, str, pretty_repr, "{0!r}".format, lambda key: repr([{"key": key}])])
def test_the_hash_of_a_secret_is_not_shown_where_a_key_is(told: object) -> None:
    key, _ = minted()
    assert callable(told)
    text = told(key)
    assert key.id in text
    for hidden in (repr(key.secret_sha256)[2:-1], key.secret_sha256.hex(), "secret"):
        assert hidden not in text


def test_a_key_on_the_wire_has_neither_secret_nor_hash() -> None:
    key, _ = minted(LATER)
    body = wire.encode(wire.api_key_body(revoked(key)))
    assert msgspec.json.decode(body) == {
        "keyId": key.id,
        "name": "shop",
        "scopes": ["read", "sell"],
        "limit": "100/second",
        "createdAt": "2026-01-01T00:00:00.123456Z",
        "expiresAt": "2026-01-01T00:01:00.123456Z",
        "revokedAt": "2026-01-01T00:01:00.123456Z",
    }
    unlimited = wire.api_key_body(mint("all", ALL_SCOPES, None, None, NOW)[0])
    assert unlimited.scopes == ["read", "sell", "organise", "admin"]
    assert (unlimited.limit, unlimited.expires_at, unlimited.revoked_at) == (None, None, None)


# --- how long ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "at"),
    [
        ("90d", NOW + 90 * 86_400 * SECOND),
        ("12h", NOW + 12 * 3_600 * SECOND),
        ("36500d", NOW + 36_500 * 86_400 * SECOND),
        ("2027-01-01T00:00:00Z", 1_798_761_600 * SECOND),
        ("2027-01-01T02:00:00.5+02:00", 1_798_761_600 * SECOND + 500_000),
    ],
)
def test_an_expiry_is_a_span_or_a_moment(text: str, at: int) -> None:
    assert expiry_of(text, NOW) == at


@pytest.mark.parametrize(
    "text",
    ["", "90", "d", "-1d", "1.5d", "90 d", "1y", "2027-01-01", "2027-01-01T00:00:00", "never", "1234567d"],
)
def test_what_is_no_expiry_is_told_how_one_is_written(text: str) -> None:
    with pytest.raises(ValueError, match="written like 12h, 90d or 2027-01-01T00:00:00Z"):
        expiry_of(text, NOW)


@pytest.mark.parametrize(
    "text",
    ["0d", "36501d", "2026-01-01T00:00:00.123456Z", "1969-07-20T20:17:40Z", "0001-01-01T00:00:00+12:00",
     "9999-12-31T23:59:59-12:00"],
)  # fmt: skip
def test_an_expiry_lies_ahead_and_within_a_hundred_years(text: str) -> None:
    with pytest.raises(ValueError, match="in the future, and within 100 years"):
        expiry_of(text, NOW)


# --- the ring ------------------------------------------------------------------------------------


def test_a_key_is_found_by_its_token() -> None:
    (first, one), (second, two) = minted(), minted()
    ring = KeyRing([first, second])
    assert ring.find(one, NOW) is first
    assert ring.find(two, NOW) is second


def test_another_secret_is_not_taken() -> None:
    (first, one), (second, two) = minted(), minted()
    ring = KeyRing([first, second])
    assert ring.find(one[:16] + two[16:], NOW) is None
    assert ring.find(one[:-1] + ("A" if one[-1] != "A" else "B"), NOW) is None


def test_a_key_is_taken_until_the_moment_at_which_it_expires() -> None:
    key, token = minted(LATER)
    ring = KeyRing([key])
    assert ring.find(token, Instant(LATER - 1)) is key
    assert ring.find(token, LATER) is None
    assert ring.find(token, Instant(LATER + 1)) is None


def test_a_revoked_key_is_not_taken() -> None:
    (key, token), (other, others) = minted(), minted()
    ring = KeyRing([revoked(key), other])
    assert ring.find(token, NOW) is None
    assert ring.find(others, NOW) is other


def test_a_key_that_is_revoked_here_stays_so_whatever_was_read_before() -> None:
    (key, token), (other, others) = minted(), minted()
    ring = KeyRing([key, other])
    read_before = [key, other]
    ring.revoke(key.id)
    assert ring.find(token, NOW) is None
    ring.replace(read_before)
    assert ring.find(token, NOW) is None
    assert ring.find(others, NOW) is other


def test_a_key_that_was_seen_revoked_stays_so() -> None:
    key, token = minted()
    ring = KeyRing([key])
    ring.replace([revoked(key)])
    ring.replace([key])
    assert ring.find(token, NOW) is None


def test_a_ring_that_is_replaced_knows_the_new_keys_and_no_others() -> None:
    (old, olds), (new, news) = minted(), minted()
    ring = KeyRing([old])
    assert ring.find(news, NOW) is None
    ring.replace([new])
    assert ring.find(olds, NOW) is None
    assert ring.find(news, NOW) is new


def test_a_ring_is_open_until_there_is_a_key_of_any_kind_and_never_again() -> None:
    key, _ = minted(LATER)
    for known in (key, revoked(key)):
        assert not KeyRing([known]).is_open
        ring = KeyRing([])
        assert ring.is_open
        ring.replace([])
        assert ring.is_open
        ring.replace([known])
        assert not ring.is_open
        ring.replace([])
        assert not ring.is_open


# --- what gives nothing away -----------------------------------------------------------------------


def test_an_unknown_id_takes_the_way_of_a_wrong_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    key, token = minted()
    ring = KeyRing([key, revoked(minted()[0])])
    steps: list[tuple[str, object]] = []

    def compare(given: bytes, stored: bytes) -> bool:
        steps.append(("compare", (given, len(stored))))
        return given == stored

    def hashed(data: bytes) -> object:
        steps.append(("hash", data))
        return sha256(data)

    monkeypatch.setattr(module, "compare_digest", compare)
    monkeypatch.setattr(module, "sha256", hashed)
    wrong = "A" * 43
    for key_id in (key.id, "a" * 12, "A?-\t/ {}'\"\\;"):
        assert ring.find(f"bo_{key_id}_{wrong}", NOW) is None
    each = len(steps) // 3
    assert steps[:each] == steps[each : 2 * each] == steps[2 * each :]
    assert [step for step, _ in steps[:each]] == ["hash", "compare"]
    assert ring.find(token, NOW) is key, "compared in the same way, and found"


@given(st.text() | st.text("bo_09azAZ-", min_size=55, max_size=63).map(lambda text: "bo_" + text[3:]))
def test_whatever_is_sent_is_no_key(text: str) -> None:
    key, _ = minted()
    assert KeyRing([key]).find(text, NOW) is None


@given(st.integers(0, 58), st.characters() | st.sampled_from("_-aA0\0\udcff"))
def test_every_character_of_a_key_counts(place: int, character: str) -> None:
    key, token = minted()
    changed = token[:place] + character + token[place + 1 :]
    assert (KeyRing([key]).find(changed, NOW) is key) == (changed == token)


@pytest.mark.parametrize(
    "change", ["{0} ", " {0}", "{0}{0}", "Bearer {0}", "{0}=", "{0}\n", "BO_{0}", "", "bo_", "bo__"]
)
def test_a_key_that_was_changed_is_none(change: str) -> None:
    key, token = minted()
    assert KeyRing([key]).find(change.format(token), NOW) is None


# --- ids ---------------------------------------------------------------------------------------------


def test_a_key_is_named_by_its_id_or_by_all_of_it() -> None:
    key, token = minted()
    assert key_id_of(key.id) == key_id_of(token) == key.id
    assert is_key_id(key.id)
    for other in (
        "",
        token[:-1],
        f"bo_{key.id}",
        key.id.upper() + "A",
        key.id + "0",
        "ä" * 12,
        "0" * 11 + "\n",
    ):
        assert key_id_of(other) is None
        assert not is_key_id(other)
