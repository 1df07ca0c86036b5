"""`churn`: everything that customers do, in a steady mix that can go on for as long as you like.

Each visitor has up to eight orders and does something with one of them, or gets a new one: books, holds,
confirms, extends, gives back a part or all, by order or by customer, looks where a waiting order stands,
accepts an offer or lets it lapse. There are fewer tickets than are wanted, so that there is a line all the
time, and whoever gives back promotes the next. Half of the events offer their tickets to those who wait.

What is live is bounded by the number of visitors, here and in the server: nothing is lost sight of but holds
and offers, which end by themselves. What creates an order has a key, and is asked again until answered.
"""

from collections.abc import Callable
from random import Random

import msgspec

from boxoffice.bench.load.asks import Answer, Ask
from boxoffice.bench.options import Options
from boxoffice.bench.scenarios.again import Again, is_final
from boxoffice.bench.scenarios.naming import Names, new_run
from boxoffice.bench.scenarios.preparing import events_in, make_events, require
from boxoffice.bench.scenarios.reading import code_in, failed, order_in
from boxoffice.bench.scenarios.scenario import Plan, Taken
from boxoffice.bench.target import Target

EVENTS = 8
EVENTS_MAX = 10_000
ORDERS_MAX = 8
"""Of one visitor, that it remembers."""
TICKETS_PER_VISITOR = 9
"""Of all events together; they would like to have some eleven."""
HOLD_S, OFFER_S, FORGOTTEN_S = 30, 1, 1
"""How long a hold lasts, and an offer, and a hold that nobody comes back for."""

NEW = 0.45
"""The chance of getting a new order rather than doing something with one."""
PARTIES = (1, 1, 1, 2, 2, 3)

DONE, SEEN = Taken(1), Taken()


