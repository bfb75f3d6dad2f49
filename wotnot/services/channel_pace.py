"""How fast a number really goes: its rate, halved while Meta rates its quality medium. Pure."""

from typing import Protocol

YELLOW, RED = "YELLOW", "RED"

SLOWED = "Meta rates this number medium, so it goes at half its pace until the quality is high again."
STOPPED = (
    "Meta rates the number low: too many people blocked or reported it. Write only to people who want to hear from you. "
    "Go on when the quality is better, or cancel the rest."
)


class Rated(Protocol):
    """A number with a rate and Meta's word about its quality."""

    rate_per_second: int
    quality_rating: str


def is_slowed(channel: Rated) -> bool:
    """Whether Meta's rating halves its pace."""
    return channel.quality_rating.upper() == YELLOW


def pace_of(channel: Rated) -> int:
    """Messages a second."""
    return (channel.rate_per_second + 1) // 2 if is_slowed(channel) else channel.rate_per_second
