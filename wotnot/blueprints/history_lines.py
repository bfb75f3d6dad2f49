"""A change as the histories of numbers and templates show it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class HistoryLine:
    """A change in words: `family` colours its icon, `note` says what it means."""

    icon: str
    family: str
    title: str
    note: str = ""
