"""A segment's SQL on real PostgreSQL, held against the same rules in plain Python."""

import random
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

import phonenumbers
import pytest
from sqlalchemy import not_, select

from tests import factories as make
from tests.cast import Cast
from tests.segment_twin import ODD_TEXTS, Fact, Known, Maker, Purchase, Twin
from wotnot import clock
from wotnot.errors import Invalid
from wotnot.extensions import db
from wotnot.models import Broadcast, Contact
from wotnot.services import segments
from wotnot.services.segment_fields import FIELDS
from wotnot.services.segment_rules import clean_definition
from wotnot.services.segment_sql import compile_definition

PEOPLE = 120
FILTERS = 200
ZONE = ZoneInfo("Pacific/Auckland")
NAMES = ("Ann", "ann ", "Ben O'Brien", "", "  ", "Çelik", "a_b", "100%", "Paarl Paints")
STATES = {"queued": 0, "sending": 1, "unknown": 1, "accepted": 2, "sent": 3, "delivered": 4, "read": 5, "failed": 1}
GOODS = ((101, "Snake plant"), (102, "Olive tree"), (103, "Pots, 100% clay"))
REGIONS = ("ZA", "US", "CA", "GB", "JE", "DE", "BR", "JM", "KZ", "RU")


def _phone(region: str) -> str:
    number = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    return f"{number.country_code}{number.national_number}"


class World:
    """A workspace with people about whom everything differs, a stranger's broadcast, and the same facts in Python."""

    def __init__(self, cast: Cast, dice: random.Random) -> None:
        cast.workspace.timezone = ZONE.key
        self.dice, self.cast = dice, cast
        self.channel = make.make_channel(cast.workspace)
        template = make.make_template(cast.workspace)
        self.broadcasts = [make.make_broadcast(cast.workspace, self.channel, template) for _ in range(3)]
        self.shop = make.make_shop(cast.workspace)
        self.stranger = make.make_broadcast(cast.other_workspace)
        self.today = clock.now().astimezone(ZONE).date()
        self.people: dict[int, Known] = {}
        tags = {name: make.make_tag(cast.workspace, name) for name in ("VIP", "News", "ünïcode")}
        regions = [*REGIONS, *[None] * (PEOPLE - len(REGIONS))]
        for number, region in enumerate(regions):
            self._add(number, region, tags)

    def _add(self, number: int, region: str | None, tags: dict[str, Any]) -> None:
        dice = self.dice
        known = Known(
            name=dice.choice(NAMES),
            email=dice.choice(("", "ann@example.com", "BEN@example.com")),
            phone=_phone(region) if region else dice.choice((f"2782{number:07d}", f"277{number:08d}", None)),
            language=dice.choice((None, "en", "en_GB", "de", "de_AT", "pt_BR", "pt_PT", "fr")),
            consent=dice.choice(("unknown", "opted_in", "opted_out")),
            created_at=self._moment(),
            attributes={
                name: dice.choice(ODD_TEXTS) for name in ("City", "points", "born", "member") if dice.random() < 0.8
            },
            tags={name for name in tags if dice.random() < 0.4},
        )
        fields = {
            name: getattr(known, name) for name in ("name", "email", "phone", "language", "consent", "attributes")
        }
        contact = make.make_contact(
            self.cast.workspace, **fields, created_at=known.created_at, wa_user_id=f"ZA.{number}"
        )
        for name in known.tags:
            make.tag_contact(contact, tags[name])
        known.messages = [*self._inbound(contact), *self._sent(contact)]
        known.orders = self._ordered(contact)
        self.people[contact.id] = known

    def _moment(self) -> datetime:
        """Often near a midnight of the workspace, where days are told apart."""
        day = self.today - timedelta(days=self.dice.choice((0, 1, 2, 3, 4, 10, 11, 40, 300)))
        midnight = datetime(day.year, day.month, day.day, tzinfo=ZONE)
        return midnight + timedelta(seconds=self.dice.choice((0, 1, 43_200, 86_399)))

    def _inbound(self, contact: Contact) -> list[Fact]:
        facts = [Fact("in", self._moment()) for _ in range(self.dice.choice((0, 0, 1, 2)))]
        for fact in facts:
            make.make_inbound(self.channel, contact, created_at=fact.created_at)
        return facts

    def _ordered(self, contact: Contact) -> list[Purchase]:
        orders = []
        for _ in range(self.dice.choice((0, 0, 1, 1, 2, 3))):
            items = tuple(self.dice.sample(GOODS, self.dice.randint(1, 2)))
            status = self.dice.choice(("processing", "completed", "completed", "cancelled", "refunded", "pending"))
            one = Purchase(
                self._moment(), status, self.dice.choice((Decimal(100), Decimal("485.5"), Decimal("0.5"))), items
            )
            facts = {"items": [{"name": name, "product_id": number, "quantity": 1} for number, name in items]}
            micros = int(one.total * 1_000_000)
            make.make_shop_order(
                self.shop, contact, status=status, placed_at=one.placed_at, total_micros=micros, facts=facts
            )
            orders.append(one)
        return orders

    def _sent(self, contact: Contact) -> list[Fact]:
        return [
            self._message(contact, broadcast, attempt)
            for broadcast in self.broadcasts
            for attempt in range(1, self.dice.choice((1, 2, 2, 2, 3)))
        ]

    def _message(self, contact: Contact, broadcast: Broadcast, attempt: int) -> Fact:
        state, moment = self.dice.choice(list(STATES)), self._moment()
        reached = max(STATES[state], 3 if state == "failed" and self.dice.random() < 0.5 else 0)
        fact = Fact(
            "out",
            moment,
            broadcast.id,
            state,
            reached,
            replied=state in {"delivered", "read", "sent"} and self.dice.random() < 0.3,
            accepted_at=moment if reached >= 2 else None,
            error_code=self.dice.choice((131026, 131049, 131000)) if state == "failed" else None,
        )
        names = ("state", "reached", "replied", "created_at", "accepted_at", "error_code")
        make.make_message(
            self.channel, contact, broadcast, attempt=attempt, **{name: getattr(fact, name) for name in names}
        )
        return fact

    def expected(self, definition: dict[str, Any]) -> set[int]:
        twin = Twin(ZONE, self.today, {one.id for one in self.broadcasts})
        return {one for one, known in self.people.items() if twin.matches(definition, known)}


