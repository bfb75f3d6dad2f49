"""What people write about consent, understood and answered; and a workspace's own words for it. Owns `consent_settings`.

It happens where inbound messages are stored and in the same transaction, so that a STOP is never known and not yet obeyed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from wotnot import clock
from wotnot.errors import Invalid, NotFound
from wotnot.extensions import db
from wotnot.models import Consent, ConsentSetting, Workspace
from wotnot.services import automatic_answers, consent, consent_words
from wotnot.services.automatic_answers import Answer
from wotnot.services.consent_words import Language, Match
from wotnot.services.plain_words import plain
from wotnot.services.transaction import transaction
from wotnot.services.whatsapp.parse import Inbound

MAX_WORDS, MAX_WORD, MAX_TEXT = 50, consent_words.MAX_LENGTH, 1_000


@dataclass(frozen=True, slots=True)
class Settings:
    """A workspace's words and answers: `texts` is `{language: {"stop" | "start": text}}` where they are its own."""

    language: str
    stop_words: Sequence[str]
    start_words: Sequence[str]
    answers_stop: bool
    answers_start: bool
    texts: Mapping[str, Mapping[str, str]]

    def match(self, texts: Sequence[str]) -> Match | None:
        """What a message with these wordings says about consent."""
        return consent_words.match(texts, language=self.language, stop=self.stop_words, start=self.start_words)

    def own_text(self, language: str, *, is_stop: bool) -> str:
        """The workspace's own answer, or nothing."""
        return self.texts.get(language, {}).get("stop" if is_stop else "start", "")

    def answer(self, match: Match) -> str:
        """What we say to it, with BUSINESS to be filled; nothing where the workspace says nothing."""
        if not (self.answers_stop if match.is_stop else self.answers_start):
            return ""
        language = consent_words.languages()[match.language]
        built_in = language.stopped if match.is_stop else language.started
        return self.own_text(match.language, is_stop=match.is_stop) or built_in


def apply_words(stored: Sequence[Any], messages: Mapping[str, Inbound]) -> set[int]:
    """Obey the words about consent among messages just stored (id, workspace_id, contact_id, wamid) and answer the new ones.

    Answers the ids of all that were such words, for no rule may answer them. Joins the caller's transaction.
    """
    spoken = [(row, texts) for row in stored if row.contact_id and (texts := said_in(messages[row.wamid]))]
    if not spoken:
        return set()
    settings = _settings_of({row.workspace_id for row, _ in spoken})
    found = {row.id: (row, match) for row, texts in spoken if (match := settings[row.workspace_id].match(texts))}
    latest = _latest(found, messages)
    changed = consent.record_said([_said(row, match, messages[row.wamid]) for row, match in latest])
    answers = [(row.id, settings[row.workspace_id].answer(match)) for row, match in latest if row.id in changed]
    automatic_answers.queue_answers([Answer(message_id, body) for message_id, body in answers if body])
    return set(found)


def said_in(message: Inbound) -> list[str]:
    """The wordings in which a message may be a word about consent: what was typed, or a button's label and payload."""
    content = message.content
    wording = content.get("message") if message.type == "edit" else None
    parts: list[Any] = {
        "text": [content.get("body")],
        "button": [content.get("text"), content.get("payload")],
        "interactive": _chosen(content),
        "edit": [_part(wording, "text").get("body")] if isinstance(wording, Mapping) else [],
    }.get(message.type, [])
    return [part for part in parts if isinstance(part, str) and part.strip()]


def get_settings(workspace_id: int) -> Settings:
    """A workspace's words and answers; the built-in ones until it has its own. Raises NotFound."""
    found = _settings_of({workspace_id}).get(workspace_id)
    if found is None:
        raise NotFound("Workspace")
    return found


def save_words(
    workspace_id: int, *, language: str, stop_words: str, start_words: str, answers_stop: bool, answers_start: bool
) -> None:
    """Keep a workspace's own words (one a line) and whether we answer. Raises Invalid."""
    errors: dict[str, str] = {}
    stop, start = _clean_words("stop_words", stop_words, errors), _clean_words("start_words", start_words, errors)
    if language not in consent_words.languages():
        errors["language"] = "Choose one of the languages."
    for name, words, is_stop in (("stop_words", stop, True), ("start_words", start, False)):
        for word in words:
            errors |= _contradiction(name, word, stop if not is_stop else start, is_stop=is_stop)
    if errors:
        raise Invalid(errors)
    values = {"language": language, "stop_words": stop, "start_words": start}
    _save(workspace_id, values | {"answers_stop": answers_stop, "answers_start": answers_start})