class Churn:
    """Some events, never quite enough tickets."""

    name = "churn"
    counted = "commands"

    async def prepare(self, target: Target, options: Options) -> Plan:
        """`options.events` events, or 8, of `options.tickets` each, or as fits the visitors.

        Raises LoadError.
        """
        count, run = events_in(options, EVENTS, EVENTS_MAX), new_run()
        await require(target, "sell", "read")
        tickets = options.tickets
        if tickets is None:
            tickets = max(*PARTIES, TICKETS_PER_VISITOR * options.connections // count)
        events: list[dict[str, object]] = [
            {
                "eventName": f"Load test {run}, {number}",
                "totalTickets": tickets,
                "waitlistMode": "book" if number % 2 else "offer",
                "holdSeconds": HOLD_S,
                "offerSeconds": OFFER_S,
            }
            for number in range(count)
        ]
        return Plan(await make_events(target, events), {"run": run})

    def visitor(self, plan: Plan, options: Options, number: int, chance: Random) -> "Regular":
        """Somebody who is there all the time."""
        return Regular(plan.event_ids, Names(plan.more["run"], number), Again(options, chance), chance)


class Owned(msgspec.Struct):
    """An order, as its owner last heard of it: it may have been promoted or offered, or have ended, since."""

    order_id: str
    event_id: str
    user_id: str
    quantity: int
    status: str
    is_in_doubt: bool = False
    """Whether something was asked of it and not answered, and may have been done."""


class New(msgspec.Struct, frozen=True):
    """An order that is asked for; what is `forgotten` is left to lapse."""

    event_id: str
    user_id: str
    is_forgotten: bool


class Regular:
    """Whoever has some orders and does things with them. At most one of them is asked about at a time."""

    def __init__(self, event_ids: list[str], names: Names, again: Again, chance: Random) -> None:
        self._event_ids = event_ids
        self._names = names
        self._again = again
        self._chance = chance
        self._orders: list[Owned] = []
        self._offered: Owned | None = None
        self._does: dict[str, Callable[[Owned], Ask]] = {
            "confirmed": self._with_confirmed,
            "held": self._with_held,
            "waitlisted": self._with_waiting,
        }

    def next(self) -> Ask:
        """What was not answered, an offer that was just seen, something new, or one of their orders."""
        if (unanswered := self._again.next()) is not None:
            return unanswered
        if self._offered is not None:
            offered, self._offered = self._offered, None
            return self._with_offered(offered)
        orders, chance = self._orders, self._chance
        has_room = len(orders) + self._again.waiting < ORDERS_MAX
        if has_room and (not orders or chance.random() < NEW):
            return self._get_one()
        if not orders:  # all that they have is to be asked about later
            return Ask("status", f"/status/{chance.choice(self._event_ids)}", method="GET")
        at = chance.randrange(len(orders))
        orders[at], orders[-1] = orders[-1], orders[at]
        order = orders.pop()
        return self._does[order.status](order)

    # --- what is asked ---------------------------------------------------------------------------

    def _get_one(self) -> Ask:
        chance, user_id = self._chance, self._names.new()
        event_id, quantity, luck = chance.choice(self._event_ids), chance.choice(PARTIES), chance.random()
        call, more = "book" if luck < 0.55 else "hold", ""
        is_forgotten = luck >= 0.97
        facts: dict[str, object] = {"e": event_id, "u": user_id, "q": quantity}
        if is_forgotten:
            more = f',"waitlist":false,"holdSeconds":{FORGOTTEN_S}'
            facts["w"] = False
        body = f'{{"eventId":"{event_id}","userId":"{user_id}","quantity":{quantity}{more}}}'.encode()
        new = New(event_id, user_id, is_forgotten)
        return Ask(call, f"/{call}", body, key=user_id, note=new, facts=facts)

    def _with_confirmed(self, order: Owned) -> Ask:
        if order.quantity > 1 and self._chance.random() < 0.4:
            return self._give_back_one(order)
        return self._cancel(order)

    def _with_held(self, order: Owned) -> Ask:
        luck = self._chance.random()
        if luck < 0.6:
            return _of_order("confirm", order)
        return _of_order("extend", order) if luck < 0.75 else self._cancel(order)

    def _with_waiting(self, order: Owned) -> Ask:
        return _look(order) if self._chance.random() < 0.7 else self._cancel(order)

    def _with_offered(self, order: Owned) -> Ask:
        return _of_order("confirm", order) if self._chance.random() < 0.8 else self._cancel(order)

    def _cancel(self, order: Owned) -> Ask:
        """By its id, or as the only one that its customer has."""
        if self._chance.random() < 0.75:
            return _of_order("cancel", order)
        event_id, user_id = order.event_id, order.user_id
        body = f'{{"eventId":"{event_id}","userId":"{user_id}"}}'.encode()
        return Ask("cancel", "/cancel", body, note=order, facts={"e": event_id, "u": user_id})

    def _give_back_one(self, order: Owned) -> Ask:
        """Under a key, since doing it twice would be another thing."""
        body = f'{{"orderId":"{order.order_id}","quantity":1}}'.encode()
        facts = {"o": order.order_id, "q": 1}
        return Ask("cancel", "/cancel", body, key=self._names.new(), note=order, facts=facts)

    # --- what is answered ------------------------------------------------------------------------

    def answered(self, ask: Ask, answer: Answer) -> Taken:
        """What has become of the order."""
        if not is_final(answer):
            return self._not_yet(ask, answer)
        if isinstance(ask.note, New):
            return self._got(ask.note, answer)
        if ask.note is None:
            return SEEN if answer.status == 200 else failed(answer)
        order: Owned = ask.note
        if answer.status != 200:
            return self._refused(order, answer)
        order.is_in_doubt = False
        match ask.call:
            case "order":
                return self._seen(order, answer)
            case "confirm":
                order.status = "confirmed"
                self._orders.append(order)
            case "extend":
                self._orders.append(order)
            case "cancel" if "q" in ask.facts:
                order.quantity -= 1
                self._orders.append(order)
        return DONE

    def _not_yet(self, ask: Ask, answer: Answer) -> Taken:
        if isinstance(ask.note, Owned) and answer.status in (0, 502, 504):
            ask.note.is_in_doubt = True
        if ask.note is not None:
            self._again.put(ask, answer)
        return SEEN if answer.status == 409 else failed(answer)

    def _got(self, new: New, answer: Answer) -> Taken:
        if answer.status == 409 and new.is_forgotten and code_in(answer.body) == "sold_out":
            return SEEN
        order = order_in(answer) if answer.status in (201, 202) else None
        if order is None or order.status not in self._does:
            return failed(answer)
        if not new.is_forgotten:
            owned = Owned(order.order_id, new.event_id, new.user_id, order.quantity, order.status)
            self._orders.append(owned)
        return DONE

    def _seen(self, order: Owned, answer: Answer) -> Taken:
        """Where it stands now; an offer is taken up at once, or left to lapse now and then."""
        now = order_in(answer)
        if now is None:
            return failed(answer)
        order.status, order.quantity = now.status, now.quantity
        if now.status == "offered":
            self._offered = order if self._chance.random() < 0.95 else None
        elif now.status in self._does:
            self._orders.append(order)
        return SEEN

    def _refused(self, order: Owned, answer: Answer) -> Taken:
        """It has ended, cannot be extended, or was confirmed or cancelled without our being told."""
        was_in_doubt, order.is_in_doubt = order.is_in_doubt, False
        match code_in(answer.body):
            case "hold_expired":
                return SEEN
            case "hold_not_extended":
                self._orders.append(order)
                return SEEN
            case "already_cancelled" if was_in_doubt:
                return SEEN
            case "already_confirmed" if was_in_doubt:
                order.status = "confirmed"
                self._orders.append(order)
                return SEEN
            case _:
                return failed(answer)


def _of_order(call: str, order: Owned) -> Ask:
    body = f'{{"orderId":"{order.order_id}"}}'.encode()
    return Ask(call, f"/{call}", body, note=order, facts={"o": order.order_id})


def _look(order: Owned) -> Ask:
    return Ask("order", f"/orders/{order.order_id}", method="GET", note=order)
