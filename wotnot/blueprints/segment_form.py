"""The editor of a segment as values: from a request to rows, from rows to a definition, and what its buttons do. Pure.

The form is flat. `item` names its parts in order: `r1` a row, `g2` a group, `g2.r3` a row in it; each part's fields end in its
number. So it works as a plain form, and an unfinished one comes back as it was.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from werkzeug.datastructures import MultiDict

from wotnot.services.segment_fields import ATTRIBUTE, FIELDS, TEXT_TYPE, Field, Operator, Takes, find_field
from wotnot.services.segment_rules import MAX_CONDITIONS, Definition

ROOT = "definition"
_FIRST_FIELD = "tags"


@dataclass(frozen=True, slots=True)
class Row:
    """One condition as it stands in the form. `values` are ticked tags; `second` is the upper end of a range."""

    key: int
    field: str = _FIRST_FIELD
    type: str = TEXT_TYPE
    op: str = ""
    value: str = ""
    second: str = ""
    values: tuple[str, ...] = ()

    @property
    def known(self) -> Field:
        """The field, or the first one where it is none."""
        return find_field(self.field, self.type) or FIELDS[_FIRST_FIELD]

    @property
    def operator(self) -> Operator:
        """The chosen operator, or the field's first where the two do not go together."""
        return self.known.find(self.op) or self.known.operators[0]

    @property
    def is_own(self) -> bool:
        """Whether it is about a custom field."""
        return self.field.startswith(ATTRIBUTE)

    @property
    def condition(self) -> dict[str, Any]:
        """The condition as it is typed, right or wrong."""
        found: dict[str, Any] = {"field": self.field, "op": self.operator.key}
        if self.is_own:
            found["type"] = self.type
        takes = self.operator.takes
        if takes is Takes.TAGS:
            found["value"] = list(self.values)
        elif takes is Takes.NUMBERS:
            found["value"] = [self.value, self.second]
        elif takes is not Takes.NOTHING:
            found["value"] = self.value
        return found


@dataclass(frozen=True, slots=True)
class Group:
    """Some conditions that count as one."""

    key: int
    match: str = "any"
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True, slots=True)
class SegmentValues:
    """The whole form."""

    name: str = ""
    match: str = "all"
    items: tuple[Row | Group, ...] = (Row(1),)

    @property
    def rows(self) -> Iterator[Row]:
        """Every row, those in groups among them."""
        for item in self.items:
            yield from (item.rows if isinstance(item, Group) else (item,))

    @property
    def definition(self) -> Definition:
        """What the form says, right or wrong: the service checks it."""
        return {"match": self.match, "conditions": [_said(item) for item in self.items]}

    @property
    def has_room(self) -> bool:
        """Whether there may be one more condition."""
        return sum(1 for _ in self.rows) < MAX_CONDITIONS


@dataclass(frozen=True, slots=True)
class Change:
    """The form afterwards, and the id of the control that is to have the focus."""

    values: SegmentValues
    focus: str = ""


# ---------------------------------------------------------------- reading


def values_of(name: str, definition: Mapping[str, Any]) -> SegmentValues:
    """What the form shows for a clean definition."""
    keys = iter(range(1, 10_000))
    items: list[Row | Group] = []
    for one in definition["conditions"]:
        if "conditions" in one:
            group = next(keys)
            items.append(Group(group, one["match"], tuple(_row(next(keys), each) for each in one["conditions"])))
        else:
            items.append(_row(next(keys), one))
    return SegmentValues(name, definition["match"], tuple(items))


def _row(key: int, condition: Mapping[str, Any]) -> Row:
    value = condition.get("value", "")
    row = Row(key, condition["field"], condition.get("type", TEXT_TYPE), condition["op"])
    if row.operator.takes is Takes.TAGS:
        return replace(row, values=tuple(value))
    if row.operator.takes is Takes.NUMBERS:
        return replace(row, value=f"{value[0]}", second=f"{value[1]}")
    return replace(row, value=f"{'+' if row.operator.takes is Takes.PHONE else ''}{value}")


