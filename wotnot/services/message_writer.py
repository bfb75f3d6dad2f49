"""A model writes messages that Meta would take: three variants of a brief, or one written anew.

What comes back is checked by the rules a person's template is checked by; what breaks them goes back to the model with
the reasons, twice at most. Owns no table: `ai_settings` counts the calls.
"""

import logging
import re
import time
from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from wotnot.errors import Conflict, Invalid, Unavailable
from wotnot.services import ai, ai_settings
from wotnot.services.ai import AiFault
from wotnot.services.ai.prompts import (
    SYSTEM,
    VARIANTS_SCHEMA,
    VARIANTS_WANTED,
    Brief,
    Draft,
    UnreadableAnswer,
    ask_for_variants,
    ask_to_mend,
    ask_to_rewrite,
    limit_of,
    read_drafts,
    read_unfinished,
    restore_addresses,
)
from wotnot.services.template_rules import LANGUAGES, Finding, check_template, infer_format
from wotnot.services.transaction import release_connection
from wotnot.services.whatsapp.components import VARIABLE, variable_names

logger = logging.getLogger(__name__)

MOST_CALLS = 3
BUDGET_SECONDS = 50.0
"""For a whole request with its repetitions, so that it never holds a web thread for a minute."""

_TOO_LITTLE_SECONDS = 6.0
_BUTTONS = ("QUICK_REPLY", "URL")
_VARIABLE_NAME = re.compile(r"[a-z][a-z0-9_]*|[1-9]\d?")
_MOST_VARIABLES = 6
_NONE_PASSES = (
    "The model wrote nothing that Meta would take. Say more about what the message should do, then try again."
)


@dataclass(frozen=True, slots=True)
class Variant:
    """A draft that passed the checks, as Meta's components. `warnings` say what Meta might still dislike."""

    draft: Draft
    components: list[dict[str, Any]]
    parameter_format: str
    warnings: list[Finding] = field(default_factory=list)

    @property
    def letters(self) -> int:
        """How long the body is."""
        return len(self.draft.body)


@dataclass(frozen=True, slots=True)
class Writing:
    """How far the writing is: the bodies as far as they are there, or `mends` while what broke a rule is being mended.

    None of it is checked yet, so it is only to be looked at.
    """

    bodies: Sequence[str] = ()
    mends: bool = False


Writer = Generator[Writing, None, list[Variant]]


def write_variants(
    workspace_id: int,
    brief: Brief,
    *,
    user_id: int | None = None,
    count: int = VARIANTS_WANTED,
    budget_seconds: float = BUDGET_SECONDS,
) -> list[Variant]:
    """Up to `count` variants of a message, each of them one that passes the rules.

    Raises Invalid (the brief, or what the model refuses), Conflict (no key, cap reached), Unavailable (the provider has
    trouble, or nothing usable came back).
    """
    job = _variants_job(workspace_id, brief, user_id, count, budget_seconds)
    return _finish(_write(job, ask_for_variants(job.brief, count), streams=False))


def stream_variants(
    workspace_id: int,
    brief: Brief,
    *,
    user_id: int | None = None,
    count: int = VARIANTS_WANTED,
    budget_seconds: float = BUDGET_SECONDS,
) -> Writer:
    """The same, saying at every piece and every two seconds how far it is. Raises Invalid for the brief at once."""
    job = _variants_job(workspace_id, brief, user_id, count, budget_seconds)
    return _write(job, ask_for_variants(job.brief, count), streams=True)


def _variants_job(workspace_id: int, brief: Brief, user_id: int | None, count: int, budget_seconds: float) -> "_Job":
    brief = _checked_brief(brief)
    if not brief.goal.strip():
        raise Invalid({"goal": "Say in a sentence what the message should do."})
    return _Job(workspace_id, user_id, "variants", brief, count, time.monotonic() + budget_seconds)


