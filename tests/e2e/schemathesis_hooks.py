"""What schemathesis has to know that no schema can say. It loads this itself, and calls it for each request.

- An idempotency key that came with another request is refused, so each request gets a key of its own, unless
  it is to have none, or a wrong one.
- An `If-Match` that is well-formed hardly ever names the version that an event is at, so it names any.
- The API key that all this is sent with is not to be revoked.
- JSON Schema takes 1.0 for an integer; the server wants it written as one.
"""

import os
import re
import uuid
from typing import Any

import schemathesis

from boxoffice.http.reference.openapi_parts import PARAMETERS

OWN_KEY_ID = os.environ["FUZZ_KEY"].split("_")[1]
KEY, VERSION = (PARAMETERS[name] for name in ("idempotencyKey", "ifMatch"))


@schemathesis.hook
def before_call(_: schemathesis.HookContext, case: schemathesis.Case[Any], kwargs: dict[str, Any]) -> None:
    """Make a request what it is meant to be."""
    for header, instead in ((KEY, str(uuid.uuid4())), (VERSION, "*")):
        given = (case.headers or {}).get(header["name"])
        if given is not None and re.fullmatch(header["schema"]["pattern"], str(given)):
            case.headers[header["name"]] = instead
    if (case.path_parameters or {}).get("keyId") == OWN_KEY_ID:
        case.path_parameters["keyId"] = "0" * len(OWN_KEY_ID)
    case.body = whole(case.body)


def whole(value: Any) -> Any:
    """The same with integers written as integers."""
    match value:
        case dict():
            return {name: whole(each) for name, each in value.items()}
        case list():
            return [whole(each) for each in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value
