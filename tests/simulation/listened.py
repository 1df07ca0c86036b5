"""What listeners were told, against the log: promises 10 and 13.

What each was told on one connection never goes back, nor below what it had when it came; and a message is
true if it is what a look at its event, or its order, would have shown at its version: that is the version
checker's business. Called after a chaos run, on the test's thread.
"""

import math
from collections import defaultdict
from collections.abc import Iterable, Iterator

from tests.simulation.chaos_listeners import Connection
from tests.simulation.ears import Message
from tests.support.log import Seen

SETTLED = ("cancelled", "expired")


def look_at_connections(connections: Iterable[Connection]) -> None:
    """Raise AssertionError with everything that a listener should not have been told after the rest."""
    wrong = [
        f"the {each.listener}, at server {each.server}, since version {each.since}: {what}"
        for each in connections
        for what in _out_of_order(each)
    ]
    assert not wrong, "\n".join(["listeners were told what cannot be:", *wrong])


def _out_of_order(connection: Connection) -> Iterator[str]:
    last: dict[str, Message] = {}
    for message, _ in connection.told:
        if message["type"] == "problem":
            continue
        name, version = str(message.get("orderId", message["eventId"])), message["version"]
        before = last.get(name)
        if version < (connection.since if before is None else before["version"]):
            yield f"{name} went back to version {version} from {before or 'there'}"
        elif before == message and connection.since:
            yield f"{name} was told twice: {message}"
        elif before is not None and before.get("status") in SETTLED:
            yield f"{name} was settled, and told again: {message}"
        last[name] = message


def told_of_each(connections: Iterable[Connection]) -> dict[str, list[Seen]]:
    """What was told of each event, as if it had been looked at.

    A listener may hear late, so it counts for what was known from when it came, and for nothing before.
    """
    told: dict[str, list[Seen]] = defaultdict(list)
    for connection in connections:
        for message, at_s in connection.told:
            if message["type"] != "problem":
                shown = {name: value for name, value in message.items() if name != "type"}
                path = f"/orders/{shown['orderId']}" if "orderId" in shown else f"/status/{shown['eventId']}"
                seen = Seen(f"{path}/live", {}, 200, shown, -math.inf, at_s)
                told[message["eventId"]].append(seen)
    return told
