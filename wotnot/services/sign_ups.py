"""From Meta's sign-up window to a connected number: five steps, each said in words. Owns the `sign_ups` table.

The window hands over a code that is good once and for thirty seconds. What it is exchanged for is kept, so that whatever
fails afterwards can be tried again from there. Source: Meta's Embedded Signup, onboarding as a tech provider.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from flask import current_app
from sqlalchemy import select, update

from wotnot.config import META_GRAPH_URL, Config
from wotnot.errors import Conflict, DomainError, Invalid, NotFound, Unavailable
from wotnot.extensions import db
from wotnot.models import SignUp
from wotnot.services import channels, crypto
from wotnot.services.channel_checks import NEEDED_SCOPES, domain_error
from wotnot.services.transaction import release_connection, transaction
from wotnot.services.whatsapp.client import GraphClient, missing_scopes
from wotnot.services.whatsapp.errors import GraphError

STEPS = ("exchange", "inspect", "number", "register", "connect")
META_DIALOG_URL = "https://www.facebook.com"


@dataclass(slots=True)
class _Known:
    """What the steps know of a sign-up while they run, outside of any transaction."""

    workspace_id: int
    token: str
    waba_id: str
    phone_number_id: str
    pin: str
    channel_id: int | None = None


def is_possible() -> bool:
    """Whether this installation has what Meta's window needs: an app with its secret, and at Meta its configuration."""
    config = _config()
    has_app = bool(config.facebook_app_id and config.facebook_app_secret)
    return has_app and (bool(config.facebook_config_id) or config.graph_api_url != META_GRAPH_URL)


def dialog_address(redirect_uri: str, state: str) -> str:
    """Where Meta's window is; it comes back to `redirect_uri` with a code and this `state`. Raises Conflict."""
    config = _config()
    if not is_possible():
        raise Conflict("This installation has no Meta app for sign-up yet. Connect the number by hand instead.")
    asked = {
        "client_id": config.facebook_app_id,
        "redirect_uri": redirect_uri,
        "state": state,
        "response_type": "code",
        "override_default_response_type": "true",
        "config_id": config.facebook_config_id,
    }
    host = META_DIALOG_URL if config.graph_api_url == META_GRAPH_URL else config.graph_api_url
    return f"{host}/{config.graph_api_version}/dialog/oauth?{urlencode(asked)}"


def begin(
    workspace_id: int, *, code: str, redirect_uri: str = "", waba_id: str = "", phone_number_id: str = ""
) -> SignUp:
    """Exchange a code and go through the steps as far as they lead; the answer says how far that was.

    The ids may be left out: the token tells them. Raises Invalid (field code: Meta refused it; it needs a new one),
    Conflict (no app here), Unavailable (Meta is away; the code may still be good).
    """
    config = _config()
    if not (config.facebook_app_id and config.facebook_app_secret):
        raise Conflict("This installation has no Meta app for sign-up yet. Connect the number by hand instead.")
    release_connection()
    try:
        with channels.client_with("") as client:
            told = client.exchange_code(config.facebook_app_id, config.facebook_app_secret, code, redirect_uri)
    except GraphError as error:
        refusal = domain_error(error.fault, "code")
        if isinstance(refusal, Unavailable):
            raise refusal from error
        sentence = (
            f"Meta says: {error.fault.meta_words.rstrip('.')}. A code works once and for 30 seconds; start again."
        )
        raise Invalid({"code": sentence}) from error
    token = str(told.get("access_token") or told.get("business_token") or "")
    with transaction() as session:
        row = SignUp(
            workspace_id=workspace_id,
            token_encrypted=crypto.encrypt(token, config.encryption_keys),
            expires_in=int(told.get("expires_in") or 0),
            waba_id=waba_id,
            phone_number_id=phone_number_id,
            failed_step=STEPS[1],
        )
        session.add(row)
        session.flush()
        sign_up_id = row.id
    return go_on(workspace_id, sign_up_id)


def go_on(workspace_id: int, sign_up_id: int, *, pin: str = "", phone_number_id: str = "") -> SignUp:
    """Try the steps again from the one that failed, with the number's own PIN or another of the account's numbers.

    Raises NotFound, Invalid (field pin).
    """
    if pin and not (len(pin) == 6 and pin.isascii() and pin.isdecimal()):
        raise Invalid({"pin": "The PIN is six digits."})
    row = get_sign_up(workspace_id, sign_up_id)
    if row.channel_id is not None:
        return row
    known = _Known(
        workspace_id,
        token_of(row),
        row.waba_id,
        phone_number_id or row.phone_number_id,
        pin or pin_of(row) or f"{secrets.randbelow(10**6):06d}",
    )
    failed_step, reason = _walk(known)
    return _keep(workspace_id, sign_up_id, known, failed_step, reason)


