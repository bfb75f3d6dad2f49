"""Media: upload, five-minute download addresses, delete; and resumable uploads for header samples."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import time

from aiohttp import web
from aiohttp.multipart import BodyPartReader

from sandbox.errors import GraphError, unknown_object
from sandbox.jsonio import Json
from sandbox.model import Media, Number, Upload
from sandbox.state import World

ADDRESS_LIFE_S = 300
LIFE_DAYS, INBOUND_LIFE_DAYS = 30, 7
_MB = 1024 * 1024

# MIME type -> most bytes, from Meta's list of supported media.
LIMITS: dict[str, int] = (
    dict.fromkeys(("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"), 16 * _MB)
    | dict.fromkeys(("image/jpeg", "image/png"), 5 * _MB)
    | dict.fromkeys(("video/mp4", "video/3gpp"), 16 * _MB)
    | {"image/webp": 500 * 1024}
    | dict.fromkeys(
        (
            "text/plain",
            "application/pdf",
            "application/msword",
            "application/vnd.ms-excel",
            "application/vnd.ms-powerpoint",
            "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
            "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            "application/vnd.openxmlformats-officedocument.presentationml.presentation",
        ),
        100 * _MB,
    )
)
_SAMPLE_TYPES = ("application/pdf", "image/jpeg", "image/jpg", "image/png", "video/mp4")
_KEY = re.compile(r"[A-Za-z0-9_-]+")
_SECRET = secrets.token_bytes(16)


class MediaApi:
    """The media of all numbers."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def upload(self, request: web.BaseRequest, number: Number) -> Json:
        """Keep the file of a multipart upload; answer its id."""
        fields, data, file_name, part_type = await _read_form(request)
        if fields.get("messaging_product") != "whatsapp":
            raise GraphError(100, message="(#100) The parameter messaging_product is required.")
        if data is None:
            raise GraphError(100, message="(#100) The parameter file is required.")
        mime = (fields.get("type") or part_type).split(";")[0].strip().lower()
        if mime not in LIMITS:
            raise GraphError(
                100,
                f"Param file must be a file with one of the following types: {', '.join(LIMITS)}. Received file of type '{mime}'.",
            )
        if not data or len(data) > LIMITS[mime]:
            raise GraphError(100, f"A file of the type {mime} may have 1 to {LIMITS[mime]} bytes; got {len(data)}.")
        return {"id": self.keep(number, data, mime, file_name).id}

    def keep(self, number: Number, data: bytes, mime: str, file_name: str = "", *, inbound: bool = False) -> Media:
        """Store bytes as a media object of a number; `inbound` is what a customer sent, which is kept for seven days only."""
        media_id = self.world.new_id("91")
        checksum = hashlib.sha256(data).hexdigest()
        media = Media(media_id, number.id, mime, checksum, len(data), time.time(), file_name, inbound)
        self.world.files.put(media_id, data)
        self.world.media[media_id] = media
        self.world.accounts_changed = True
        return media

    def describe(self, media: Media, query: Json, root: str) -> Json:
        """A media object with an address that is good for five minutes."""
        life_days = INBOUND_LIFE_DAYS if media.inbound else LIFE_DAYS
        if query.get("phone_number_id", media.number_id) != media.number_id or _days_since(media) > life_days:
            raise unknown_object(media.id, "GET")
        return {
            "messaging_product": "whatsapp",
            "url": self.address(media, root),
            "mime_type": media.mime_type,
            "sha256": media.sha256,
            "file_size": media.size,
            "id": media.id,
        }

    def address(self, media: Media, root: str) -> str:
        """A download address; it works with a token only and for five minutes."""
        until = int(time.time()) + ADDRESS_LIFE_S
        return f"{root}/whatsapp_business/attachments/?mid={media.id}&ext={until}&hash={_proof(media.id, until)}"

    def download(self, query: Json) -> web.Response:
        """The bytes behind a download address; 404 when it is too old or was changed."""
        media = self.world.media.get(str(query.get("mid")))
        until = str(query.get("ext", ""))
        valid = media and until.isdigit() and int(until) >= time.time()
        if not media or not valid or not hmac.compare_digest(_proof(media.id, int(until)), str(query.get("hash", ""))):
            return web.Response(status=404, text="Not found")
        return self.content(media)

    def content(self, media: Media) -> web.Response:
        """The bytes of a media object."""
        data = self.world.files.get(media.id)
        if data is None:
            return web.Response(status=404, text="Not found")
        headers = {"Content-Disposition": "attachment", "X-Content-Type-Options": "nosniff"} if media.inbound else {}
        return web.Response(body=data, content_type=media.mime_type, headers=headers)

    def delete(self, media: Media) -> Json:
        """Forget a media object."""
        del self.world.media[media.id]
        self.world.files.drop(media.id)
        self.world.accounts_changed = True
        return {"success": True}

    def open_upload(self, query: Json) -> Json:
        """Start a resumable upload session."""
        kind = str(query.get("file_type", ""))
        if kind not in _SAMPLE_TYPES:
            raise GraphError(100, message=f"(#100) Param file_type must be one of {', '.join(_SAMPLE_TYPES)}")
        try:
            length = int(query.get("file_length", ""))
        except (TypeError, ValueError):
            raise GraphError(100, message="(#100) The parameter file_length is required.") from None
        if not 0 < length <= 100 * _MB:
            raise GraphError(100, message="(#100) Param file_length is out of range")
        upload_id = f"upload:MTphdHRhY2htZW50{secrets.token_urlsafe(18)}?sig=AR{secrets.token_urlsafe(8)}"
        self.world.uploads[upload_id] = Upload(upload_id, str(query.get("file_name", "file")), kind, length)
        return {"id": upload_id}

    async def append(self, request: web.BaseRequest, upload: Upload) -> Json:
        """Add bytes at `file_offset`; once all are there, answer the handle."""
        try:
            offset = int(request.headers.get("file_offset", "0"))
        except ValueError:
            raise GraphError(100, message="(#100) Header file_offset must be a number") from None
        if offset != len(upload.data):
            raise GraphError(100, message=f"(#100) Header file_offset must be {len(upload.data)}")
        upload.data.extend(await request.read())
        if len(upload.data) > upload.file_length:
            del upload.data[offset:]
            raise GraphError(100, message="(#100) More bytes than file_length announced")
        if len(upload.data) < upload.file_length:
            return {"id": upload.id, "file_offset": len(upload.data)}
        return {"h": self._handle(upload)}

    def _handle(self, upload: Upload) -> str:
        key = "AR" + secrets.token_urlsafe(18)
        self.world.files.put(key, bytes(upload.data))
        del self.world.uploads[upload.id]
        name, kind = (base64.b64encode(text.encode()).decode() for text in (upload.file_name, upload.file_type))
        return f"4:{name}:{kind}:{key}"

    def shown(self, parts: list[str]) -> web.Response | None:
        """What the phone page may show without a token: /sandbox/media/<id> and /sandbox/sample/<key>."""
        kind, key = parts if len(parts) == 2 else ("", "")
        if kind == "sample":
            return self.sample(key)
        return self.content(self.world.media[key]) if kind == "media" and key in self.world.media else None

    def sample(self, key: str) -> web.Response:
        """The bytes of a header sample."""
        data = self.world.files.get(key) if _KEY.fullmatch(key) else None
        if data is None:
            return web.Response(status=404, text="Not found")
        return web.Response(body=data, content_type=_sniff(data))


