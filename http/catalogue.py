"""Every call there is: its name, its address, and who may make it. What is not in this table is not served.

The router, the door that looks at keys (`door.py`) and the API document (`openapi.py`) are made from it, so
none of them can forget a call. Values only.
"""

from dataclasses import dataclass

from boxoffice.actors.principals import Scope


@dataclass(frozen=True, slots=True)
class Call:
    """One call. `scope`: what it takes, None if anybody may; `for_customers`: a customer's token will do."""

    name: str
    method: str
    path: str
    scope: Scope | None
    for_customers: bool = False

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


READ, SELL, ORGANISE, ADMIN = Scope.READ, Scope.SELL, Scope.ORGANISE, Scope.ADMIN

CALLS = (
    Call("initialize", "POST", "/initialize", ORGANISE),
    Call("book", "POST", "/book", SELL, for_customers=True),
    Call("hold", "POST", "/hold", SELL, for_customers=True),
    Call("confirm", "POST", "/confirm", SELL, for_customers=True),
    Call("extend", "POST", "/extend", SELL, for_customers=True),
    Call("cancel", "POST", "/cancel", SELL, for_customers=True),
    Call("adjust", "POST", "/adjust", ORGANISE),
    Call("close", "POST", "/close", ORGANISE),
    # A batch takes no scope by itself: each of its commands takes that of its own call.
    Call("batch", "POST", "/batch", None, for_customers=True),
    Call("status", "GET", "/status/{eventId}", READ, for_customers=True),
    Call("order", "GET", "/orders/{orderId}", READ, for_customers=True),
    Call("orders", "GET", "/orders", READ, for_customers=True),
    Call("events", "GET", "/events", READ, for_customers=True),
    Call("changes", "GET", "/events/{eventId}/changes", ADMIN),
    Call("keys", "GET", "/keys", ADMIN),
    Call("revokeKey", "DELETE", "/keys/{keyId}", ADMIN),
    Call("metrics", "GET", "/metrics", ADMIN),
    Call("livez", "GET", "/livez", None),
    Call("readyz", "GET", "/readyz", None),
    Call("openapi", "GET", "/openapi.json", None),
    Call("docs", "GET", "/docs", None),
    Call("problem", "GET", "/problems/{code}", None),
)
