"""The life of a message after it was accepted: sent, delivered, read or failed, each told by webhook."""

from __future__ import annotations

import random
import time
from dataclasses import dataclass

from sandbox.billing import pricing_of
from sandbox.errors import status_error
from sandbox.fates import NAMELESS_ENDING, Fate, decide
from sandbox.jsonio import Json
from sandbox.model import Chat, Customer, Message, Number
from sandbox.state import World, window_open
from sandbox.timeline import Timeline
from sandbox.webhooks import Outbox, Update

# How much later a status comes that is told twice or out of order.
_AGAIN_S = (0.05, 1.5)
_SHUFFLE_S = (0.2, 3.0)
HELD_S = 5.0  # how long a template that is being paced holds its messages


@dataclass(slots=True, eq=False)
class Journey:
    """One message on its way, with everybody involved."""

    number: Number
    customer: Customer
    chat: Chat
    message: Message
    fate: Fate


class Lifecycle:
    """Moves messages forward in time and tells the business."""

    def __init__(self, world: World, timeline: Timeline, outbox: Outbox) -> None:
        self.world = world
        self.timeline = timeline
        self.outbox = outbox

    def start(self, number: Number, customer: Customer, chat: Chat, message: Message, *, held: bool = False) -> None:
        """Send an accepted message on its way."""
        waba = self.world.wabas[number.waba_id]
        fate = decide(self.world.settings, waba, chat, message, message.at)
        journey = Journey(number, customer, chat, message, fate)
        delay = self.world.settings.sent_after_s + (HELD_S if held else 0.0)
        self.timeline.after(delay, self._fail if fate.error else self._sent, journey)

    def resume(self, number: Number, customer: Customer, chat: Chat, message: Message) -> None:
        """Go on with a message that was under way when the sandbox stopped."""
        if message.state == "accepted":
            self.start(number, customer, chat, message)
        elif message.state == "sent":
            self.timeline.after(0.1, self._delivered, Journey(number, customer, chat, message, Fate()))

    def _sent(self, journey: Journey) -> None:
        message = journey.message
        message.pricing = self._price(journey)
        self._move(journey, "sent")
        if journey.fate.last == "sent" or message.type == "reaction":
            return
        settings = self.world.settings
        delay = max(settings.deliver_after_s - settings.sent_after_s, 0.0) + journey.fate.late_s
        self.timeline.after(delay, self._delivered, journey)

    def _delivered(self, journey: Journey) -> None:
        customer = journey.customer
        if not customer.online:
            customer.waiting.append((self._delivered, (journey,)))
            return
        journey.chat.unread += 1
        if not journey.fate.skip_delivered:
            self._move(journey, "delivered")
        if journey.fate.last == "read":
            self.timeline.after(self.world.settings.read_after_s, self._read, journey)

    def _read(self, journey: Journey) -> None:
        journey.chat.unread = 0
        if journey.customer.read_receipts:
            self._move(journey, "read")

    def _fail(self, journey: Journey) -> None:
        journey.message.error = journey.fate.error
        journey.message.error_details = journey.fate.details
        self._move(journey, "failed")

    def come_online(self, customer: Customer) -> None:
        """Deliver what waited while the phone was off."""
        waiting, customer.waiting = customer.waiting, []
        for call, args in waiting:
            call(*args)

    def _move(self, journey: Journey, state: str) -> None:
        journey.message.state = state
        self.world.touch(journey.customer, journey.chat)
        self.world.stats.statuses[state] += 1
        settings = self.world.settings
        if not settings.webhooks:
            return
        update = self._update(journey, state)
        if journey.fate.shuffled or (settings.reorder_percent and random.random() * 100 < settings.reorder_percent):
            self.timeline.after(random.uniform(*_SHUFFLE_S), self.outbox.put, update)
        else:
            self.outbox.put(update)
        if journey.fate.twice or (settings.duplicate_percent and random.random() * 100 < settings.duplicate_percent):
            self.timeline.after(random.uniform(*_AGAIN_S), self.outbox.put, update)

    def _update(self, journey: Journey, state: str) -> Update:
        message, customer = journey.message, journey.customer
        nameless = is_nameless(self.world, customer)
        status: Json = {"id": message.wamid, "status": state, "timestamp": str(int(time.time()))}
        if not nameless:
            status["recipient_id"] = customer.wa_id
        status["recipient_user_id"] = customer.user_id
        if message.callback_data is not None:
            status["biz_opaque_callback_data"] = message.callback_data
        if state == "failed":
            status["errors"] = [status_error(message.error, message.error_details)]
            return Update(
                journey.number.waba_id,
                journey.number,
                "messages",
                "statuses",
                status,
                None,
                f"status: failed {message.error}",
            )
        if message.pricing and (state in ("sent", "delivered") or (state == "read" and journey.fate.skip_delivered)):
            status["pricing"] = message.pricing
        contact = contact_of(customer, nameless=nameless)
        return Update(
            journey.number.waba_id, journey.number, "messages", "statuses", status, contact, f"status: {state}"
        )

    def _price(self, journey: Journey) -> Json | None:
        """The pricing block; a reaction has none. Only a service message that is not free anyway takes of the allowance."""
        message = journey.message
        if message.type == "reaction":
            return None
        now = time.time()
        in_free_entry = now < journey.chat.free_until
        category = message.template.category.lower() if message.template is not None else "service"
        return pricing_of(
            category,
            now,
            in_window=window_open(journey.chat, now),
            in_free_entry=in_free_entry,
            has_allowance=category == "service" and not in_free_entry and self._take_free_service(journey.number),
        )

    def _take_free_service(self, number: Number) -> bool:
        month = time.strftime("%Y-%m", time.gmtime())
        if number.service_month != month:
            number.service_month, number.service_count = month, 0
        number.service_count += 1
        return number.service_count <= self.world.settings.free_service_messages


def is_nameless(world: World, customer: Customer) -> bool:
    """Whether webhooks name this person by the business-scoped user id alone."""
    settings = world.settings
    return (
        customer.bsuid_only
        or settings.hide_phone_numbers
        or (settings.endings and customer.wa_id.endswith(NAMELESS_ENDING))
    )


def contact_of(customer: Customer, *, nameless: bool) -> Json:
    """The entry of `contacts[]` for a person."""
    contact: Json = {
        "profile": {"name": customer.name or f"Customer {customer.wa_id[-4:]}"},
        "user_id": customer.user_id,
    }
    if not nameless:
        contact["wa_id"] = customer.wa_id
    return contact
