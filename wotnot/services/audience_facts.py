"""What is so about each person of an audience: left out or not, why they get no message, and where they are.

A look at a draft asks how many get it, what that costs, and how many of them got the same before. Each time a million people
would take three seconds, so whoever asks first may keep the facts for the others of the same transaction.
"""

from typing import Any

from sqlalchemy import ColumnElement, Select, Subquery, TableClause, Text, cast, false, func, select

from wotnot.models import Contact
from wotnot.services import audience_risks, contact_answers, own_tables
from wotnot.services.audience import People, Variables, is_blank, skip_reason
from wotnot.services.pricing.markets import PREFIX_LENGTH


def place() -> ColumnElement[str]:
    """The beginning of a contact's number, or of their user id, which tells the country."""
    return func.left(func.coalesce(Contact.phone, Contact.wa_user_id, ""), PREFIX_LENGTH)


def facts_of(people: People, variables: Variables, *, needs_phone: bool) -> Select[Any]:
    """A row for everybody in the audience: is_excluded, reason (NULL for who gets a message), and blank_0, blank_1 … for each of
    `variables` that is a field, whether they have no value for it.
    """
    fields = fields_of(variables)
    columns: list[ColumnElement[Any]] = [
        (people.excluded if people.excluded is not None else false()).label("is_excluded"),
        cast(skip_reason(fields, needs_phone=needs_phone, people=people), Text).label("reason"),
        *(is_blank(source["field"]).label(f"blank_{index}") for index, source in enumerate(fields.values())),
    ]
    return select(*columns).where(people.condition)


def fields_of(variables: Variables) -> Variables:
    """Those of a template's variables that are filled from the contact."""
    return {key: source for key, source in variables.items() if source.get("field")}


def keep(people: People, variables: Variables, *, needs_phone: bool) -> TableClause:
    """The facts in a table that lasts until the transaction ends."""
    statement = _kept_facts(people, variables, needs_phone=needs_phone)
    return own_tables.work_out(_name(people, statement), statement)


def recipients(people: People, variables: Variables, *, needs_phone: bool) -> Subquery:
    """Who gets a message: contact_id, place, language; from the facts where this transaction has kept them."""
    statement = _kept_facts(people, variables, needs_phone=needs_phone)
    name = _name(people, statement)
    if own_tables.is_there(name):
        facts = own_tables.find(name, statement)
        gets_it = select(facts.c.contact_id, facts.c.place, facts.c.language)
        return gets_it.where(~facts.c.is_excluded, facts.c.reason.is_(None)).subquery()
    reason = skip_reason(fields_of(variables), needs_phone=needs_phone, people=people)
    listed = select(Contact.id.label("contact_id"), place().label("place"), Contact.language)
    return listed.where(people.included, reason.is_(None)).subquery()


def _kept_facts(people: People, variables: Variables, *, needs_phone: bool) -> Select[Any]:
    """The facts, and what only the later questions need: who it is, where, and what they read."""
    return facts_of(people, variables, needs_phone=needs_phone).add_columns(
        Contact.id.label("contact_id"),
        cast(place(), Text).label("place"),
        cast(Contact.language, Text).label("language"),
    )


def _name(people: People, statement: Select[Any]) -> str:
    """A name that is another one as soon as a contact has changed, or what the kinds of people depend on."""
    changes = contact_answers.count_changes(people.workspace_id)
    since = [changes, *audience_risks.stamp(people.workspace_id, people.leave_out)]
    return own_tables.name_of("facts", statement, since)