def rewrite(
    workspace_id: int,
    draft: Draft,
    how: str,
    brief: Brief,
    *,
    user_id: int | None = None,
    budget_seconds: float = BUDGET_SECONDS,
) -> Variant:
    """One draft "shorter", "warmer" or "translate:<language>". Raises as `write_variants` does."""
    kind, _, language = how.partition(":")
    if kind not in {"shorter", "warmer", "translate"} or (kind == "translate" and not language.strip()):
        raise Invalid({"do": "Choose shorter, warmer or a language."})
    names = tuple(dict.fromkeys((*brief.variables, *variable_names(draft.header), *variable_names(draft.body))))
    brief = _checked_brief(Brief(business=brief.business, length="long", variables=names, category=brief.category))
    request = ask_to_rewrite(draft, how, brief)
    job = _Job(workspace_id, user_id, kind, brief, 1, time.monotonic() + budget_seconds)
    anew = _finish(_write(job, request, streams=False))[0].draft
    return make_variant(restore_addresses(anew, draft), brief.category)


def make_variant(draft: Draft, category: str) -> Variant:
    """The draft as components, whether or not it passes."""
    components = components_of(draft)
    shape = infer_format(components)
    findings = check_template(
        name="draft", language="en", category=category, components=components, parameter_format=shape
    )
    return Variant(draft, components, shape, [finding for finding in findings if finding.level == "warning"])


def components_of(draft: Draft) -> list[dict[str, Any]]:
    """Meta's component objects of a draft, with the samples where Meta wants them."""
    named = any(not name.isdecimal() for name in variable_names(draft.header) + variable_names(draft.body))
    parts: list[dict[str, Any]] = []
    if draft.header:
        header = {"type": "HEADER", "format": "TEXT", "text": draft.header}
        parts.append(header | _example("header", draft.header, draft.samples, named=named))
    parts.append({"type": "BODY", "text": draft.body, **_example("body", draft.body, draft.samples, named=named)})
    if draft.footer:
        parts.append({"type": "FOOTER", "text": draft.footer})
    if draft.buttons:
        parts.append({"type": "BUTTONS", "buttons": [_button(*button) for button in draft.buttons]})
    return parts


def language_name(code: str) -> str:
    """The language of a template's code in words, for the brief."""
    return LANGUAGES.get(code, "English")


# ---------------------------------------------------------------- asking


@dataclass(frozen=True, slots=True)
class _Job:
    """Who asks for what, and until when."""

    workspace_id: int
    user_id: int | None
    purpose: str
    brief: Brief
    count: int
    until: float

    @property
    def seconds_left(self) -> float:
        return self.until - time.monotonic()


def _write(job: _Job, request: str, *, streams: bool) -> Writer:
    turns = [ai.Turn("user", request)]
    good: list[Variant] = []
    for number in range(MOST_CALLS):
        if number and job.seconds_left < _TOO_LITTLE_SECONDS:
            break
        try:
            text = yield from _ask(job, turns, streams=streams, mends=number > 0)
        except (Conflict, Invalid, Unavailable):
            if good:  # what is there already is worth more than the reason why there is no more
                break
            raise
        fresh, problems = _sort_out(text, job.brief)
        known = {one.draft.body for one in good}
        good += [variant for variant in fresh if variant.draft.body not in known]
        if len(good) >= job.count or (good and not problems):
            break
        wanted = ask_to_mend(problems or ["There are too few."], job.count - len(good))
        turns = [*turns, ai.Turn("model", text), ai.Turn("user", wanted)]
    if not good:
        raise Unavailable(_NONE_PASSES, code="ai_unusable")
    return good[: job.count]


def _finish(writer: Writer) -> list[Variant]:
    """What the writing comes to in the end."""
    while True:
        try:
            next(writer)
        except StopIteration as end:
            variants: list[Variant] = end.value
            return variants


