"""An event whose stored state contradicts itself is refused, never guessed, and harms no other."""

from typing import Any

from tests.support.log import as_json, database
from tests.support.server import JSON, Reply, Server


def corrupt(database_url: str, statement: str, event: str) -> None:
    with database(database_url) as cursor:
        cursor.execute(statement, (int(event),))
        assert cursor.rowcount == 1


def ask(server: Server, method: str, path: str, body: Any = None) -> Reply:
    return server.send(method, path, None if body is None else as_json(body), JSON)


DAMAGES = [
    "DELETE FROM orders WHERE event_id = %s AND customer = 'alice'",
    "DELETE FROM orders WHERE event_id = %s AND customer = 'bob'",
    "UPDATE orders SET quantity = 2 WHERE event_id = %s AND customer = 'alice'",
    "UPDATE events SET waiting = waiting + 1 WHERE id = %s",
]


def check_refused(server: Server, event: str, orders: list[Any]) -> None:
    for reply in (
        ask(server, "POST", "/book", {"eventId": event, "userId": "carol"}),
        ask(server, "POST", "/cancel", {"orderId": orders[1]["orderId"]}),
        ask(server, "POST", "/cancel", {"eventId": event, "userId": "alice"}),
        ask(server, "GET", f"/orders/{orders[0]['orderId']}"),
    ):
        assert (reply.status, reply.document["code"]) == (503, "event_unavailable")
        assert int(reply.headers["Retry-After"]) > 0
        assert reply.headers["Content-Type"] == "application/problem+json"


def test_contradictory_events_are_refused_and_the_others_work(own_server: Server, database_url: str) -> None:
    sound, *sick = (own_server.event(tickets=1) for _ in range(1 + len(DAMAGES)))
    orders = {event: [own_server.book(event, user) for user in ("alice", "bob")] for event in (sound, *sick)}
    own_server.stop()
    for event, damage in zip(sick, DAMAGES, strict=True):
        corrupt(database_url, damage, event)
    own_server.start()
    for event in sick:
        assert any(f"event {event} is refused" in line for line in own_server.said)
        check_refused(own_server, event, orders[event])
    assert own_server.book(sound, "carol")["position"] == 2
    assert own_server.cancel(orders[sound][0])["promoted"][0]["userId"] == "bob"
    assert own_server.status(sound)["version"] == 5
    assert own_server.book(own_server.event(), "alice")["status"] == "confirmed"


def test_a_refused_event_is_left_as_it_is(own_server: Server, database_url: str) -> None:
    event = own_server.event(tickets=2)
    own_server.book(event, "alice")
    own_server.stop()
    corrupt(database_url, "UPDATE orders SET quantity = 2 WHERE event_id = %s", event)
    own_server.start()
    assert own_server.post("/book", eventId=event, userId="bob")[0] == 503
    with database(database_url) as cursor:
        cursor.execute("SELECT version, available, (SELECT count(*) FROM changes) FROM events")
        assert cursor.fetchall() == [(2, 1, 2)]


def test_an_event_that_was_mended_is_sold_again_after_a_restart(
    own_server: Server, database_url: str
) -> None:
    event = own_server.event(tickets=2)
    own_server.book(event, "alice")
    for quantity, expected in ((2, 503), (1, 201)):
        own_server.stop()
        corrupt(database_url, f"UPDATE orders SET quantity = {quantity} WHERE event_id = %s", event)
        own_server.start()
        assert own_server.post("/book", eventId=event, userId="bob")[0] == expected
