"""The WhatsApp profile of a number: read from Meta, changed at Meta, and kept nowhere else, so that it is never out of date."""

from collections.abc import Callable, Mapping
from io import BytesIO
from typing import IO, Any, NoReturn, TypeVar

from flask import current_app

from wotnot.config import Config
from wotnot.errors import Conflict, Invalid, NotFound, Unavailable
from wotnot.models import Channel
from wotnot.services import channels, crypto
from wotnot.services.channel_checks import domain_error
from wotnot.services.picture_files import UnreadablePictureError, look_at, without_metadata
from wotnot.services.transaction import release_connection
from wotnot.services.whatsapp.client import GraphClient
from wotnot.services.whatsapp.downloads import Download, UntrustedAddressError
from wotnot.services.whatsapp.errors import ErrorKind, GraphError, GraphFault
from wotnot.services.whatsapp.profiles import (
    MAX_PICTURE_BYTES,
    BusinessProfile,
    RefusedPictureError,
    changes_of,
    field_of_refusal,
    judge_picture,
    payload_of,
    problems_of,
    read_profile,
)

T = TypeVar("T")

_PIECE = 64 * 1024
_PICTURE_SECONDS = 10.0
_NO_APP = "Pictures are uploaded in the name of your Meta app: set FACEBOOK_APP_ID first."
_LOST_TOKEN = "The token cannot be read any more, because the encryption keys were changed. Replace the token."  # noqa: S105


def get_profile(workspace_id: int, channel_id: int) -> BusinessProfile:
    """What customers read about this number, as Meta has it now.

    Raises NotFound, Conflict (Meta does not let the token look), Unavailable (Meta is away or slow).
    """
    channel = channels.get_channel(workspace_id, channel_id)
    return _at_meta(channel, lambda client, number: read_profile(client.get_profile(number)))


def save_profile(
    workspace_id: int,
    channel_id: int,
    wanted: Mapping[str, Any],
    *,
    picture: IO[bytes] | None = None,
    picture_field: str = "picture",
) -> BusinessProfile:
    """Change at Meta, in one call, what differs of `wanted` by the names of BusinessProfile; what it does not name stays.

    `picture` is a square JPEG or PNG of 192 pixels or more and at most 5 MB; where and with what a photo was taken is removed.
    Answers the profile as Meta has it afterwards. Raises Invalid by field (the picture's is `picture_field`), before Meta is
    asked or in Meta's words, and as `get_profile` does. Safe to repeat.
    """
    channel = channels.get_channel(workspace_id, channel_id)
    upload = _checked_picture(picture, picture_field) if picture else None

    def change(client: GraphClient, number: str) -> BusinessProfile:
        present = read_profile(client.get_profile(number))
        changes = changes_of(present, wanted)
        if problems := problems_of(changes):
            raise Invalid(problems)
        if upload:
            changes["profile_picture_handle"] = upload(client)
        if not changes:
            return present
        client.change_profile(number, payload_of(changes))
        return read_profile(client.get_profile(number))

    return _at_meta(channel, change, picture_field)


def open_picture(workspace_id: int, channel_id: int) -> tuple[bytes, str]:
    """(the content, its type) of the picture that customers see. Raises NotFound without one, and as `get_profile` does."""
    channel = channels.get_channel(workspace_id, channel_id)
    data = _at_meta(channel, _download)
    try:
        return data, look_at(data).mime_type
    except UnreadablePictureError:
        raise NotFound("Picture") from None


def _checked_picture(stream: IO[bytes], field: str) -> Callable[[GraphClient], str]:
    """How to upload the picture and get its handle. Raises Invalid for one that WhatsApp would not take."""
    data = stream.read(MAX_PICTURE_BYTES + 1)
    try:
        mime_type = judge_picture(data).mime_type
        clean = without_metadata(data)
    except RefusedPictureError as error:
        raise Invalid({field: str(error)}) from None
    except UnreadablePictureError:
        raise Invalid({field: "The picture ends too early. Save it again and choose it once more."}) from None
    app_id = _config().facebook_app_id
    if not app_id:
        raise Invalid({field: _NO_APP})
    name = f"profile.{mime_type.removeprefix('image/')}"
    return lambda client: client.upload_sample(app_id, BytesIO(clean), name, mime_type, len(clean))


def _download(client: GraphClient, number: str) -> bytes:
    address = read_profile(client.get_profile(number)).picture_url
    if not address:
        raise NotFound("Picture")
    with client.open_media(address, seconds=_PICTURE_SECONDS) as download:
        return _read(download)


def _read(download: Download) -> bytes:
    data = bytearray()
    while len(data) <= MAX_PICTURE_BYTES and (piece := download.read(_PIECE)):
        data += piece
    if len(data) > MAX_PICTURE_BYTES:
        raise NotFound("Picture")
    return bytes(data)


def _at_meta(channel: Channel, act: Callable[[GraphClient, str], T], picture_field: str = "") -> T:
    """Do something in the name of a number, outside any transaction, with Meta's refusals as errors of ours."""
    number = channel.phone_number_id
    try:
        client = channels.client_for(channel)
    except crypto.UnreadableSecret:
        raise Conflict(_LOST_TOKEN, code="token_refused") from None
    release_connection()
    try:
        with client:
            return act(client, number)
    except GraphError as error:
        _refuse(error.fault, picture_field)
    except UntrustedAddressError:
        raise NotFound("Picture") from None


def _refuse(fault: GraphFault, picture_field: str) -> NoReturn:
    if fault.kind is ErrorKind.TRANSIENT:
        raise Unavailable("Meta does not answer just now. Try again in a minute.", code="meta_unavailable")
    if fault.kind is ErrorKind.AUTH:
        raise Conflict(channels.reason_of(fault), code="token_refused")
    field = field_of_refusal(fault.meta_words)
    raise domain_error(fault, picture_field if field == "picture" else field)


def _config() -> Config:
    config: Config = current_app.extensions["wotnot.config"]
    return config