def _ask(job: _Job, turns: Sequence[ai.Turn], *, streams: bool, mends: bool) -> Generator[Writing, None, str]:
    """One call, counted. Raises Conflict, Invalid, Unavailable."""
    writer = ai_settings.get_writer(job.workspace_id)
    release_connection()
    request = ai.Request(
        system=SYSTEM,
        turns=turns,
        model=writer.model,
        api_key=writer.api_key,
        base_url=writer.base_url,
        json_schema=VARIANTS_SCHEMA,
    )
    note = partial(ai_settings.record_call, job.workspace_id, job.user_id, job.purpose, writer)
    pieces = ai.stream(writer.provider, request, seconds=max(1.0, job.seconds_left), wants_text=streams)
    try:
        written = yield from _look_on(pieces, mends=mends)
    except GeneratorExit:
        note(written=ai.estimate(request, ""), outcome="stopped")
        raise
    except AiFault as fault:
        logger.warning("a model gave no answer", extra={"workspace_id": job.workspace_id, "fault": str(fault.kind)})
        note(written=None, outcome=str(fault.kind))
        raise ai_settings.domain_error(fault) from fault
    note(written=written, outcome="written")
    return written.text


def _look_on(pieces: ai.Stream, *, mends: bool) -> Generator[Writing, None, ai.Written]:
    """Say what can be read of the answer so far; leaving it abandons the call."""
    text = ""
    try:
        while True:
            text += next(pieces)
            yield Writing(mends=True) if mends else Writing(read_unfinished(text))
    except StopIteration as end:
        written: ai.Written = end.value
        return written
    finally:
        pieces.close()


def _sort_out(text: str, brief: Brief) -> tuple[list[Variant], list[str]]:
    """The variants that pass, and what is wrong with the others, in words."""
    try:
        drafts = read_drafts(text)
    except UnreadableAnswer as error:
        return [], [str(error)]
    good, problems = [], []
    for number, draft in enumerate(drafts, 1):
        wrong = _problems_of(draft, brief)
        if wrong:
            problems += [f"Variant {number}: {problem}" for problem in wrong]
        else:
            good.append(make_variant(draft, brief.category))
    return good, problems


def _problems_of(draft: Draft, brief: Brief) -> list[str]:
    components = components_of(draft)
    findings = check_template(
        name="draft",
        language="en",
        category=brief.category,
        components=components,
        parameter_format=infer_format(components),
    )
    problems = [f"{finding.text}. {finding.note}".strip() for finding in findings if finding.level == "error"]
    used = variable_names(draft.header) + variable_names(draft.body)
    problems += [f"It uses {{{{{name}}}}}, which was not named." for name in used if name not in brief.variables]
    problems += [f"There is no button of the type {kind}." for kind, _, _ in draft.buttons if kind not in _BUTTONS]
    if any(VARIABLE.search(value) for _, _, value in draft.buttons):
        problems.append("A button's address has a variable.")
    if len(draft.body) > limit_of(brief):
        problems.append(f"The body has {len(draft.body)} characters; at most {limit_of(brief)} were asked for.")
    return problems


def _checked_brief(brief: Brief) -> Brief:
    """The brief, if its variables are names. Raises Invalid."""
    wrong = next((name for name in brief.variables if not _VARIABLE_NAME.fullmatch(name)), None)
    if wrong is not None:
        raise Invalid({"variables": f"“{wrong[:40]}” cannot be a variable's name. Use small letters, digits and _."})
    if len({name.isdecimal() for name in brief.variables}) > 1:
        raise Invalid({"variables": "Use numbers or names, not both."})
    if len(brief.variables) > _MOST_VARIABLES:
        raise Invalid({"variables": f"At most {_MOST_VARIABLES}: a message with more reads like a form."})
    return brief


# ---------------------------------------------------------------- components


def _example(part: str, text: str, samples: Any, *, named: bool) -> dict[str, Any]:
    names = variable_names(text)
    if not names:
        return {}
    if named:
        rows = [{"param_name": name, "example": samples.get(name, "")} for name in names]
        return {"example": {f"{part}_text_named_params": rows}}
    values = [samples.get(name, "") for name in sorted(names, key=int)]
    return {"example": {"header_text": values} if part == "header" else {"body_text": [values]}}


def _button(kind: str, text: str, value: str) -> dict[str, Any]:
    return {"type": kind, "text": text} | ({"url": value} if kind == "URL" else {})