def _days_since(media: Media) -> float:
    return (time.time() - media.created_at) / 86_400


def _proof(media_id: str, until: int) -> str:
    return hmac.new(_SECRET, f"{media_id}:{until}".encode(), hashlib.sha256).hexdigest()[:40]


def _sniff(data: bytes) -> str:
    """The type of a sample by its first bytes; anything else is offered for download."""
    for start, kind in ((b"\xff\xd8", "image/jpeg"), (b"\x89PNG", "image/png"), (b"%PDF", "application/pdf")):
        if data.startswith(start):
            return kind
    return "video/mp4" if data[4:8] == b"ftyp" else "application/octet-stream"


async def _read_form(request: web.BaseRequest) -> tuple[dict[str, str], bytes | None, str, str]:
    """The fields, the file's bytes, its name and its type of a multipart form."""
    if request.content_type != "multipart/form-data":
        raise GraphError(100, "Media must be uploaded as multipart/form-data.")
    fields: dict[str, str] = {}
    data: bytes | None = None
    file_name = kind = ""
    try:
        reader = await request.multipart()
        while (part := await reader.next()) is not None:
            if not isinstance(part, BodyPartReader):
                continue
            if part.name == "file":
                data, file_name = bytes(await part.read()), part.filename or ""
                kind = part.headers.get("Content-Type", "")
            elif part.name:
                fields[part.name] = (await part.text())[:1000]
    except ValueError:
        raise GraphError(100, "The multipart body is broken.") from None
    return fields, data, file_name, kind
