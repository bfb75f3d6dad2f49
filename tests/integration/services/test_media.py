"""The library of files, and what they are called at Meta."""

import hashlib
import io
import threading
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask

from tests import factories, pictures
from tests.cast import Cast
from tests.factories import png
from tests.sandbox_control import SandboxControl
from wotnot import clock
from wotnot.errors import Conflict, Invalid, NotFound, TooLarge, Unavailable
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Channel, MediaFile, MediaKind, MediaUpload
from wotnot.services import media
from wotnot.services.whatsapp.client import GraphClient

MB = 1024 * 1024


@pytest.fixture
def channel(cast: Cast, sandbox: SandboxControl) -> Channel:
    return factories.make_channel(cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID)


@pytest.fixture
def storage_path(app: Flask) -> Path:
    path: Path = app.extensions["wotnot.config"].storage_path
    path.mkdir(parents=True, exist_ok=True)
    return path


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[timedelta], None]]:
    """Move the clock from now."""
    start = clock.now()

    def move(by: timedelta) -> None:
        monkeypatch.setattr(clock, "now", lambda: start + by)

    yield move
    monkeypatch.undo()


def save(cast: Cast, content: bytes, filename: str = "a.png") -> MediaFile:
    return media.save_file(cast.workspace.id, io.BytesIO(content), filename, user_id=cast.alice.id)


def read(file: MediaFile) -> bytes:
    with media.open_file(file) as stream:
        return stream.read()


def again(file_id: int) -> MediaFile:
    found = db.session.get(MediaFile, file_id)
    assert found is not None
    return found


