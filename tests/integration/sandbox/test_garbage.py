"""Thousands of slightly broken requests: every one is refused in Meta's words, none ends in a fault of the sandbox."""

import copy
import random
from collections.abc import Iterator
from typing import Any

from tests.integration.sandbox.support import NUMBER, WABA, Api

JUNK: list[Any] = [None, 0, -1, True, "", "x", "{{1}}", "\n", [], {}, [None], {"a": 1}, [[]], "9" * 400]
TEMPLATE = {
    "name": "order_shipped", "language": {"code": "en"}, "components": [
        {"type": "header", "parameters": [{"type": "text", "parameter_name": "order", "text": "1"}]},
        {"type": "body", "parameters": [{"type": "text", "parameter_name": "first_name", "text": "Ana"},
                                        {"type": "text", "parameter_name": "day", "text": "Friday"}]},
        {"type": "button", "sub_type": "url", "index": "0", "parameters": [{"type": "text", "text": "1"}]}],
}  # fmt: skip
LIST = {
    "type": "list", "header": {"type": "text", "text": "h"}, "body": {"text": "b"}, "footer": {"text": "f"},
    "action": {"button": "Go", "sections": [{"title": "s", "rows": [{"id": "1", "title": "t"}]}]},
}  # fmt: skip
START = {"messaging_product": "whatsapp", "to": "+27825550142"}
SENDS = [
    START | {"type": "template", "template": TEMPLATE},
    START | {"type": "interactive", "interactive": LIST},
    START | {"type": "contacts", "contacts": [{"name": {"formatted_name": "A"}}]},
    START | {"type": "image", "image": {"link": "https://x.example/a", "caption": "c"}, "context": {"message_id": "x"}},
    {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.x"},
]
DRAFT = {
    "name": "broken", "language": "en", "category": "MARKETING", "parameter_format": "NAMED", "components": [
        {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4:a:b:c"]}},
        {"type": "BODY", "text": "Hi {{n}}, one two three", "example": {"body_text_named_params": [{"param_name": "n", "example": "x"}]}},
        {"type": "FOOTER", "text": "f"}, {"type": "LIMITED_TIME_OFFER", "limited_time_offer": {"text": "o"}},
        {"type": "BUTTONS", "buttons": [{"type": "URL", "text": "g", "url": "https://x.example/{{1}}", "example": ["a"]},
                                        {"type": "QUICK_REPLY", "text": "q"}]}],
}  # fmt: skip


def places(thing: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in `thing` with each of its keys."""
    for key in list(thing) if isinstance(thing, dict) else range(len(thing)) if isinstance(thing, list) else ():
        yield thing, key
        yield from places(thing[key])


def broken(whole: Any, dice: random.Random) -> Any:
    """A copy of `whole` with one thing replaced or missing."""
    whole = copy.deepcopy(whole)
    holder, key = dice.choice(list(places(whole)))
    if isinstance(holder, dict) and dice.random() < 0.25:
        del holder[key]
    else:
        holder[key] = copy.deepcopy(dice.choice(JUNK))
    return whole


def test_broken_requests_are_refused_not_crashed(api: Api) -> None:
    api.set(pair_limit=False, rate_per_second=0, template_creations_per_hour=10_000)
    dice = random.Random(7)
    for attempt in range(600):
        if attempt % 3:
            answer = api.post(f"/{NUMBER}/messages", broken(dice.choice(SENDS), dice))
        else:
            answer = api.post(f"/{WABA}/message_templates", broken(DRAFT, dice))
        assert answer.status_code in (200, 400, 404), answer.text
        assert answer.json().get("error", {}).get("code") != 1
    assert api.get(f"/{WABA}/message_templates?limit=1000").status_code == 200
    assert api.get("/?phone=27825550142").status_code == 200
