"""Connecting a number of the built-in sandbox with one press, where the sandbox stands in for Meta."""

from wotnot.errors import Conflict
from wotnot.models import Channel
from wotnot.services import channels
from wotnot.services.channel_checks import domain_error
from wotnot.services.transaction import release_connection
from wotnot.services.whatsapp.errors import GraphError

# What the sandbox is born with; its README names them. No secret: it accepts every token that begins like this.
SANDBOX_WABA_ID = "700000000000001"
SANDBOX_TOKEN = "sandbox-token"  # noqa: S105


def connect_sandbox(workspace_id: int) -> Channel:
    """Connect the first number of the sandbox that no workspace has yet.

    Raises Conflict when none is left or the product does not run on a sandbox; Unavailable when it is away.
    """
    if not channels.is_sandbox():
        raise Conflict("This installation talks to Meta itself; there is no sandbox to connect.")
    release_connection()
    try:
        with channels.client_with(SANDBOX_TOKEN) as client:
            numbers = [str(number.get("id") or "") for number in client.list_phone_numbers(SANDBOX_WABA_ID)]
    except GraphError as error:
        raise domain_error(error.fault, "waba_id") from error
    taken = channels.list_taken_numbers(numbers)
    free = next((number for number in sorted(numbers) if number and number not in taken), None)
    if free is None:
        raise Conflict("Every number of the sandbox is connected already. Remove one where it is no longer needed.")
    return channels.connect_channel(
        workspace_id, waba_id=SANDBOX_WABA_ID, phone_number_id=free, access_token=SANDBOX_TOKEN
    )