def found(workspace_id: int, condition: Any) -> set[int]:
    return set(db.session.scalars(select(Contact.id).where(Contact.workspace_id == workspace_id, condition)))


def test_generated_filters_give_the_same_people_as_plain_python(cast: Cast) -> None:
    dice = random.Random(20261126)
    world = World(cast, dice)
    maker = Maker(dice, [*(one.id for one in world.broadcasts), world.stranger.id], world.today)
    context = segments.context_of(cast.workspace.id)
    some = 0
    for _ in range(FILTERS):
        definition = clean_definition(maker.definition())
        condition = compile_definition(definition, context)
        expected = world.expected(definition)
        assert found(cast.workspace.id, condition) == expected, definition
        # Turned round it is everybody else: no condition is ever unknown, or leaving people out would lose others.
        assert found(cast.workspace.id, not_(condition)) == world.people.keys() - expected, definition
        some += 0 < len(expected) < len(world.people)
    assert some > FILTERS * 0.6, "most filters must tell people apart, or they prove nothing"


def test_a_country_is_told_by_the_number_alone(cast: Cast) -> None:
    """Every country there is, against the library's own answer; those that share a code are the hard ones."""
    home = cast.workspace
    numbers: dict[str, str] = {}
    for region in sorted(phonenumbers.SUPPORTED_REGIONS):
        example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
        if example and phonenumbers.region_code_for_number(example) == region:
            numbers[f"{example.country_code}{example.national_number}"] = region
    assert len(numbers) > 200
    people = {make.make_contact(home, phone=digits).id: region for digits, region in numbers.items()}
    context = segments.context_of(home.id)
    for region in set(numbers.values()):
        definition = clean_definition({"conditions": [{"field": "country", "op": "is", "value": region}]})
        expected = {one for one, where in people.items() if where == region}
        assert found(home.id, compile_definition(definition, context)) == expected, region


@pytest.mark.parametrize("operator", [one.key for one in FIELDS["broadcast"].operators])
def test_a_strangers_broadcast_is_about_nobody(cast: Cast, operator: str) -> None:
    """Also what sounds like everybody: who was not on its list, who did not read it."""
    make.make_contact(cast.workspace)
    theirs = make.make_broadcast(cast.other_workspace)
    definition = clean_definition({"conditions": [{"field": "broadcast", "op": operator, "value": theirs.id}]})
    condition = compile_definition(definition, segments.context_of(cast.workspace.id))
    assert found(cast.workspace.id, condition) == set()
    with pytest.raises(Invalid) as refusal:
        segments.check_definition(cast.workspace.id, definition)
    assert list(refusal.value.errors) == ["definition.conditions.0.value"]