def get_sign_up(workspace_id: int, sign_up_id: int) -> SignUp:
    """One of the workspace's. Raises NotFound."""
    row = db.session.scalar(select(SignUp).where(SignUp.workspace_id == workspace_id, SignUp.id == sign_up_id))
    if row is None:
        raise NotFound("Sign-up")
    return row


def token_of(row: SignUp) -> str:
    """The business token in the clear."""
    return crypto.decrypt(row.token_encrypted, _config().encryption_keys) if row.token_encrypted else ""


def pin_of(row: SignUp) -> str:
    """The PIN that the number was registered with, in the clear; empty when it was registered before."""
    return crypto.decrypt(row.pin_encrypted, _config().encryption_keys) if row.pin_encrypted else ""


def _walk(known: _Known) -> tuple[str, str]:
    """Do the steps; ("", "") when all went well, else the one that failed and why."""
    walk: tuple[Callable[[GraphClient, _Known], None], ...] = (_inspect, _find_number, _register)
    release_connection()
    with channels.client_with(known.token) as client:
        for step, act in zip(STEPS[1:4], walk, strict=True):
            try:
                act(client, known)
            except GraphError as error:
                return step, domain_error(error.fault, step).detail
            except DomainError as error:
                return step, error.detail
    try:
        channel = channels.connect_channel(
            known.workspace_id,
            waba_id=known.waba_id,
            phone_number_id=known.phone_number_id,
            access_token=known.token,
        )
    except DomainError as error:
        return STEPS[4], error.detail
    known.channel_id = channel.id
    return "", ""


def _inspect(client: GraphClient, known: _Known) -> None:
    """The token is valid, has both permissions, and is for the account."""
    config = _config()
    facts = client.debug_token(known.token, config.facebook_app_id, config.facebook_app_secret)
    if facts.get("is_valid") is not True:
        raise Invalid({"token": "Meta says that the token is not valid any more. Start again."})
    missing = missing_scopes(facts, NEEDED_SCOPES)
    if missing:
        raise Invalid({"token": f"You did not allow {' and '.join(missing)}. Start again and allow both."})
    targets = _targets(facts.get("granular_scopes"))
    if known.waba_id and targets and known.waba_id not in targets:
        raise Invalid({"waba_id": "You did not give access to this WhatsApp account. Start again and choose it."})
    known.waba_id = known.waba_id or next(iter(targets), "")
    if not known.waba_id:
        raise Invalid({"waba_id": "No WhatsApp account was chosen in Meta’s window. Start again and choose one."})


def _find_number(client: GraphClient, known: _Known) -> None:
    """The number is one of the account's; where none was named, the first that nobody here has yet."""
    numbers = [str(number.get("id") or "") for number in client.list_phone_numbers(known.waba_id)]
    if known.phone_number_id:
        if known.phone_number_id not in numbers:
            raise Invalid({"phone_number_id": "The account does not have this number. Start again and choose it."})
        return
    taken = channels.list_taken_numbers(numbers)
    release_connection()
    known.phone_number_id = next((number for number in numbers if number and number not in taken), "")
    if not known.phone_number_id:
        words = "Every number of the account is connected already." if numbers else "The account has no number yet."
        raise Invalid({"phone_number_id": f"{words} Add one in WhatsApp Manager, then go on here."})


def _register(client: GraphClient, known: _Known) -> None:
    """The number may send. One that can already keeps the PIN it has."""
    if str(client.get_phone_number(known.phone_number_id).get("status") or "").upper() == "CONNECTED":
        known.pin = ""
        return
    client.register_phone_number(known.phone_number_id, known.pin)


def _keep(workspace_id: int, sign_up_id: int, known: _Known, failed_step: str, reason: str) -> SignUp:
    is_registered = failed_step not in STEPS[:4]
    values: dict[str, object] = {
        "waba_id": known.waba_id,
        "phone_number_id": known.phone_number_id,
        "failed_step": failed_step,
        "reason": reason,
        "channel_id": known.channel_id,
    }
    if is_registered and known.pin:
        values["pin_encrypted"] = crypto.encrypt(known.pin, _config().encryption_keys)
    with transaction() as session:
        session.execute(update(SignUp).where(SignUp.id == sign_up_id).values(values))
    return get_sign_up(workspace_id, sign_up_id)


def _targets(granular: object) -> list[str]:
    """The accounts that a token was given, from what Meta says about its permissions."""
    found: list[str] = []
    for one in granular if isinstance(granular, list) else []:
        if isinstance(one, dict) and one.get("scope") == NEEDED_SCOPES[1]:
            found += [str(target) for target in one.get("target_ids") or []]
    return found


def _config() -> Config:
    config: Config = current_app.extensions["wotnot.config"]
    return config
