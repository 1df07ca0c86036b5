from tests.support.server import Server


def test_it_books(server: Server) -> None:
    status, event = server.post("/initialize", eventName="x", totalTickets=1)
    assert status == 201
    assert server.post("/book", eventId=event["eventId"], userId="u")[0] == 201
