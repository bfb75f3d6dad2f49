"""Families of templates: the languages of one name in one account, kept together. Reads `templates`, writes nothing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Text, cast, exists, func, or_, select, tuple_
from sqlalchemy.orm import aliased

from wotnot.errors import Invalid
from wotnot.extensions import db
from wotnot.models import Template, TemplateStatus
from wotnot.services.keyset import Keyset
from wotnot.services.languages import language_name
from wotnot.services.message_templates import STATUS_WORDS, bin_begins
from wotnot.services.pages import Page, clamp_limit
from wotnot.services.translations import Choice, make_choice
from wotnot.services.whatsapp.components import list_variables
from wotnot.services.whatsapp.payloads import UnsupportedTemplate, compile_template

_LONGEST_SEARCH = 200


@dataclass(frozen=True, slots=True)
class Family:
    """The languages of one name, the oldest first. `id` is that of the newest row that was asked for: its place in lists."""

    id: int
    translations: Sequence[Template]

    @property
    def main(self) -> Template:
        """The language that stands for all of them: the oldest that can be sent, else the oldest."""
        return next(iter(self.approved), self.translations[0])

    @property
    def approved(self) -> list[Template]:
        """The languages that can be sent."""
        return [one for one in self.translations if one.status is TemplateStatus.APPROVED]

    @property
    def is_alike(self) -> bool:
        """Whether all languages are in the same state."""
        return len({one.status for one in self.translations}) == 1

    @property
    def first_to_go(self) -> Template:
        """Of a family in the bin the language that leaves it first."""
        return min(self.translations, key=lambda one: one.deleted_at.timestamp() if one.deleted_at else 0.0)


@dataclass(frozen=True, slots=True)
class FamilyFilter:
    """Which families: one of whose languages has this status, holds these words, and is in this account."""

    workspace_id: int
    status: TemplateStatus | None = None
    search: str = ""
    waba_id: str | None = None
    deleted: bool = False

    def conditions(self, row: Any) -> list[ColumnElement[bool]]:
        """What a template `row` of such a family meets."""
        found = [row.workspace_id == self.workspace_id, _is_there(row, deleted=self.deleted)]
        if self.status:
            found.append(row.status == self.status)
        if self.waba_id:
            found.append(row.waba_id == self.waba_id)
        if word := self.search.strip().lower()[:_LONGEST_SEARCH]:
            in_name = func.lower(row.name).contains(word.replace(" ", "_"), autoescape=True)
            in_text = func.lower(cast(row.components, Text)).contains(word, autoescape=True)
            found.append(or_(in_name, in_text))
        return found


def list_families(wanted: FamilyFilter, *, cursor: str | None = None, limit: int | None = 50) -> Page[Family]:
    """A page of families, the one with the newest language first, in two queries. Raises Invalid for a foreign cursor.

    A family is found by any of its languages and shown with all of them.
    """
    keyset = Keyset.decode(cursor, clamp_limit(limit))
    newer = aliased(Template)
    has_newer = exists().where(
        *wanted.conditions(newer),
        newer.waba_id == Template.waba_id,
        newer.name == Template.name,
        newer.id > Template.id,
    )
    query = select(Template.id, Template.waba_id, Template.name).where(*wanted.conditions(Template), ~has_newer)
    query = query.where(keyset.condition(Template.id)).order_by(keyset.order(Template.id)).limit(keyset.limit + 1)
    page = keyset.page(db.session.execute(query).all(), lambda row: row.id)
    members = _members(wanted, [(row.waba_id, row.name) for row in page.items])
    items = [Family(row.id, members[row.waba_id, row.name]) for row in page.items]
    return Page(items, page.next_cursor, page.previous_cursor)


def count_families(workspace_id: int) -> dict[str, int]:
    """How many families there are under "all", in the bin under "deleted", and by the states that one of their languages is in."""
    binned = Template.deleted_at.is_not(None)
    family = (binned, Template.waba_id, Template.name)
    # One row a family, and one for each state that it is in.
    found = (
        select(binned.label("is_deleted"), Template.status)
        .where(
            Template.workspace_id == workspace_id,
            or_(Template.deleted_at.is_(None), Template.deleted_at > bin_begins()),
        )
        .group_by(func.grouping_sets(tuple_(*family), tuple_(*family, Template.status)))
        .subquery()
    )
    rows: Any = db.session.execute(
        select(found.c.status, found.c.is_deleted, func.count()).group_by(found.c.status, found.c.is_deleted)
    )
    counts = {"all": 0, "deleted": 0}
    for status, is_deleted, count in rows:
        if status is None:
            counts["deleted" if is_deleted else "all"] = count
        elif not is_deleted:
            counts[status.value] = count
    return counts


def family_of(template: Template) -> Family:
    """The family of a template: what is live of it, or for one in the bin what lies there too."""
    wanted = FamilyFilter(template.workspace_id, deleted=template.deleted_at is not None)
    members = _members(wanted, [(template.waba_id, template.name)])
    # One that has left the bin for good is a family of its own.
    found = next(iter(members.values()), [])
    return Family(template.id, found if template in found else [template])


def choice_for(main: Template, *, one_language: bool = False) -> Choice:
    """What a message with the template `main` goes out in: it, and the translations that can take its place.

    `one_language` leaves the translations out. One query, none then.
    """
    return make_choice(main) if one_language else look_at_translations(main)[0]


def look_at_translations(main: Template) -> tuple[Choice, list[tuple[Template, str]]]:
    """The choice that `main` and its translations give, and those that cannot take its place, each with the reason."""
    judged = [(one, why_left_out(main, one)) for one in family_of(main).translations if one.id != main.id]
    return make_choice(main, (one for one, why in judged if not why)), [(one, why) for one, why in judged if why]


def why_left_out(main: Template, other: Template) -> str:
    """Why a translation cannot take the place of `main`, as the end of a sentence; nothing when it can."""
    if other.deleted_at is not None:
        return "is in the recycle bin"
    if other.status is not TemplateStatus.APPROVED:
        return STATUS_WORDS.get(other.status, "is not approved by Meta")
    if keys_of(other) != keys_of(main):
        return f"has other variables than {language_name(main.language)}"
    try:
        compile_template(other.name, other.language, other.components, other.parameter_format)
    except UnsupportedTemplate:
        return "has parts that cannot be filled here"
    return ""


def variable_differences(main: Template, other: Template) -> tuple[list[str], list[str]]:
    """The variables that a translation lacks, and those that only it has."""
    wanted, found = keys_of(main), keys_of(other)
    return sorted(wanted - found), sorted(found - wanted)


def keys_of(template: Template) -> set[str]:
    """The variables of a template, by key."""
    return {variable.key for variable in list_variables(template.components, template.parameter_format)}


def read_status(status: str) -> TemplateStatus | None:
    """A state by its name, None for no name. Raises Invalid for a name that is none."""
    if not status:
        return None
    try:
        return TemplateStatus(status.strip().lower())
    except ValueError:
        raise Invalid({"status": f"There is no state “{status}”."}) from None


def _members(wanted: FamilyFilter, names: Sequence[tuple[str, str]]) -> dict[tuple[str, str], list[Template]]:
    """All languages of some families by account and name, the oldest first."""
    found: dict[tuple[str, str], list[Template]] = {}
    if not names:
        return found
    rows = db.session.scalars(
        select(Template)
        .where(
            Template.workspace_id == wanted.workspace_id,
            tuple_(Template.waba_id, Template.name).in_(names),
            _is_there(Template, deleted=wanted.deleted),
        )
        .order_by(Template.id)
    )
    for row in rows:
        found.setdefault((row.waba_id, row.name), []).append(row)
    return found


def _is_there(row: Any, *, deleted: bool) -> ColumnElement[bool]:
    """Live, or in the bin."""
    condition: ColumnElement[bool] = row.deleted_at > bin_begins() if deleted else row.deleted_at.is_(None)
    return condition
