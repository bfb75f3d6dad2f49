"""Numbers over the API."""

from typing import Any

from wotnot.blueprints.api.resource import Resource
from wotnot.blueprints.api.schemas import CursorArgs, page_schema
from wotnot.blueprints.api.schemas.channels import (
    BeginSignUpSchema,
    ChannelChangesSchema,
    ChannelEventSchema,
    ChannelSchema,
    ConnectChannelSchema,
    ContinueSignUpSchema,
    ProfileChangesSchema,
    ProfileSchema,
    SignUpSchema,
)
from wotnot.blueprints.guards import requires, workspace_id
from wotnot.errors import Invalid, NotFound
from wotnot.models import Channel, ChannelEvent, MediaFile, Role, SignUp
from wotnot.services import channel_history, channel_profiles, channels, media, sign_up_rows, sign_ups
from wotnot.services.pages import Page
from wotnot.services.whatsapp.profiles import BusinessProfile

blueprint = Resource("channels-api", __name__, url_prefix="/api/v1/channels", description="Connected WhatsApp numbers.")


@blueprint.post("")
@requires(Role.ADMIN)
@blueprint.arguments(ConnectChannelSchema)
@blueprint.response(201, ChannelSchema)
@blueprint.alt_response(409, description="The number is connected already, here or in another workspace.")
@blueprint.alt_response(
    422, description="Meta refuses the token or one of the ids; `errors` says which, in Meta's words."
)
def connect(body: dict[str, Any]) -> Channel:
    """Connect a number after asking Meta about it, and have its receipts and replies sent here."""
    return channels.connect_channel(workspace_id(), **body)


@blueprint.post("/sign-ups")
@requires(Role.ADMIN)
@blueprint.arguments(BeginSignUpSchema)
@blueprint.response(201, SignUpSchema)
@blueprint.alt_response(409, description="This installation has no Meta app for sign-up.")
@blueprint.alt_response(422, description="Meta refuses the code; it works once and for 30 seconds.")
@blueprint.alt_response(503, description="Meta cannot be reached; the code may still be good.")
def begin_sign_up(body: dict[str, Any]) -> SignUp:
    """Connect a number with the code that Meta's sign-up window handed over; `failed_step` is empty when it is through."""
    return sign_ups.begin(workspace_id(), **body)


@blueprint.get("/sign-ups/<int:sign_up_id>")
@requires(Role.ADMIN)
@blueprint.response(200, SignUpSchema)
def show_sign_up(sign_up_id: int) -> SignUp:
    """Get how far a sign-up came."""
    return sign_up_rows.get_sign_up(workspace_id(), sign_up_id)


@blueprint.post("/sign-ups/<int:sign_up_id>/continue")
@requires(Role.ADMIN)
@blueprint.arguments(ContinueSignUpSchema)
@blueprint.response(200, SignUpSchema)
@blueprint.alt_response(409, description="Somebody is at it just now, or its code was lost and it has to begin again.")
@blueprint.alt_response(422, description="A PIN that cannot be one.")
def continue_sign_up(body: dict[str, Any], sign_up_id: int) -> SignUp:
    """Go on with a sign-up at the step that failed; steps that are done are not done again."""
    return sign_ups.go_on(workspace_id(), sign_up_id, **body)


@blueprint.get("")
@blueprint.arguments(CursorArgs, location="query")
@blueprint.response(200, page_schema(ChannelSchema))
def index(query: dict[str, Any]) -> Page[Channel]:
    """List the connected numbers, newest first."""
    return channels.page_channels(workspace_id(), **query)


@blueprint.get("/<int:channel_id>")
@blueprint.response(200, ChannelSchema)
def show(channel_id: int) -> Channel:
    """Get one number."""
    return channels.get_channel(workspace_id(), channel_id)


@blueprint.patch("/<int:channel_id>")
@requires(Role.ADMIN)
@blueprint.arguments(ChannelChangesSchema)
@blueprint.response(200, ChannelSchema)
def change(body: dict[str, Any], channel_id: int) -> Channel:
    """Set how many messages a second the number may send, from 1 to 1,000."""
    return channels.update_rate(workspace_id(), channel_id, body["rate_per_second"])


@blueprint.post("/<int:channel_id>/refresh")
@requires(Role.ADMIN)
@blueprint.response(200, ChannelSchema)
@blueprint.alt_response(503, description="Meta cannot be reached; nothing changed.")
def refresh(channel_id: int) -> Channel:
    """Ask Meta again for name, quality, limit and state."""
    return channels.refresh_channel(workspace_id(), channel_id)


@blueprint.delete("/<int:channel_id>")
@requires(Role.ADMIN)
@blueprint.response(204)
@blueprint.alt_response(409, description="A broadcast is scheduled or being sent on it.")
def remove(channel_id: int) -> None:
    """Remove a number: its token is forgotten, its history stays."""
    channels.remove_channel(workspace_id(), channel_id)


@blueprint.get("/<int:channel_id>/history")
@blueprint.arguments(CursorArgs, location="query")
@blueprint.response(200, page_schema(ChannelEventSchema))
def history(query: dict[str, Any], channel_id: int) -> Page[ChannelEvent]:
    """List what changed about a number, newest first: quality, limit, throughput, name, state, notices of its account."""
    return channel_history.list_history(workspace_id(), channel_id, **query)


@blueprint.get("/<int:channel_id>/profile")
@blueprint.response(200, ProfileSchema)
@blueprint.alt_response(409, description="Meta does not let the number’s token look.")
@blueprint.alt_response(503, description="Meta does not answer just now.")
def profile(channel_id: int) -> BusinessProfile:
    """Get what customers read when they press the name of the business."""
    return channel_profiles.get_profile(workspace_id(), channel_id)


@blueprint.put("/<int:channel_id>/profile")
@requires(Role.ADMIN)
@blueprint.arguments(ProfileChangesSchema)
@blueprint.response(200, ProfileSchema)
@blueprint.alt_response(409, description="Meta does not let the number’s token do this.")
@blueprint.alt_response(422, description="A field that Meta would refuse, or has refused; `errors` says which and why.")
@blueprint.alt_response(503, description="Meta does not answer just now; repeat the call, which does no harm.")
def change_profile(body: dict[str, Any], channel_id: int) -> BusinessProfile:
    """Change what customers read; what is left out stays as it is."""
    file_id = body.pop("picture_media_id", None)
    if file_id is None:
        return channel_profiles.save_profile(workspace_id(), channel_id, body)
    channels.get_channel(workspace_id(), channel_id)
    with media.open_file(_picture_of(file_id)) as picture:
        return channel_profiles.save_profile(
            workspace_id(), channel_id, body, picture=picture, picture_field="picture_media_id"
        )


def _picture_of(file_id: int) -> MediaFile:
    try:
        return media.get_file(workspace_id(), file_id)
    except NotFound:
        raise Invalid({"picture_media_id": "There is no such file in the media library."}) from None