def get_language(code: str) -> Language:
    """A language by its code. Raises NotFound."""
    language = consent_words.languages().get(code)
    if language is None:
        raise NotFound("Language")
    return language


def save_texts(workspace_id: int, code: str, *, stop: str, start: str) -> None:
    """Keep a workspace's own answers in a language; an empty one is the built-in one again. Raises NotFound, Invalid."""
    language = get_language(code)
    given = {"stop": _clean_text(stop), "start": _clean_text(start)}
    errors = {name: f"At most {MAX_TEXT:,} characters." for name, words in given.items() if len(words) > MAX_TEXT}
    if errors:
        raise Invalid(errors)
    built_in = {"stop": language.stopped, "start": language.started}
    own = {name: words for name, words in given.items() if words and words != built_in[name]}
    with transaction():
        texts = {key: dict(value) for key, value in get_settings(workspace_id).texts.items() if key != code}
        _save(workspace_id, {"texts": texts | ({code: own} if own else {})})


def _save(workspace_id: int, values: Mapping[str, Any]) -> None:
    row = insert(ConsentSetting).values(workspace_id=workspace_id, **values)
    with transaction() as session:
        session.execute(
            row.on_conflict_do_update(index_elements=["workspace_id"], set_={**values, "updated_at": clock.now()})
        )


def _settings_of(workspace_ids: set[int]) -> dict[int, Settings]:
    query = (
        select(Workspace.id, ConsentSetting)
        .outerjoin(ConsentSetting, ConsentSetting.workspace_id == Workspace.id)
        .where(Workspace.id.in_(workspace_ids))
        .execution_options(populate_existing=True)
    )
    return {key: _settings(own) for key, own in db.session.execute(query)}


def _settings(own: ConsentSetting | None) -> Settings:
    if own is None:
        return Settings("en", (), (), answers_stop=True, answers_start=True, texts={})
    return Settings(own.language, own.stop_words, own.start_words, own.answers_stop, own.answers_start, own.texts)


def _latest(found: Mapping[int, tuple[Any, Match]], messages: Mapping[str, Inbound]) -> list[tuple[Any, Match]]:
    """The last word of each contact; within a second the stop counts."""
    last: dict[int, tuple[Any, Match]] = {}
    for row, match in sorted(found.values(), key=lambda pair: (messages[pair[0].wamid].at, pair[1].is_stop)):
        last[row.contact_id] = (row, match)
    return list(last.values())


def _said(row: Any, match: Match, message: Inbound) -> consent.Said:
    wish = Consent.OPTED_OUT if match.is_stop else Consent.OPTED_IN
    act = "pressed" if message.type in {"button", "interactive"} else "wrote"
    return consent.Said(row.workspace_id, row.contact_id, row.id, wish, f"They {act} “{said_in(message)[0].strip()}”")


def _chosen(content: Mapping[str, Any]) -> list[Any]:
    reply = _part(content, "button_reply") or _part(content, "list_reply")
    return [reply.get("title"), reply.get("id")]


def _part(content: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    part = content.get(name)
    return part if isinstance(part, Mapping) else {}


def _clean_words(name: str, text: str, errors: dict[str, str]) -> list[str]:
    """One a line or between commas; the same word once."""
    words = {plain(word): " ".join(word.split()) for word in text.replace(",", "\n").splitlines()}
    words.pop("", None)
    if len(words) > MAX_WORDS:
        errors[name] = f"At most {MAX_WORDS} words."
    elif any(len(word) > MAX_WORD for word in words.values()):
        errors[name] = f"A word or phrase has at most {MAX_WORD} characters."
    return list(words.values())


def _contradiction(name: str, word: str, others: Sequence[str], *, is_stop: bool) -> dict[str, str]:
    """A word that means the opposite already, here or in a language."""
    known = consent_words.match([word])
    if plain(word) in {plain(other) for other in others} or (known and known.is_stop is not is_stop):
        return {name: f"“{word}” already means the opposite. A word can mean only one of the two."}
    return {}


def _clean_text(words: str) -> str:
    return words.replace("\r\n", "\n").strip()
