"""Connecting a number of the built-in sandbox with one press, where the sandbox stands in for Meta."""

import secrets
from collections.abc import Mapping
from datetime import datetime

import requests
from flask import current_app

from wotnot.config import Config
from wotnot.errors import Conflict, Unavailable
from wotnot.models import Channel
from wotnot.services import channels
from wotnot.services.channel_checks import domain_error
from wotnot.services.transaction import release_connection
from wotnot.services.whatsapp.client import GraphClient
from wotnot.services.whatsapp.errors import GraphError

# What the sandbox is born with; its README names them. No secret: it accepts every token that begins like this.
SANDBOX_WABA_ID = "700000000000001"
SANDBOX_TOKEN = "sandbox-token"  # noqa: S105
SANDBOX_CODE, SANDBOX_PIN = "123456", "123456"


def connect_sandbox(workspace_id: int) -> Channel:
    """Connect the first number of the sandbox that no workspace has yet, or a new one when all are taken.

    Raises Conflict when the product does not run on a sandbox; Unavailable when it is away.
    """
    if not channels.is_sandbox():
        raise Conflict("This installation talks to Meta itself; there is no sandbox to connect.")
    release_connection()
    try:
        with channels.client_with(SANDBOX_TOKEN) as client:
            free = _find_free(client) or _add_number(client)
    except GraphError as error:
        raise domain_error(error.fault, "waba_id") from error
    return channels.connect_channel(
        workspace_id, waba_id=SANDBOX_WABA_ID, phone_number_id=free, access_token=SANDBOX_TOKEN
    )


def tell_who_wrote(phone_number_id: str, wrote_at: Mapping[str, datetime]) -> None:
    """Let the sandbox know when people (by phone) wrote to a number of it, so that they can be answered.

    Raises Unavailable when it is away.
    """
    config: Config = current_app.extensions["wotnot.config"]
    release_connection()
    try:
        for phone, at in wrote_at.items():
            address = f"{config.graph_api_url}/sandbox/customers/{phone}"
            told = {"wrote_at": {phone_number_id: at.timestamp()}}
            requests.post(address, json=told, timeout=5).raise_for_status()
    except requests.RequestException as error:
        raise Unavailable("The sandbox does not answer.") from error


def _find_free(client: GraphClient) -> str | None:
    numbers = [str(number.get("id") or "") for number in client.list_phone_numbers(SANDBOX_WABA_ID)]
    taken = channels.find_takers(numbers)
    release_connection()
    return next((number for number in sorted(numbers) if number and number not in taken), None)


def _add_number(client: GraphClient) -> str:
    """A number of its own for one more workspace: added, verified and registered as at Meta."""
    name = f"Sandbox {secrets.randbelow(9000) + 1000}"
    digits = f"21556{secrets.randbelow(10_000):04d}"
    added = client.add_phone_number(SANDBOX_WABA_ID, country_code="27", phone_number=digits, verified_name=name)
    client.verify_phone_number(added, SANDBOX_CODE)
    client.register_phone_number(added, SANDBOX_PIN)
    return added
