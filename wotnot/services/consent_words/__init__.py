"""The words that opt out and in, and what we answer to them, in the languages of `words.toml`. A leaf, read once.

WhatsApp does nothing about a typed STOP, so this is ours to understand: only as the whole message, never inside a sentence.
"""

import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from wotnot.services.plain_words import plain

MAX_LENGTH = 60
"""A message longer than this is a sentence."""


@dataclass(frozen=True, slots=True)
class Language:
    """The words of one language, as people write them, and our answers; `{{business}}` in these is who we are."""

    code: str
    name: str
    stop: tuple[str, ...]
    start: tuple[str, ...]
    stopped: str
    started: str


@dataclass(frozen=True, slots=True)
class Match:
    """A message that is a word: out or in, and the language to answer in."""

    is_stop: bool
    language: str


@cache
def languages() -> dict[str, Language]:
    """Every language by its code, in the order of the file."""
    document = tomllib.loads(files(__package__).joinpath("words.toml").read_text("utf-8"))
    return {
        code: Language(
            code, entry["name"], tuple(entry["stop"]), tuple(entry["start"]), entry["stopped"], entry["started"]
        )
        for code, entry in document.items()
    }


def match(
    texts: Iterable[str], *, language: str = "en", stop: Iterable[str] = (), start: Iterable[str] = ()
) -> Match | None:
    """What a message says about consent, if it is nothing but that. `texts` are its wordings: a button has two.

    `stop` and `start` are a workspace's further words, answered in `language`. So is a word that several languages share,
    where `language` is one of them. Out wins over in.
    """
    said = {_word(text) for text in texts if len(text) <= MAX_LENGTH} - {""}
    if not said:
        return None
    known = _known()
    for is_stop, own in ((True, stop), (False, start)):
        spoken = [code for word in said for code in known.get((is_stop, word), ())]
        if spoken:
            return Match(is_stop, language if language in spoken else spoken[0])
        if said & {_word(word) for word in own}:
            return Match(is_stop, language)
    return None


def _word(text: str) -> str:
    """Plain, and once where it was repeated: "Stop! STOP!!" is the word too."""
    words = plain(text).split()
    return words[0] if words and len(set(words)) == 1 else " ".join(words)


@cache
def _known() -> Mapping[tuple[bool, str], tuple[str, ...]]:
    """The languages of each (is stop, plain word)."""
    known: dict[tuple[bool, str], list[str]] = {}
    for code, language in languages().items():
        for is_stop, words in ((True, language.stop), (False, language.start)):
            for word in words:
                known.setdefault((is_stop, _word(word)), []).append(code)
    return {key: tuple(codes) for key, codes in known.items()}
