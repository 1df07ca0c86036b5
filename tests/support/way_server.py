"""A real server whose answers say which way they went: `python way_server.py serve …`."""

from aiohttp import web

from boxoffice.http.__main__ import main
from boxoffice.http.said import Said

WAY = "X-Way"

_sent, _response = Said.sent, Said.response


def _say_short(self: Said) -> bytes:
    self.headers = {**self.headers, WAY: "short"}
    return _sent(self)


def _say_long(self: Said) -> web.Response:
    self.headers = {**self.headers, WAY: "long"}
    return _response(self)


if __name__ == "__main__":
    Said.sent = _say_short  # type: ignore[method-assign]
    Said.response = _say_long  # type: ignore[method-assign]
    main()
