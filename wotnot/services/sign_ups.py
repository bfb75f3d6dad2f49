"""From Meta's sign-up window to a connected number: five steps, each said in words.

The window hands over a code that is good once and for thirty seconds. What it is exchanged for is kept, so that whatever
fails afterwards can be tried again from there; `sign_up_rows.py` keeps it. Source: Meta's Embedded Signup, onboarding as a
tech provider.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, field
from urllib.parse import urlencode

from flask import current_app

from wotnot.config import META_GRAPH_URL, Config
from wotnot.errors import Conflict, DomainError, Invalid, Unavailable
from wotnot.models import SignUp
from wotnot.services import channels, sign_up_rows
from wotnot.services.channel_checks import NEEDED_SCOPES, domain_error
from wotnot.services.sign_up_rows import FIRST_STEP
from wotnot.services.transaction import release_connection
from wotnot.services.whatsapp.client import GraphClient, missing_scopes
from wotnot.services.whatsapp.errors import GraphError

STEPS = (FIRST_STEP, "inspect", "number", "register", "connect")
META_DIALOG_URL = "https://www.facebook.com"
_NO_APP = "This installation has no Meta app for sign-up yet. Connect the number by hand instead."


@dataclass(slots=True)
class _Known:
    """What the steps know of a sign-up while they run, outside of any transaction. `typed_pin` is what a person gave."""

    workspace_id: int
    sign_up_id: int
    token: str
    waba_id: str
    phone_number_id: str
    pin: str
    typed_pin: str
    accounts: list[str] = field(default_factory=list)
    choices: list[dict[str, str]] = field(default_factory=list)
    channel_id: int | None = None

    @property
    def facts(self) -> dict[str, object]:
        """The columns of the row that say it."""
        names = ("waba_id", "phone_number_id", "choices", "channel_id")
        return {name: getattr(self, name) for name in names}


def is_possible() -> bool:
    """Whether this installation has what Meta's window needs: an app with its secret, and at Meta its configuration."""
    config = _config()
    has_app = bool(config.facebook_app_id and config.facebook_app_secret)
    return has_app and (bool(config.facebook_config_id) or config.graph_api_url != META_GRAPH_URL)