def read_form(form: MultiDict[str, str]) -> SegmentValues:
    """The form as it was sent."""
    items: list[Row | Group] = []
    taken: set[int] = set()
    for item in form.getlist("item"):
        outer, _, inner = item.partition(".")
        part = _read_row(form, inner or outer) or _read_group(form, outer)
        if part is None or part.key in taken:
            # A number names one part only: two would have the same controls.
            continue
        taken.add(part.key)
        last = items[-1] if items else None
        if inner and isinstance(part, Row) and isinstance(last, Group):
            items[-1] = replace(last, rows=(*last.rows, part))
        else:
            items.append(part)
    match = "any" if form.get("match") == "any" else "all"
    return SegmentValues(form.get("name", ""), match, tuple(items))


def _read_group(form: MultiDict[str, str], item: str) -> Group | None:
    key = _key(item, "g")
    return None if key is None else Group(key, "all" if form.get(f"match-{key}") == "all" else "any")


def _read_row(form: MultiDict[str, str], item: str) -> Row | None:
    key = _key(item, "r")
    if key is None:
        return None
    return Row(
        key,
        form.get(f"field-{key}", _FIRST_FIELD),
        form.get(f"type-{key}", TEXT_TYPE),
        form.get(f"op-{key}", ""),
        form.get(f"value-{key}", ""),
        form.get(f"second-{key}", ""),
        tuple(form.getlist(f"tags-{key}")),
    )


def _key(item: str, letter: str) -> int | None:
    digits = item.removeprefix(letter)
    is_key = item.startswith(letter) and digits.isascii() and digits.isdecimal() and len(digits) <= 6
    return int(digits) if is_key else None


# ---------------------------------------------------------------- what the buttons do


def change(values: SegmentValues, act: str) -> Change:
    """Do what the pressed button says: `add`, `add:<group>`, `group`, `remove:<number>`, or `show:<control>`, which only draws
    the form anew. What cannot be done changes nothing.
    """
    verb, _, argument = act.partition(":")
    new = max([row.key for row in values.rows] + [item.key for item in values.items], default=0) + 1
    if verb == "add" and values.has_room:
        return Change(_with_row(values, argument, Row(new)), f"f-field-{new}")
    if verb == "group" and values.has_room:
        group = Group(new, "any" if values.match == "all" else "all", (Row(new + 1),))
        return Change(replace(values, items=(*values.items, group)), f"f-field-{new + 1}")
    if verb == "remove":
        return Change(_without(values, argument), "segment-add")
    return Change(values, argument if verb == "show" else "")


def _with_row(values: SegmentValues, group: str, row: Row) -> SegmentValues:
    if not group:
        return replace(values, items=(*values.items, row))
    items = [
        replace(item, rows=(*item.rows, row)) if isinstance(item, Group) and str(item.key) == group else item
        for item in values.items
    ]
    return replace(values, items=tuple(items))


def _without(values: SegmentValues, key: str) -> SegmentValues:
    """The same without the part of this number; a group that has lost its last condition goes with it."""
    items: list[Row | Group] = []
    for item in values.items:
        if isinstance(item, Group):
            rows = tuple(row for row in item.rows if str(row.key) != key)
            if rows and str(item.key) != key:
                items.append(replace(item, rows=rows))
        elif str(item.key) != key:
            items.append(item)
    return replace(values, items=tuple(items))


def _said(item: Row | Group) -> dict[str, Any]:
    if isinstance(item, Row):
        return item.condition
    return {"match": item.match, "conditions": [row.condition for row in item.rows]}


# ---------------------------------------------------------------- errors


@dataclass(slots=True)
class Errors:
    """The service's complaints by the controls of the form, and what each is called in the list on top."""

    by_control: dict[str, Sequence[str]] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=lambda: {"name": "Name"})


def place_errors(values: SegmentValues, errors: Mapping[str, Sequence[str]]) -> Errors:
    """`definition.conditions.1.value` is the value of the second part of the form, and so on."""
    rows = dict(_paths(values))
    found = Errors()
    for path, sentences in errors.items():
        where, _, part = path.removeprefix(f"{ROOT}.").rpartition(".")
        row = rows.get(where)
        if row is None:
            found.by_control[path] = sentences
            continue
        control = f"{'tags' if row.operator.takes is Takes.TAGS and part == 'value' else part}-{row.key}"
        found.by_control[control] = sentences
        found.labels[control] = row.known.words
    return found


def _paths(values: SegmentValues) -> Iterator[tuple[str, Row]]:
    for at, item in enumerate(values.items):
        if isinstance(item, Row):
            yield f"conditions.{at}", item
        else:
            yield from ((f"conditions.{at}.conditions.{number}", row) for number, row in enumerate(item.rows))
