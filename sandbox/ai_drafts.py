"""The words that the sandbox writes in a model's place: plausible message drafts, the same for the same request."""

from __future__ import annotations

import json
import re

from sandbox.jsonio import Json

TROUBLES = (
    "", "silent", "drip", "cut", "midstream", "blocked", "too_long", "not_json", "violation", "violation_always", "circles",
    "no_tools",
)  # fmt: skip

_LINE = re.compile(r"^(Business|Goal|Call to action|Category|Emoji|Variables|Rewrite|Message): (.*)$", re.MULTILINE)
_COUNT = re.compile(r"Write (\d+)")
_SENTENCE = re.compile(r"(?<=[.!?])\s+")
_ADDRESS = re.compile(r"https?://\S+\.\S+[^\s.,]")
_VARIABLE = re.compile(r"\{\{(\w+)\}\}")
_SAMPLES = {"first_name": "Naledi", "name": "Naledi", "city": "Cape Town", "order": "4711", "date": "12 May"}
_OPENINGS = ("Hello{name}, good news from {business}.", "A little note{name}, from all of us at {business}.",
             "It is {business} here{name}, and we thought of you.")  # fmt: skip
_CLOSINGS = ("We would love to see you soon.", "Answer here if you have a question.", "Thank you for being with us.")


def write_answer(said: list[str], *, wants_json: bool, trouble: str) -> str:
    """The text of an answer to what was `said` so far, the last request last."""
    last = said[-1] if said else ""
    if not wants_json and "JSON" not in " ".join(said) and not _COUNT.search(said[0] if said else ""):
        return "OK. This is the sandbox, not a model."
    if trouble == "not_json":
        return "Of course! Here are your messages, written by the sandbox."
    facts = {name: value.strip() for request in said[:1] for name, value in _LINE.findall(request)}
    found = _COUNT.search(last)
    count = min(int(found[1]), 5) if found else 3
    drafts = [_rewritten(facts)] if "Rewrite" in facts else [_draft(facts, number) for number in range(count)]
    if trouble == "violation_always" or (trouble == "violation" and len(said) == 1):
        for draft in drafts:
            draft["body"] = "{{1}} " + draft["body"] + " {{2}}"
    text = json.dumps({"note": "Written by the sandbox, not by a model.", "variants": drafts}, ensure_ascii=False)
    return text[: len(text) // 2] if trouble == "too_long" else text


def _draft(facts: dict[str, str], number: int) -> Json:
    names = _VARIABLE.findall(facts.get("Variables", ""))
    business = facts.get("Business", "") or "our shop"
    called = f" {{{{{names[0]}}}}}" if names else ""
    opening = _OPENINGS[number % len(_OPENINGS)].format(name=called, business=business)
    goal = facts.get("Goal", "").rstrip(".") or "There is something new for you"
    lines = [opening, goal[:1].upper() + goal[1:] + "."]
    lines += [f"We have noted your {name.replace('_', ' ')} as {{{{{name}}}}} in our book." for name in names[1:]]
    lines.append(_CLOSINGS[number % len(_CLOSINGS)])
    body = " ".join(lines)
    if facts.get("Emoji", "none") != "none":
        body += " 🌿"
    return {
        "header": "",
        "body": body,
        "footer": "Reply STOP to opt out" if facts.get("Category") == "MARKETING" else "",
        "buttons": _buttons(facts.get("Call to action", "")),
        "samples": [{"name": name, "value": _SAMPLES.get(name, name.replace("_", " "))} for name in names],
    }


def _buttons(action: str) -> list[Json]:
    if not action or action == "none":
        return []
    address = _ADDRESS.search(action)
    label = _ADDRESS.sub("", action).strip(" :,.")[:25].strip() or "Have a look"
    if address:
        return [{"type": "URL", "text": label, "value": address[0]}]
    return [{"type": "QUICK_REPLY", "text": label, "value": ""}]


def _rewritten(facts: dict[str, str]) -> Json:
    try:
        draft: Json = json.loads(facts.get("Message", "{}"))
    except ValueError:
        draft = {}
    body, how = str(draft.get("body", "")), facts["Rewrite"]
    if how.startswith("shorter"):
        sentences = _SENTENCE.split(body)
        kept = [one for at, one in enumerate(sentences) if at < max(1, len(sentences) // 2) or "{{" in one]
        body = " ".join(kept)
    elif how.startswith("warmer"):
        body = "How lovely to write to you! " + body
    else:
        language = how.removeprefix("translate into ").split(".")[0]
        body = f"(In {language}, says the sandbox:) {body}"
    names = dict.fromkeys(_VARIABLE.findall(body))
    samples = [{"name": name, "value": _SAMPLES.get(name, name.replace("_", " "))} for name in names]
    return draft | {"body": body, "samples": samples}
