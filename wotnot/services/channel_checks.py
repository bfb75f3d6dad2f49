"""Asking Meta about a number before it is trusted: does it exist, is it in the account, may the token use it?"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from wotnot.config import Config
from wotnot.errors import DomainError, Invalid, Unavailable
from wotnot.services.whatsapp.client import GraphClient, limit_of, missing_scopes
from wotnot.services.whatsapp.errors import ErrorKind, GraphError, GraphFault

T = TypeVar("T")

_INVALID_PARAMETER = 100
NEEDED_SCOPES = ("whatsapp_business_messaging", "whatsapp_business_management")

# Only a connected number can send; each other state of Meta's in words. Source: the phone number's `status` field.
STATUS_REASONS = {
    "PENDING": "Meta is still setting this number up.",
    "DISCONNECTED": "The number is not registered for the Cloud API. Register it in WhatsApp Manager.",
    "UNVERIFIED": "The number is not verified. Verify it in WhatsApp Manager.",
    "FLAGGED": "Meta flagged this number for low quality. It can send, but its limit will not grow.",
    "RESTRICTED": "Meta restricted this number. It cannot start new conversations for now.",
    "RATE_LIMITED": "Meta slows this number down.",
    "BANNED": "Meta banned this number.",
    "MIGRATED": "The number has moved to another account.",
    "DELETED": "The number was deleted at Meta.",
}
_STILL_SENDING = {"", "CONNECTED", "FLAGGED", "RATE_LIMITED"}


@dataclass(frozen=True, slots=True)
class NumberFacts:
    """What Meta says about a number. `stop_reason` is empty when the number can send, `billing_currency` when it was not told."""

    display_phone_number: str
    verified_name: str
    quality_rating: str
    messaging_limit: str
    account_name: str = ""
    stop_reason: str = ""
    throughput: str = ""
    name_status: str = ""
    billing_currency: str = ""


def facts_of(phone: Mapping[str, Any], account: Mapping[str, Any]) -> NumberFacts:
    """Read a phone number object of Meta's and that of its account; what is absent stays empty or UNKNOWN."""
    status = str(phone.get("status") or "").upper()
    known = STATUS_REASONS.get(status, f"Meta says the number is {status.lower().replace('_', ' ')}.")
    return NumberFacts(
        display_phone_number=str(phone.get("display_phone_number") or "")[:40],
        verified_name=str(phone.get("verified_name") or "")[:200],
        quality_rating=(str(phone.get("quality_rating") or "UNKNOWN").upper())[:20],
        messaging_limit=limit_of(phone)[:30],
        account_name=str(account.get("name") or ""),
        stop_reason="" if status in _STILL_SENDING else known,
        throughput=_throughput_of(phone),
        name_status=str(phone.get("name_status") or "").upper()[:30],
        billing_currency=str(account.get("currency") or "").upper()[:3],
    )


def ask_meta(client: GraphClient, config: Config, waba_id: str, phone_number_id: str, access_token: str) -> NumberFacts:
    """Everything that must hold before a number is connected. Goes out on the network several times.

    Raises Invalid naming the field that Meta refused, in Meta's words; Unavailable when Meta cannot be reached.
    """
    _check_scopes(client, config, access_token)
    account = _blame("waba_id", lambda: client.get_waba(waba_id))
    phone = _blame("phone_number_id", lambda: client.get_phone_number(phone_number_id))
    numbers = _blame("waba_id", lambda: client.list_phone_numbers(waba_id))
    if phone_number_id not in {str(number.get("id")) for number in numbers}:
        raise Invalid(
            {"phone_number_id": "This number is not one of the account's. Check both ids in WhatsApp Manager."}
        )
    return facts_of(phone, account)


def ask_again(client: GraphClient, waba_id: str, phone_number_id: str) -> NumberFacts:
    """The same about a number that is connected. Its account is asked too, but nothing hangs on that answer.

    Raises GraphError.
    """
    phone = client.get_phone_number(phone_number_id)
    try:
        return facts_of(phone, client.get_waba(waba_id))
    except GraphError:
        return facts_of(phone, {})


def domain_error(fault: GraphFault, field: str) -> DomainError:
    """A refusal of Meta's as an error of ours: in Meta's words, with our advice, beside the field it is about."""
    if fault.kind is ErrorKind.TRANSIENT:
        return Unavailable(f"{fault.title}. {fault.advice}", code="meta_unavailable")
    if fault.kind is ErrorKind.THROTTLED:
        return Unavailable("Meta answers too many calls just now. Try again in a minute.", code="meta_busy")
    token_is_bad = fault.kind is ErrorKind.AUTH and fault.code != _INVALID_PARAMETER  # else the id is not visible to it
    where = "access_token" if token_is_bad and field in {"waba_id", "phone_number_id"} else field
    sentence = f"Meta says: {fault.meta_words.rstrip('.')}. {fault.advice}"
    return Invalid({where: sentence}, code=f"meta_{fault.code}" if fault.code is not None else "meta_refused")


def _throughput_of(phone: Mapping[str, Any]) -> str:
    told = phone.get("throughput")
    level = told.get("level") if isinstance(told, dict) else None
    return str(level or "").upper()[:20]


def _check_scopes(client: GraphClient, config: Config, access_token: str) -> None:
    # Only the app itself may look into a token, so without its id and secret the calls below must show what is missing.
    if not (config.facebook_app_id and config.facebook_app_secret):
        return
    try:
        facts = client.debug_token(access_token, config.facebook_app_id, config.facebook_app_secret)
    except GraphError:
        return
    if facts.get("is_valid") is False:
        return  # the next call is refused, and Meta says why in better words
    missing = missing_scopes(facts, NEEDED_SCOPES)
    if missing:
        raise Invalid({"access_token": f"The token lacks {' and '.join(missing)}. Make one that has both permissions."})


def _blame(field: str, call: Callable[[], T]) -> T:
    try:
        return call()
    except GraphError as error:
        raise domain_error(error.fault, field) from error
