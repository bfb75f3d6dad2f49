"""What stands between a broadcast and its start, in words that say what to do first."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from wotnot.models import Broadcast, Channel, ChannelState, Template
from wotnot.services import broadcast_files, budgets, forecast, segment_audience
from wotnot.services.channel_words import show_number
from wotnot.services.message_templates import why_not_sendable
from wotnot.services.whatsapp.payloads import TemplateVariable, UnsupportedTemplate, compile_template, list_variables

_VARIABLE = "variables."


@dataclass(frozen=True, slots=True)
class Blocker:
    """Something to do before sending, in `words`: on which `step` of the wizard, or at which path. `field` is the API's name."""

    step: str
    field: str
    words: str


def list_blockers(broadcast: Broadcast) -> list[Blocker]:
    """Everything that keeps `broadcast` from starting, in the order of the wizard; empty when it may start."""
    found: list[Blocker] = []
    if not broadcast.audience:
        found.append(Blocker("audience", "audience", "Choose who gets the message."))
    found += _segment_blockers(broadcast)
    found += _channel_blockers(broadcast.channel)
    found += _template_blockers(broadcast.template, broadcast.channel, broadcast.variables)
    if words := budgets.why_stopped(broadcast.workspace_id, forecast.day_of(broadcast)):
        found.append(Blocker("/app/cost/budget", "budget", words))
    return found


def list_obstacles(broadcast: Broadcast) -> list[Blocker]:
    """What keeps a broadcast that has started from going on. Its people are rows by then, whatever became of a segment."""
    return [blocker for blocker in list_blockers(broadcast) if blocker.step != "audience"]


def say_blockers(blockers: Sequence[Blocker]) -> str:
    """All of them in one line, for a broadcast that was ready once and is not any more."""
    missing = [blocker.field.removeprefix(_VARIABLE) for blocker in blockers if blocker.field.startswith(_VARIABLE)]
    words = [blocker.words for blocker in blockers if not blocker.field.startswith(_VARIABLE)]
    if missing:
        words.append(f"Its template has changed: say what {say_keys(missing)} {_stand(missing)} for.")
    return " ".join(words)


def say_keys(keys: Sequence[str]) -> str:
    """Variables as they are written: {{2}}, {{3}} and {{city}}."""
    braced = [f"{{{{{key}}}}}" for key in keys]
    return " and ".join(part for part in (", ".join(braced[:-1]), braced[-1]) if part)


def variables_of(template: Template) -> list[TemplateVariable]:
    """The variables that a broadcast with this template must fill."""
    return list_variables(template.components, template.parameter_format)


def _stand(keys: Sequence[str]) -> str:
    return "stands" if len(keys) == 1 else "stand"


def _segment_blockers(broadcast: Broadcast) -> list[Blocker]:
    is_gone, is_left_out_gone = segment_audience.is_missing(broadcast)
    found = []
    if is_gone:
        found.append(
            Blocker("audience", "audience", "The segment it goes to was deleted. Choose who gets the message.")
        )
    if is_left_out_gone:
        words = "A segment that it leaves out was deleted. Choose whom to leave out."
        found.append(Blocker("audience", "exclude", words))
    return found


def _channel_blockers(channel: Channel | None) -> list[Blocker]:
    if channel is None:
        return [Blocker("message", "channel_id", "Choose the number to send from.")]
    if channel.state is ChannelState.CONNECTED:
        return []
    number = show_number(channel.display_phone_number)
    if channel.state is ChannelState.REMOVED:
        return [Blocker("message", "channel_id", f"The number {number} was removed. Choose another.")]
    why = f": {channel.state_reason}" if channel.state_reason else ""
    return [Blocker("message", "channel_id", f"The number {number} cannot send{why}. Connect it again first.")]


def _template_blockers(template: Template | None, channel: Channel | None, variables: dict[str, Any]) -> list[Blocker]:
    if template is None or template.deleted_at is not None:
        return [Blocker("message", "template_id", "Choose a template; the message is made from it.")]
    if words := why_not_sendable(template):
        return [Blocker("message", "template_id", words)]
    if channel is not None and template.waba_id != channel.waba_id:
        words = f"The template {template.name} belongs to another WhatsApp account than {show_number(channel.display_phone_number)}."
        return [Blocker("message", "template_id", words)]
    return _content_blockers(template, variables) + _file_blockers(template.workspace_id, variables)


def _file_blockers(workspace_id: int, variables: dict[str, Any]) -> list[Blocker]:
    problems = broadcast_files.find_problems(workspace_id, variables)
    return [Blocker("message", f"variables.{key}", words) for key, words in problems.items()]


def _content_blockers(template: Template, variables: dict[str, Any]) -> list[Blocker]:
    try:
        compiled = compile_template(template.name, template.language, template.components, template.parameter_format)
    except UnsupportedTemplate as error:
        return [Blocker("message", "template_id", str(error))]
    return [
        Blocker("message", f"{_VARIABLE}{variable.key}", f"Say what {{{{{variable.key}}}}} stands for.")
        for variable in compiled.variables
        if variable.key not in variables
    ]