def test_a_file_is_kept_as_it_came(cast: Cast) -> None:
    content = png(1, padding=3 * MB)
    file = save(cast, content, "../my shop.png")
    assert (file.kind, file.filename, file.mime_type) == (MediaKind.IMAGE, "my shop.png", "image/png")
    assert (file.size_bytes, file.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    assert read(file) == content


def test_a_picture_forgets_where_it_was_taken(cast: Cast) -> None:
    place = b"GPS 33 55 S 18 25 E"
    photo = pictures.png(4, 4, (b"eXIf", place), (b"tEXt", b"Comment\x00" + place))
    file = save(cast, photo, "shop.png")
    assert read(file) == pictures.png(4, 4)
    assert (file.size_bytes, file.sha256) == (len(read(file)), hashlib.sha256(read(file)).hexdigest())
    assert save(cast, photo, "again.png").id == file.id
    odd = png(1)[:-4]  # what we cannot read we do not change
    assert read(save(cast, odd, "odd.png")) == odd


def test_a_stream_that_comes_in_drops(cast: Cast) -> None:
    class Drops(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            return super().read(min(size or 0, 7))

    content = png(2, padding=20_000)
    file = media.save_file(cast.workspace.id, Drops(content), "a.png")
    assert read(file) == content


def test_the_same_content_twice_is_one_file(cast: Cast, storage_path: Path) -> None:
    first = save(cast, png(3), "first.png")
    before = sorted(storage_path.iterdir())
    second = save(cast, png(3), "second.png")
    assert second.id == first.id
    assert sorted(storage_path.iterdir()) == before
    other = media.save_file(cast.other_workspace.id, io.BytesIO(png(3)), "first.png")
    assert other.id != first.id
    media.delete_file(cast.workspace.id, first.id)
    assert save(cast, png(3)).id != first.id


@pytest.mark.parametrize(
    ("content", "filename", "error", "words"),
    [
        (b"", "a.png", Invalid, "zero bytes"),
        (b"GIF89a", "a.gif", Invalid, "does not take"),
        (png(), "a.jpg", Invalid, "PNG picture"),
        (png(), "a.png.exe", Invalid, "program"),
        (png(4, padding=5 * MB), "big.png", TooLarge, "at most 5 MB"),
    ],
)
def test_of_what_is_refused_nothing_is_kept(
    content: bytes, filename: str, error: type[Exception], words: str, *, cast: Cast, storage_path: Path
) -> None:
    before = sorted(storage_path.iterdir())
    with pytest.raises(error, match=words):
        save(cast, content, filename)
    assert sorted(storage_path.iterdir()) == before
    assert media.list_files(cast.workspace.id).items == []


def test_a_picture_of_just_five_megabytes_is_taken(cast: Cast) -> None:
    assert save(cast, png(5, padding=5 * MB - len(png(5)))).size_bytes == 5 * MB


def test_lists_by_kind_type_and_name_in_pages(cast: Cast) -> None:
    here = cast.workspace.id
    pictures = [factories.make_media_file(cast.workspace, f"Photo {n}.png") for n in range(5)]
    paper = factories.make_media_file(cast.workspace, "Menu_100%.pdf", b"%PDF-1.4 menu")
    factories.make_media_file(cast.other_workspace)
    assert [f.id for f in media.list_files(here).items] == [paper.id, *(f.id for f in reversed(pictures))]
    assert [f.id for f in media.list_files(here, kind="document").items] == [paper.id]
    assert [f.id for f in media.list_files(here, mime_types=["application/pdf"]).items] == [paper.id]
    assert [f.id for f in media.list_files(here, search="_100%").items] == [paper.id]
    assert [f.id for f in media.list_files(here, search="PHOTO 3").items] == [pictures[3].id]
    first = media.list_files(here, kind="image", limit=2)
    second = media.list_files(here, kind="image", limit=2, cursor=first.next_cursor)
    assert [f.id for f in second.items] == [pictures[2].id, pictures[1].id]
    assert media.count_files(here) == {MediaKind.IMAGE: 5, MediaKind.DOCUMENT: 1}
    with pytest.raises(Invalid):
        media.list_files(here, kind="hologram")


def test_a_stranger_finds_nothing(cast: Cast, channel: Channel) -> None:
    file = factories.make_media_file(cast.workspace)
    there = cast.other_workspace.id
    for act in (media.get_file, media.delete_file, media.list_uploads):
        with pytest.raises(NotFound):
            act(there, file.id)
    assert media.list_files(there).items == []
    theirs = factories.make_channel(cast.other_workspace)
    for use in (media.media_id_for, media.header_handle_for):
        with pytest.raises(NotFound):
            use(theirs, file)


def test_a_deleted_file_goes_at_once_and_its_bytes_after_thirty_days(
    cast: Cast, at: Callable[[timedelta], None], storage_path: Path
) -> None:
    file = factories.make_media_file(cast.workspace)
    kept = factories.make_media_file(cast.workspace)
    path = storage_path / file.storage_key
    media.delete_file(cast.workspace.id, file.id)
    with pytest.raises(NotFound):
        media.get_file(cast.workspace.id, file.id)
    with pytest.raises(NotFound):
        media.delete_file(cast.workspace.id, file.id)
    at(timedelta(days=29))
    assert media.purge_deleted() == 0
    assert path.exists()
    at(timedelta(days=31))
    assert media.purge_deleted() == 1
    assert media.purge_deleted() == 0
    assert not path.exists()
    assert read(again(kept.id))


def test_a_file_whose_bytes_are_gone_is_not_found(cast: Cast, storage_path: Path) -> None:
    file = factories.make_media_file(cast.workspace)
    (storage_path / file.storage_key).unlink()
    with pytest.raises(NotFound):
        media.open_file(file)


def test_the_id_at_meta_is_reused_while_it_is_young(
    cast: Cast, channel: Channel, sandbox: SandboxControl, at: Callable[[timedelta], None]
) -> None:
    content = png(6)
    file_id, channel_id, here = save(cast, content, "spring.png").id, channel.id, cast.workspace.id

    def ask() -> str:
        found = db.session.get(Channel, channel_id)
        assert found is not None
        return media.media_id_for(found, again(file_id))

    first = ask()
    shown = requests.get(f"{sandbox.url}/{first}", headers={"Authorization": "Bearer sandbox-token"}, timeout=5).json()
    assert shown["sha256"] == hashlib.sha256(content).hexdigest()
    at(timedelta(days=28, hours=23))
    assert ask() == first
    assert len(media.list_uploads(here, file_id)) == 1
    at(timedelta(days=29, minutes=1))
    second = ask()
    assert second != first
    assert db.session.query(MediaUpload).count() == 1
    assert ask() == second


def test_each_number_has_an_id_of_its_own(cast: Cast, channel: Channel) -> None:
    other = factories.make_channel(cast.workspace, phone_number_id="800000000000002")
    file_id, ids, here = factories.make_media_file(cast.workspace).id, (channel.id, other.id), cast.workspace.id
    answers = {media.media_id_for(db.session.get_one(Channel, one), again(file_id)) for one in ids}
    assert len(answers) == 2
    (_, until), _ = media.list_uploads(here, file_id)
    assert isinstance(until, datetime)
    assert timedelta(days=29) < until - clock.now() <= timedelta(days=30)


def test_a_refusal_is_said_in_metas_words(cast: Cast, channel: Channel) -> None:
    file = factories.make_media_file(cast.workspace)
    unknown = factories.make_channel(cast.workspace, phone_number_id="899999999999999")
    with pytest.raises(Invalid, match="Meta says"):
        media.media_id_for(unknown, file)
    assert db.session.query(MediaUpload).count() == 0


def test_a_file_that_a_broadcast_needs_stays(cast: Cast, channel: Channel) -> None:
    file_id, here = factories.make_media_file(cast.workspace).id, cast.workspace.id
    broadcast = factories.make_broadcast(cast.workspace, channel, name="Spring", state=BroadcastState.SCHEDULED)
    broadcast_id = broadcast.id
    meta_id = media.media_id_for(channel, again(file_id))
    broadcast = db.session.get_one(Broadcast, broadcast_id)
    broadcast.variables = {"header.image": {"value": meta_id}}
    db.session.commit()
    with pytest.raises(Conflict, match="“Spring” uses this file"):
        media.delete_file(here, file_id)
    broadcast.state = BroadcastState.FINISHED
    db.session.commit()
    media.delete_file(here, file_id)


def test_a_handle_for_metas_reviewers(cast: Cast, channel: Channel, sandbox: SandboxControl) -> None:
    content = png(7, padding=2 * MB)
    file = save(cast, content, "Frühling & mehr.png")
    handle = media.header_handle_for(channel, file)
    assert handle.startswith("4:")
    shown = requests.get(f"{sandbox.url}/sandbox/sample/{handle.rsplit(':', 1)[-1]}", timeout=5)
    assert (shown.status_code, shown.content == content) == (200, True)


def test_a_sample_must_be_of_a_type_that_reviewers_take(cast: Cast, channel: Channel) -> None:
    file = factories.make_media_file(cast.workspace, "a.txt", b"hello")
    with pytest.raises(Invalid, match="samples only"):
        media.header_handle_for(channel, file)


def test_meta_away(cast: Cast, channel: Channel, app: Flask, monkeypatch: pytest.MonkeyPatch) -> None:
    file_id, channel_id = factories.make_media_file(cast.workspace).id, channel.id
    monkeypatch.setattr(
        "wotnot.services.channels.client_for", lambda _channel: GraphClient("http://127.0.0.1:9", "v24.0", "t")
    )
    for use in (media.media_id_for, media.header_handle_for):
        with pytest.raises(Unavailable):
            use(db.session.get_one(Channel, channel_id), again(file_id))


def at_once(app: Flask, count: int, act: Callable[[], Any]) -> list[Any]:
    barrier, answers = threading.Barrier(count), []

    def run() -> None:
        with app.app_context():
            barrier.wait()
            try:
                answers.append(act())
            except Exception as error:  # noqa: BLE001 — the test looks at it
                answers.append(error)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    return answers


def test_two_uploads_of_one_content_at_once_end_as_one_file(app: Flask, committed_cast: Cast) -> None:
    here = committed_cast.workspace.id
    answers = at_once(app, 4, lambda: media.save_file(here, io.BytesIO(png(8, padding=MB)), "a.png").id)
    assert len(set(answers)) == 1
    assert isinstance(answers[0], int)
    assert [file.id for file in media.list_files(here).items] == answers[:1]


def test_two_at_once_end_with_one_id_at_meta(app: Flask, committed_cast: Cast, sandbox: SandboxControl) -> None:
    channel_id = factories.make_channel(committed_cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID).id
    file_id = factories.make_media_file(committed_cast.workspace).id
    answers = at_once(
        app,
        4,
        lambda: media.media_id_for(db.session.get_one(Channel, channel_id), db.session.get_one(MediaFile, file_id)),
    )
    assert len(set(answers)) == 1
    assert db.session.query(MediaUpload).one().meta_id == answers[0]
