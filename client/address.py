"""Where to ask, and as whom: addresses, parts of paths, and the header that says it. No input or output."""

import re
from urllib.parse import quote, urlsplit

_CREDENTIAL = re.compile(r"[\x21-\x7e]+")


def checked(address: str) -> str:
    """The address of a server, without a slash at its end. Raises ValueError if it is none."""
    parts = urlsplit(address)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("an address has neither a user nor a query")  # and is not repeated: it has secrets
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError(f"an address is like http://localhost:3000, not {address!r}")
    return address.rstrip("/")


def segment(name: str | int) -> str:
    """A part of a path, whatever is in it. Dots alone are no id, but would lead elsewhere."""
    quoted = quote(str(name), safe="")
    return quoted if quoted.strip(".") else quoted.replace(".", "%252E")


def authorization(api_key: str | None, token: str | None) -> dict[str, str]:
    """The header for a key or a token; none without either. Raises ValueError, and does not repeat them."""
    if api_key is not None and token is not None:
        raise ValueError("give an API key or a token, not both")
    credential = api_key if api_key is not None else token
    if credential is None:
        return {}
    if not _CREDENTIAL.fullmatch(credential):
        raise ValueError("an API key or a token is printable ASCII without spaces")
    return {"Authorization": f"Bearer {credential}"}
