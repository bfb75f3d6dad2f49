"""Which translation of a message a person gets: the one in their language, a near one, or the main one.

In Python for one person and in SQL for a million of them; both read the same two tables of a `Choice`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import BigInteger, ColumnElement, case, cast, func, literal, select

from wotnot.extensions import db
from wotnot.models import Broadcast, Contact, Template
from wotnot.services.languages import base_of, language_name


@dataclass(frozen=True, slots=True)
class Choice:
    """The translations that a message goes out in. `main` is for everybody whose language none of them is in."""

    main: Template
    by_code: Mapping[str, Template]
    by_base: Mapping[str, Template]

    @property
    def templates(self) -> list[Template]:
        """All of them, the main one first, the others by name of their language."""
        return sorted(self.by_code.values(), key=lambda one: (one.id != self.main.id, language_name(one.language)))

    @property
    def has_several(self) -> bool:
        """Whether there is anything to choose."""
        return len(self.by_code) > 1

    def template_for(self, language: str | None) -> Template:
        """What somebody who reads `language` gets: exactly theirs, else one of the same language, else the main one."""
        return _fitting(self.by_code, self.by_base, language) or self.main

    def id_sql(self) -> ColumnElement[int]:
        """The same for every contact of a query: the id of their template."""
        main = cast(literal(self.main.id), BigInteger)
        if not self.has_several:
            return main
        near = case(_ids(self.by_base), value=func.split_part(Contact.language, "_", 1), else_=main)
        return case(_ids(self.by_code), value=Contact.language, else_=near)

    def count_people(self, by_language: Mapping[str, int], total: int) -> list[tuple[Template, int]]:
        """How many of `total` people get which of `templates`; `by_language` counts those whose language is known."""
        people = dict.fromkeys((one.id for one in self.templates), 0)
        for language, count in by_language.items():
            people[self.template_for(language).id] += count
        people[self.main.id] += total - sum(by_language.values())
        return [(one, people[one.id]) for one in self.templates]


def make_choice(main: Template, others: Iterable[Template] = ()) -> Choice:
    """A choice between `main` and its translations. Among those of one language the one without a country comes first."""
    templates = [main, *(one for one in others if one.id != main.id)]
    return Choice(main, {one.language: one for one in templates}, _by_base(templates))


def pick(templates: Sequence[Template], language: str | None) -> Template | None:
    """The one of `templates` that fits somebody who reads `language`, None when none does."""
    return _fitting({one.language: one for one in templates}, _by_base(templates), language)


def name_translation(broadcast_id: int, template_id: int | None) -> str:
    """Which translation of a broadcast a template is, in words; nothing for the main one."""
    query = (
        select(Template.language)
        .join(Broadcast, Broadcast.workspace_id == Template.workspace_id)
        .where(Broadcast.id == broadcast_id, Template.id == template_id, Template.id != Broadcast.template_id)
    )
    language = db.session.scalar(query) if template_id is not None else None
    return f"the {language_name(language)} translation" if language else ""


def _fitting(by_code: Mapping[str, Template], by_base: Mapping[str, Template], language: str | None) -> Template | None:
    if not language:
        return None
    return by_code.get(language) or by_base.get(base_of(language))


def _by_base(templates: Sequence[Template]) -> dict[str, Template]:
    found: dict[str, Template] = {}
    for one in sorted(
        templates, key=lambda one: (one.language != base_of(one.language), one.id != templates[0].id, one.id)
    ):
        found.setdefault(base_of(one.language), one)
    return found


def _ids(templates: Mapping[str, Template]) -> dict[str, int]:
    return {language: one.id for language, one in templates.items()}
