"""What looks like a secret does not come through, whatever it stands in."""

import pytest

from boxoffice.http.operating.masking import masked

API_KEY = "bo_0123456789ab_" + "Az09-_" * 7 + "x"
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJhbGljZSJ9.dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (API_KEY, "bo_0123456789ab_***"),
        (f"Authorization: Bearer {API_KEY}", "Authorization: Bearer ***"),
        (f"'{API_KEY}'", "'bo_0123456789ab_***'"),
        ("GET /live?handshake=bh_Az09-_&watch=1", "GET /live?handshake=bh_***&watch=1"),
        (f"bearer   {JWT},", "bearer   ***,"),
        (f"token {JWT} is bad", "token eyJ*** is bad"),
        ("Basic dXNlcjpwYXNz", "Basic ***"),
        ("postgresql://user:hunter2@db:5432/t", "postgresql://user:***@db:5432/t"),
        ("postgresql+psycopg2://user:hun@ter/2@db/t", "postgresql+psycopg2://user:***@db/t"),
        ("postgresql://:hunter2@db", "postgresql://:***@db"),
        ("to 'https://u:hunter2@jwks/' and", "to 'https://u:***@jwks/' and"),
        ("host=db password=hunter2 user=u", "host=db password=*** user=u"),
        ("?sslpassword=hunter2&x=1", "?sslpassword=***&x=1"),
        ("PGPASSWORD='hunter 2'", "PGPASSWORD=***"),
        ("{'password': 'hunter 2', 'a': 1}", "{'password': ***, 'a': 1}"),
        ('{"jwt_secret":"hunter2"}', '{"jwt_secret":***}'),
        ("BOXOFFICE_JWT_SECRET=hunter2", "BOXOFFICE_JWT_SECRET=***"),
    ],
)
def test_a_secret_is_masked_and_what_is_around_it_is_kept(text: str, shown: str) -> None:
    assert masked(text) == shown


@pytest.mark.parametrize(
    "text",
    [
        "boxoffice is open at http://127.0.0.1:3000, on postgresql://boxoffice@/t?host=/tmp/x",
        'password authentication failed for user "boxoffice"',
        "event 7 is refused",
        "http://[::1]:3000/status/7",
        "",
    ],
)
def test_what_is_no_secret_is_not_changed(text: str) -> None:
    assert masked(text) == text


def test_a_text_made_to_be_slow_is_not() -> None:
    """Steps are bounded: this takes a second, and would take minutes if a pattern went back all the way."""
    for piece in ("://a:", "bo_0_", "eyJa.", "password=", "bearer ", "://"):
        masked(piece * 100_000)