def dialog_address(redirect_uri: str, state: str) -> str:
    """Where Meta's window is; it comes back to `redirect_uri` with a code and this `state`. Raises Conflict."""
    config = _config()
    if not is_possible():
        raise Conflict(_NO_APP)
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

    The ids may be left out: the token tells them. The same code again answers the sign-up that it began, as it is now.
    Raises Invalid (field code: Meta refused it; it needs a new one), Conflict (no app here), Unavailable (Meta is away; the
    code may still be good).
    """
    config = _config()
    if not (config.facebook_app_id and config.facebook_app_secret):
        raise Conflict(_NO_APP)
    release_connection()  # before the first commit, so that what the caller has read stays readable
    row, is_ours = sign_up_rows.claim_code(workspace_id, code, waba_id=waba_id, phone_number_id=phone_number_id)
    if not is_ours:
        return row
    sign_up_id = row.id
    try:
        token, expires_in = _exchange(config, code, redirect_uri)
    except DomainError:
        sign_up_rows.forget(workspace_id, sign_up_id)  # there is nothing to go on with
        raise
    sign_up_rows.keep_token(sign_up_id, token, expires_in=expires_in)
    return _run(workspace_id, sign_up_id)


def go_on(workspace_id: int, sign_up_id: int, *, pin: str = "", phone_number_id: str = "") -> SignUp:
    """Try the steps again from the one that failed, with the number's own PIN or another of the account's numbers.

    Raises NotFound, Invalid (field pin), Conflict (somebody is at it just now; or its code was lost, so there is no token).
    """
    if pin and not (len(pin) == 6 and pin.isascii() and pin.isdecimal()):
        raise Invalid({"pin": "The PIN is six digits."})
    release_connection()
    row = sign_up_rows.get_sign_up(workspace_id, sign_up_id)
    if row.channel_id is not None:
        return row
    if not row.token_encrypted and not sign_up_rows.is_claimed(row):
        raise Conflict(
            "Meta’s code was lost before anything came of it. Start again in Meta’s window.", code="sign_up_lost"
        )
    if not sign_up_rows.claim(workspace_id, sign_up_id):
        raise Conflict(
            "This is being done already, perhaps in another tab. Wait a moment, then look again.",
            code="sign_up_running",
        )
    return _run(workspace_id, sign_up_id, pin=pin, phone_number_id=phone_number_id)


def _exchange(config: Config, code: str, redirect_uri: str) -> tuple[str, int]:
    """The token for a code, and in how many seconds it ends (0: never). Raises Invalid, Unavailable."""
    release_connection()
    try:
        with channels.client_with("") as client:
            told = client.exchange_code(config.facebook_app_id, config.facebook_app_secret, code, redirect_uri)
    except GraphError as error:
        refusal = domain_error(error.fault, "code")
        if isinstance(refusal, Unavailable):
            raise refusal from error
        raise Invalid({"code": _start_again(f"Meta says: {error.fault.meta_words.rstrip('.')}.")}) from error
    token = str(told.get("access_token") or told.get("business_token") or "")
    if not token:
        raise Invalid({"code": _start_again("Meta answered without a token.")})
    return token, int(told.get("expires_in") or 0)


def _start_again(sentence: str) -> str:
    return f"{sentence} A code works once and for 30 seconds; start again."


def _run(workspace_id: int, sign_up_id: int, *, pin: str = "", phone_number_id: str = "") -> SignUp:
    """Go through the steps of a row that is claimed, and let it go."""
    row = sign_up_rows.get_sign_up(workspace_id, sign_up_id)
    known = _Known(
        workspace_id,
        sign_up_id,
        sign_up_rows.token_of(row),
        row.waba_id,
        phone_number_id or row.phone_number_id,
        sign_up_rows.pin_of(row),
        pin,
    )
    try:
        failed_step, reason = _walk(known)
        sign_up_rows.finish(sign_up_id, failed_step, reason, pin=known.pin, facts=known.facts)
    finally:
        sign_up_rows.let_go(sign_up_id)
    return sign_up_rows.get_sign_up(workspace_id, sign_up_id)


def _walk(known: _Known) -> tuple[str, str]:
    """Do the steps; ("", "") when all went well, else the one that failed and why."""
    walk: tuple[Callable[[GraphClient, _Known], None], ...] = (_inspect, _find_number, _register, _connect)
    with channels.client_with(known.token) as client:
        for step, act in zip(STEPS[1:], walk, strict=True):
            _note(known, step)
            try:
                act(client, known)
            except GraphError as error:
                return step, domain_error(error.fault, step).detail
            except DomainError as error:
                return step, error.detail
    return "", ""


def _note(known: _Known, step: str) -> None:
    sign_up_rows.note(known.sign_up_id, step, pin=known.pin, facts=known.facts)
    release_connection()


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
    known.accounts = [known.waba_id] if known.waba_id else targets
    if not known.accounts:
        raise Invalid({"waba_id": "No WhatsApp account was chosen in Meta’s window. Start again and choose one."})


def _find_number(client: GraphClient, known: _Known) -> None:
    """The number is one of the account's and nobody else's. Where none is named and several are free, a person chooses."""
    found = [_choice(waba_id, number) for waba_id in known.accounts for number in client.list_phone_numbers(waba_id)]
    takers = channels.find_takers([one["phone_number_id"] for one in found])
    release_connection()
    free = [one for one in found if one["phone_number_id"] and one["phone_number_id"] not in takers]
    wanted, known.phone_number_id, known.choices = known.phone_number_id, "", free
    if not wanted and len(free) == 1:
        wanted = free[0]["phone_number_id"]
    chosen = next((one for one in found if wanted and one["phone_number_id"] == wanted), None)
    if chosen is None:
        raise Invalid({"phone_number_id": _why_none(wanted, found, free)})
    # One that is connected here already is only given the new token.
    if takers.get(wanted, known.workspace_id) != known.workspace_id:
        raise Invalid({"phone_number_id": channels.CONNECTED_ELSEWHERE})
    known.waba_id, known.phone_number_id, known.choices = chosen["waba_id"], wanted, []


def _choice(waba_id: str, number: dict[str, object]) -> dict[str, str]:
    words = {"phone_number_id": "id", "phone": "display_phone_number", "name": "verified_name"}
    return {"waba_id": waba_id} | {ours: str(number.get(theirs) or "")[:200] for ours, theirs in words.items()}


def _why_none(wanted: str, found: list[dict[str, str]], free: list[dict[str, str]]) -> str:
    if wanted:
        return "The account does not have this number. Choose one that it has, or start again."
    if free:
        return f"The account has {len(free)} numbers that are not connected yet. Choose the one you want to connect."
    if found:
        return (
            "Every number of the account is connected already, here or in another workspace. "
            "Add one in WhatsApp Manager, then go on here."
        )
    return "The account has no number yet. Add one in WhatsApp Manager, then go on here."


def _register(client: GraphClient, known: _Known) -> None:
    """The number may send. One that can already keeps the PIN it has."""
    if str(client.get_phone_number(known.phone_number_id).get("status") or "").upper() == "CONNECTED":
        return
    before = known.pin
    known.pin = known.typed_pin or before or f"{secrets.randbelow(10**6):06d}"
    # Kept before Meta learns it: a process that dies in between must not take the only copy along.
    _note(known, "register")
    try:
        client.register_phone_number(known.phone_number_id, known.pin)
    except GraphError as error:
        if not error.fault.may_retry:  # refused, so it is nobody's PIN
            known.pin = "" if known.pin == before else before
        raise


def _connect(_: GraphClient, known: _Known) -> None:
    """The account's webhooks come here and the number is kept."""
    there = channels.find_channel_by_phone_number_id(known.phone_number_id)
    if there is not None and there.workspace_id == known.workspace_id:
        # By hand meanwhile, or by a process that died before it could say so.
        known.channel_id = channels.replace_token(known.workspace_id, there.id, known.token).id
        return
    channel = channels.connect_channel(
        known.workspace_id, waba_id=known.waba_id, phone_number_id=known.phone_number_id, access_token=known.token
    )
    known.channel_id = channel.id


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
