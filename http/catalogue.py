"""Every call there is: its name, its address, and who may make it. What is not in this table is not served.

The router, the door that looks at keys (`door.py`) and the API document (`openapi.py`) are made from it, so
none of them can forget a call. Values only.
"""

from dataclasses import dataclass

from boxoffice.actors.principals import Scope


@dataclass(frozen=True, slots=True, eq=False)
class Call:
    """One call. It takes one of these `scopes`, whatever else it takes; without any, anybody may make it.

    There is one of each, so they are compared by identity, for each request.
    """

    name: str
    method: str
    path: str
    scopes: tuple[Scope, ...] = ()

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


READ, SELL, ORGANISE, ADMIN = Scope.READ, Scope.SELL, Scope.ORGANISE, Scope.ADMIN

CALLS: tuple[Call, ...] = (
    Call("initialize", "POST", "/initialize", (ORGANISE,)),
    Call("book", "POST", "/book", (SELL,)),
    Call("hold", "POST", "/hold", (SELL,)),
    Call("confirm", "POST", "/confirm", (SELL,)),
    Call("extend", "POST", "/extend", (SELL,)),
    Call("cancel", "POST", "/cancel", (SELL,)),
    Call("adjust", "POST", "/adjust", (ORGANISE,)),
    Call("close", "POST", "/close", (ORGANISE,)),
    # And each command of a batch takes what its own call takes.
    Call("batch", "POST", "/batch", (SELL, ORGANISE)),
    Call("status", "GET", "/status/{eventId}", (READ,)),
    Call("liveStatus", "GET", "/status/{eventId}/live", (READ,)),
    Call("live", "GET", "/live", (READ,)),
    Call("handshake", "POST", "/handshakes", (READ,)),
    Call("order", "GET", "/orders/{orderId}", (READ,)),
    Call("orders", "GET", "/orders", (READ,)),
    Call("events", "GET", "/events", (READ,)),
    Call("changes", "GET", "/events/{eventId}/changes", (ADMIN,)),
    Call("keys", "GET", "/keys", (ADMIN,)),
    Call("revokeKey", "DELETE", "/keys/{keyId}", (ADMIN,)),
    Call("metrics", "GET", "/metrics", (ADMIN,)),
    Call("livez", "GET", "/livez"),
    Call("readyz", "GET", "/readyz"),
    Call("page", "GET", "/"),
    Call("asset", "GET", "/assets/{file}"),
    Call("openapi", "GET", "/openapi.json"),
    Call("asyncapi", "GET", "/asyncapi.json"),
    Call("docs", "GET", "/docs"),
    Call("docsAsset", "GET", "/docs/{file}"),
    Call("problems", "GET", "/problems"),
    Call("problem", "GET", "/problems/{code}"),
)

BY_NAME = {call.name: call for call in CALLS}
