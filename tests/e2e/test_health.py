"""`GET /readyz`: what load balancers and operators look at."""

from tests.e2e.test_corrupt_event import corrupt
from tests.support.server import Server


def test_a_server_is_ready_once_it_is_open(server: Server) -> None:
    reply = server.send("GET", "/readyz")
    assert (reply.status, reply.document) == (200, {"status": "ready"})
    assert reply.headers["Cache-Control"] == "no-store"


def test_with_verbose_it_says_what_is_the_matter(own_server: Server, database_url: str) -> None:
    sound, sick = own_server.event(), own_server.event()
    own_server.stop()
    corrupt(database_url, "UPDATE events SET waiting = waiting + 1 WHERE id = %s", sick)
    own_server.start()
    status, ready = own_server.get("/readyz?verbose")
    assert status == 200, "one sick event is no reason to take the others away"
    (quarantined,) = ready.pop("eventsQuarantined")
    expected = {"status": "ready", "requestsInFlight": 0, "eventsResident": 1, "connectionsOpen": 1}
    assert ready.items() >= expected.items()
    assert ready["databaseMs"] > 0.0
    assert quarantined["eventId"] == sick != sound
    assert "it is stored as" in quarantined["reason"]
