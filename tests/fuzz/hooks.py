"""What schemathesis loads: how it signs its requests, and why the product may refuse what the schemas allow.

The reasons of a 409 are in conflicts.py.
"""

import os
import re
from collections.abc import Iterator
from itertools import cycle
from typing import Any

import schemathesis

from tests.fuzz.conflicts import CONFLICTS

Headers = dict[str, str]

# Calls that would end the credential they are made with, or need another kind, have one of their own.
OWN = {
    "POST /api/v1/auth/refresh": "FUZZ_REFRESH_TOKEN",
    "POST /api/v1/auth/logout": "FUZZ_SPENT_TOKEN",
    # A key may not make another, and must not meet itself among those that are revoked.
    "GET /api/v1/api-keys": "FUZZ_OTHER_TOKEN",
    "POST /api/v1/api-keys": "FUZZ_OTHER_TOKEN",
    "DELETE /api/v1/api-keys/{key_id}": "FUZZ_OTHER_TOKEN",
}


def _by_turns() -> Iterator[Headers]:
    return cycle(({"Authorization": f"Bearer {os.environ['FUZZ_TOKEN']}"}, {"X-API-Key": os.environ["FUZZ_KEY"]}))


@schemathesis.auth(refresh_interval=None)
class Credentials:
    """By turns, so that every operation meets both."""

    def __init__(self) -> None:
        """Start with the token."""
        self._turns = _by_turns()

    def get(self, case: schemathesis.Case, _context: Any) -> Headers:
        """The header of this request."""
        own = OWN.get(f"{case.operation.method.upper()} {case.operation.path}")
        return {"Authorization": f"Bearer {os.environ[own]}"} if own else next(self._turns)

    def set(self, case: schemathesis.Case, data: Headers, _context: Any) -> None:
        """Put it on the request."""
        for name in ("Authorization", "X-API-Key"):
            case.headers.pop(name, None)
        case.headers.update(data)


# Facts that no schema can say, by the field that is refused (a pattern) and why. Anything else that the schemas allow is to be
# taken; a refusal that is not here is a failure, mended by a stricter schema or by taking the value.
REASONS = {
    r"cursor": "only what an earlier page answered continues a list",
    r"phone|to|audience\.phones.*": "which digits are a number is in the numbering plans of 240 countries",
    r"country|default_country|conditions\.countries": "two letters are not yet a country",
    r"email": "what can be an address is more than its format",
    r"language": "a code or a name of a language",
    r"password": "bytes are counted, and the most common passwords are refused",
    r"(channel|template|member|broadcast|header_file)_id|card_file_ids|picture_media_id|reply_to|.*\.file_id": "of this workspace, and fit for it",
    r"variables(\..*)?|template\.variables.*": "which variables there are is in the template",
    r"components(\..+)?|name|category|parameter_format|header": "Meta's rules for templates, and what a carousel needs",
    r"audience(\..+)?|exclude(\..+)?": "one of several forms, with tags, segments and people of this workspace",
    r"definition(\..+)?": "the registry of segment fields says which operators and values each takes",
    r"attributes|tags": "how many there may be, and how long",
    r"from|to|first|last|scheduled_at|expires_at": "days and moments have an order, and some have passed",
    r"file|media(\..+)?": "what is in the file decides",
    r"text|template|reaction|interactive(\..+)?": "which part is needed is said by `type`",
    r"Idempotency-Key": "spaces around the value of a header do not count",
    r"mapping|delay_minutes|conditions(\..+)?": "by the columns of the file, and the event of the rule",
    r"waba_id|phone_number_id|access_token|code|pin": "Meta decides",
    r"base_url|consumer_key|consumer_secret|product_id": "the shop decides",
    r"at_time|weekdays|first_day|last_day": "a promotion needs days that are still to come",
}


@schemathesis.check
def refusal_has_its_reason(_context: Any, response: schemathesis.Response, case: schemathesis.Case) -> None:
    """A 422 for a request that the schemas allow names a field of the table above."""
    if case.meta is None or not case.meta.generation.mode.is_positive or response.status_code != 422:
        return
    unexplained = [
        name for name in response.json()["errors"] if not any(re.fullmatch(one, name, re.DOTALL) for one in REASONS)
    ]
    assert not unexplained, f"no reason is given why these are refused: {unexplained}"


@schemathesis.check
def conflict_has_its_reason(_context: Any, response: schemathesis.Response, case: schemathesis.Case) -> None:
    """A 409, whatever was sent, has one of the codes that this call may answer."""
    if response.status_code == 409:
        call, code = f"{case.operation.method.upper()} {case.operation.path}", response.json()["code"]
        assert code in CONFLICTS.get(call, ()), f"{call} has no reason to answer 409 with {code!r}"
