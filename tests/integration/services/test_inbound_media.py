"""Files that people send: noted once, fetched from Meta, kept or given up with a reason, whatever goes wrong on the way."""

import hashlib
import io
import json
import threading
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests
from flask import Flask

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.factories import png
from tests.sandbox_control import SandboxControl
from tests.servers import wait_until
from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Channel, ChannelState, InboundMedia, MediaFile, MediaOrigin, Message
from wotnot.services import inbound_media, media, webhook_inbox
from wotnot.services.inbound_media import InboundFile

THANDI = "27825550101"
HTML = "<!doctype html><title>Sign in to the hotel's network</title>"
OGG = b"OggS\0\x02" + b"\0" * 22 + b"OpusHead" + b"\0" * 40


@pytest.fixture
def channel(cast: Cast, sandbox: SandboxControl) -> Channel:
    return factories.make_channel(cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID)


@pytest.fixture
def here(cast: Cast) -> int:
    """The workspace's id, known before a fetch gives the session back."""
    return cast.workspace.id


def webhook_of(sandbox: SandboxControl, wamid: str) -> bytes:
    """The delivery about a message as the sandbox would post it; here there is no web process to take it."""
    shown = requests.get(f"{sandbox.url}/sandbox/customers/{THANDI}", timeout=5).json()
    (message,) = (m for m in shown["chats"][sandbox.PHONE_NUMBER_ID]["messages"] if m["id"] == wamid)
    said = {"id": wamid, "from": THANDI, "timestamp": str(int(clock.now().timestamp())), "type": message["type"]}
    value = {
        "metadata": {"phone_number_id": sandbox.PHONE_NUMBER_ID},
        "messages": [said | {message["type"]: message["body"]}],
    }
    entry = {"id": sandbox.WABA_ID, "changes": [{"field": "messages", "value": value}]}
    return json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode()


def receive(sandbox: SandboxControl, name: str, data: bytes, times: int = 1, **more: object) -> int:
    """A person sends a file and its webhook comes `times` times; answers the ledger's id."""
    wamid = sandbox.send_file(THANDI, name, data, **more)
    body = webhook_of(sandbox, wamid)
    for _ in range(times):
        webhook_inbox.store_delivery(body)
    while webhook_inbox.drain_batch({"done": 0, "poison": 0}):
        pass
    (message,) = db.session.query(Message).filter(Message.wamid == wamid)
    return int(message.id)


def row_of(message_id: int) -> InboundMedia:
    found = db.session.get(InboundMedia, message_id, populate_existing=True)
    assert found is not None
    return found


def shown(here: int, message_id: int) -> InboundFile:
    db.session.expire_all()
    return inbound_media.list_for_messages(here, [message_id])[message_id]


def content_of(file: MediaFile | None) -> bytes:
    assert file is not None
    with media.open_file(file) as stream:
        return stream.read()


def stored(app: Flask) -> set[str]:
    folder: Path = app.extensions["wotnot.config"].storage_path
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


@pytest.mark.parametrize(
    ("name", "data", "more", "kind", "kept_as", "mime_type"),
    [
        ("a.png", png(301), {}, "image", "Picture.png", "image/png"),
        ("voice.ogg", OGG, {}, "audio", "Recording.ogg", "audio/ogg"),
        ("a.mp4", b"\0\0\0\x18ftypisom\0\0\0\0isom", {}, "video", "Video.mp4", "video/mp4"),
        ("Bill <1>.pdf", b"%PDF-1.4 bill", {}, "document", "Bill _1_.pdf", "application/pdf"),
        ("odd.sketch", b"\x01\x02odd", {}, "document", "odd.sketch", "application/octet-stream"),
        ("s.webp", b"RIFF\0\0\0\0WEBPVP8 " + b"\0" * 40, {"mime": "image/webp"}, "sticker", "Sticker.webp", "image/webp"),
    ],
)  # fmt: skip
def test_what_people_send_is_kept(
    name: str, data: bytes, more: dict[str, str], kind: str, kept_as: str,
    *, mime_type: str, here: int, cast: Cast, channel: Channel, sandbox: SandboxControl,
) -> None:  # fmt: skip
    there = cast.other_workspace.id
    message_id = receive(sandbox, name, data, **more)
    assert shown(here, message_id).state == "waiting"
    assert inbound_media.fetch_due() == {"kept": 1, "gone": 0, "later": 0}
    kept = shown(here, message_id)
    assert (kept.state, kept.reason) == ("kept", "")
    assert kept.file is not None
    assert (kept.file.kind, kept.file.filename, kept.file.mime_type) == (kind, kept_as, mime_type)
    assert content_of(kept.file) == data
    assert media.list_files(here).items == []
    (listed,) = media.list_files(here, origin=MediaOrigin.INBOUND).items
    assert listed.id == kept.file.id
    assert inbound_media.list_for_messages(there, [message_id]) == {}


def test_five_webhooks_and_two_runs_keep_one_file(
    app: Flask, cast: Cast, channel: Channel, sandbox: SandboxControl
) -> None:
    before = stored(app)
    receive(sandbox, "a.png", png(302), times=5)
    assert db.session.query(InboundMedia).count() == 1
    assert inbound_media.fetch_due()["kept"] == 1
    assert inbound_media.fetch_due() == {"kept": 0, "gone": 0, "later": 0}
    assert db.session.query(MediaFile).count() == 1
    assert len(stored(app) - before) == 1


def test_one_picture_that_many_people_send_is_one_file_and_the_library_stays_apart(
    app: Flask, here: int, cast: Cast, channel: Channel, sandbox: SandboxControl
) -> None:
    ours = factories.make_media_file(cast.workspace, "ours.png", png(303)).id
    before = stored(app)
    first, second = receive(sandbox, "a.png", png(303)), receive(sandbox, "b.png", png(303))
    assert inbound_media.fetch_due()["kept"] == 2
    one, two = shown(here, first).file, shown(here, second).file
    assert one is not None
    assert two is not None
    assert (one.id == two.id, one.id != ours) == (True, True)
    assert len(stored(app) - before) == 1


def test_the_job_is_enqueued_with_the_message_and_found_by_the_sweep(
    *, here: int, cast: Cast, channel: Channel, sandbox: SandboxControl, run_jobs: Callable[..., list[str]], redis: Any
) -> None:
    first = receive(sandbox, "a.png", png(304))
    assert run_jobs("media") == ["fetch_inbound_media"]
    assert shown(here, first).state == "kept"
    second = receive(sandbox, "b.png", png(305))
    redis.flushall()
    assert inbound_media.sweep()
    assert run_jobs("media") == ["fetch_inbound_media"]
    assert shown(here, second).state == "kept"
    assert not inbound_media.sweep()


@pytest.mark.parametrize(
    ("answer", "said"),
    [
        ({"status": 404}, "Meta"),
        ({"status": 500, "body": "{}"}, "Meta"),
        ({"status": 200, "body": HTML, "Content-Type": "text/html"}, "did not arrive as it was sent"),
        ({"status": 200, "body": "some other bytes"}, "did not arrive as it was sent"),
        ({"status": 200, "body": ""}, "did not arrive as it was sent"),
        ({"status": 302, "body": "", "Location": "http://127.0.0.1:1/secrets"}, "leads to 127.0.0.1, which is not Meta"),
        ({"status": 302, "body": "", "Location": "https://facebook.com.evil.example/x"}, "evil.example, which is not Meta"),
    ],
    ids=["404", "500", "html", "other bytes", "nothing", "redirect inside", "redirect outside"],
)  # fmt: skip
def test_trouble_is_tried_again_and_mended(
    answer: dict[str, Any], said: str,
    *, app: Flask, here: int, cast: Cast, channel: Channel, sandbox: SandboxControl, at: Callable[[timedelta], None],
) -> None:  # fmt: skip
    before = stored(app)
    message_id = receive(sandbox, "a.png", png(306))
    sandbox.break_download(**answer)
    assert inbound_media.fetch_due() == {"kept": 0, "gone": 0, "later": 1}
    waiting = shown(here, message_id)
    assert (waiting.state, waiting.file) == ("waiting", None)
    assert said in waiting.reason
    assert stored(app) == before
    assert inbound_media.fetch_due()["kept"] == 0, "it pauses"
    at(timedelta(seconds=6))
    assert inbound_media.fetch_due()["kept"] == 1
    assert content_of(shown(here, message_id).file) == png(306)


@pytest.mark.parametrize("kind", ["drop_after", "drop_before"])
def test_a_connection_that_breaks_is_tried_again(
    kind: str, cast: Cast, channel: Channel, sandbox: SandboxControl, at: Callable[[timedelta], None]
) -> None:
    receive(sandbox, "a.png", png(307))
    sandbox.post("/sandbox/faults", {"kind": kind, "on": "attachments/"})
    assert inbound_media.fetch_due()["later"] == 1
    at(timedelta(seconds=6))
    assert inbound_media.fetch_due()["kept"] == 1


def test_wrong_bytes_again_and_again_are_given_up(
    *, app: Flask, here: int, cast: Cast, channel: Channel, sandbox: SandboxControl, at: Callable[[timedelta], None]
) -> None:
    before = stored(app)
    message_id = receive(sandbox, "a.png", png(308))
    sandbox.break_download("other bytes", 200, count=100)
    for hour in range(1, inbound_media.MOST_TRIES + 1):
        assert shown(here, message_id).state == "waiting"
        inbound_media.fetch_due()
        at(timedelta(hours=hour))
    gone = shown(here, message_id)
    assert (gone.state, gone.reason) == (
        "gone",
        "The file did not arrive as it was sent. Ask the person to send it again.",
    )
    assert stored(app) == before
    assert inbound_media.fetch_due() == {"kept": 0, "gone": 0, "later": 0}


def test_what_meta_forgot_is_gone_with_a_reason(
    here: int, cast: Cast, channel: Channel, sandbox: SandboxControl, at: Callable[[timedelta], None]
) -> None:
    message_id = receive(sandbox, "a.png", png(309))
    token = {"Authorization": f"Bearer {sandbox.TOKEN}"}
    requests.delete(f"{sandbox.url}/{row_of(message_id).meta_id}", headers=token, timeout=5).raise_for_status()
    for hour in range(1, inbound_media.MOST_TRIES + 1):
        inbound_media.fetch_due()
        at(timedelta(hours=hour))
    gone = shown(here, message_id)
    assert gone.state == "gone"
    assert "keeps them for 7 days" in gone.reason


def test_while_meta_is_away_it_waits_seven_days(
    here: int, cast: Cast, channel: Channel, sandbox: SandboxControl, at: Callable[[timedelta], None]
) -> None:
    message_id = receive(sandbox, "a.png", png(310))
    sandbox.break_download("{}", 503, count=1000)
    for day in range(7):
        at(timedelta(days=day, minutes=1))
        assert inbound_media.fetch_due()["later"] == 1
    at(timedelta(days=7, minutes=2))
    assert inbound_media.fetch_due()["gone"] == 1
    assert shown(here, message_id).reason.startswith("It could not be fetched while Meta had it.")


@pytest.mark.parametrize("name", ["offer.apk", "bill.pdf.exe", "page.html"])
def test_a_program_is_not_kept(
    *, name: str, app: Flask, here: int, cast: Cast, channel: Channel, sandbox: SandboxControl
) -> None:
    before = stored(app)
    message_id = receive(sandbox, name, b"PK\x03\x04 whatever", type="document")
    assert inbound_media.fetch_due()["gone"] == 1
    assert "the ending of a program" in shown(here, message_id).reason
    assert stored(app) == before


def test_a_number_that_was_removed_meanwhile(here: int, cast: Cast, channel: Channel, sandbox: SandboxControl) -> None:
    message_id = receive(sandbox, "a.png", png(311))
    channel.state = ChannelState.REMOVED
    db.session.commit()
    assert inbound_media.fetch_due()["gone"] == 1
    assert "number that it came to was removed" in shown(here, message_id).reason


def test_a_file_that_whatsapp_could_not_take_says_so(cast: Cast, channel: Channel, sandbox: SandboxControl) -> None:
    message = {
        "id": "wamid.broken",
        "from": THANDI,
        "timestamp": "1790000000",
        "type": "image",
        "errors": [{"code": 131052, "title": "Media download error"}],
    }
    value = {"metadata": {"phone_number_id": sandbox.PHONE_NUMBER_ID}, "messages": [message]}
    entry = {"id": sandbox.WABA_ID, "changes": [{"field": "messages", "value": value}]}
    webhook_inbox.store_delivery(json.dumps({"object": "whatsapp_business_account", "entry": [entry]}).encode())
    assert webhook_inbox.drain_batch({"done": 0, "poison": 0})
    (row,) = db.session.query(InboundMedia)
    assert (row.state, "could not hand this file over" in row.reason) == ("gone", True)


def test_texts_and_places_bring_no_file(cast: Cast, channel: Channel, sandbox: SandboxControl) -> None:
    wamid = sandbox.post(
        "/sandbox/inbound", {"from": THANDI, "phone_number_id": sandbox.PHONE_NUMBER_ID, "text": "Hi"}
    )["id"]
    webhook_inbox.store_delivery(webhook_of(sandbox, wamid))
    assert webhook_inbox.drain_batch({"done": 0, "poison": 0})
    assert db.session.query(Message).count() == 1
    assert db.session.query(InboundMedia).count() == 0


def test_two_runs_at_once_fetch_each_file_once(app: Flask, committed_cast: Cast, sandbox: SandboxControl) -> None:
    factories.make_channel(committed_cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID)
    count = 12
    for number in range(count):
        receive(sandbox, f"{number}.png", png(320 + number))
    totals: list[dict[str, int]] = []

    def run() -> None:
        with app.app_context():
            totals.append(inbound_media.fetch_due())

    threads = [threading.Thread(target=run) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sum(total["kept"] for total in totals) == count
    assert db.session.query(MediaFile).count() == count
    assert {row.attempt_count for row in db.session.query(InboundMedia)} == {1}


def test_a_run_that_comes_late_changes_nothing(
    *, app: Flask, here: int, cast: Cast, channel: Channel, sandbox: SandboxControl, at: Callable[[timedelta], None]
) -> None:
    """The first run hangs until its lease is over; a second one keeps the file; then the first one wakes up."""
    before = stored(app)
    message_id = receive(sandbox, "a.png", png(340))
    late = inbound_media._claim()
    assert late is not None
    arrived = inbound_media._fetch(late)
    at(inbound_media.LEASE + timedelta(seconds=1))
    assert inbound_media.fetch_due()["kept"] == 1
    kept = shown(here, message_id).file
    assert inbound_media._keep(late, arrived) == "later"
    assert inbound_media._give_up(late, "No.") == "gone"
    assert content_of(shown(here, message_id).file) == png(340)
    assert kept is not None
    assert stored(app) - before == {kept.storage_key}


def test_killed_between_download_and_record_leaves_no_double(
    committed_cast: Cast, sandbox: SandboxControl, processes: Any, app: Flask
) -> None:
    here = committed_cast.workspace.id
    factories.make_channel(committed_cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID)
    before = stored(app)
    message_id = receive(sandbox, "a.png", png(341))
    program = (
        "import os, signal\n"
        "from wotnot import create_app\n"
        "from wotnot.services import inbound_media\n"
        "with create_app().app_context():\n"
        "    wanted = inbound_media._claim()\n"
        "    inbound_media._fetch(wanted)\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    process = processes.start("killed", "python", "-c", program)
    wait_until(lambda: process.poll() is not None, 30, "the fetching process to die")
    assert process.returncode == -9
    assert len(stored(app) - before) == 1
    assert inbound_media.fetch_due()["kept"] == 0, "the lease still runs"
    db.session.query(InboundMedia).update({"due_at": clock.now()})
    db.session.commit()
    assert inbound_media.fetch_due()["kept"] == 1
    kept = shown(here, message_id).file
    assert kept is not None
    assert kept.sha256 == hashlib.sha256(png(341)).hexdigest()
    assert db.session.query(MediaFile).count() == 1
    assert stored(app) - before == {kept.storage_key}


def test_it_is_served_like_every_file_and_gone_once_deleted(
    client: Client, here: int, cast: Cast, channel: Channel, sandbox: SandboxControl
) -> None:
    message_id = receive(sandbox, "bill.pdf", b"%PDF-1.4 bill", caption="The bill")
    client.sign_in(cast.alice)
    api, stranger = client.api(cast.alice), client.application.test_client()
    assert isinstance(stranger, Client)
    stranger.sign_in(cast.charlie)
    contact_id = db.session.get_one(Message, message_id).contact_id
    page = f"/app/contacts/{contact_id}"
    assert "The file is being fetched from Meta." in client.get(page).text
    inbound_media.fetch_due()
    file = shown(here, message_id).file
    assert file is not None
    address = f"/app/media/{file.id}"
    assert f'href="{address}"' in client.get(page).text
    answer = client.get(f"{address}/file")
    assert answer.headers["Content-Disposition"].startswith("attachment")
    assert "sandbox" in answer.headers["Content-Security-Policy"]
    assert "From a customer" in client.get(address).text
    assert f'href="{address}"' not in client.get("/app/media").text
    assert f'href="{address}"' in client.get("/app/media?origin=inbound").text
    assert stranger.get(f"{address}/file").status_code == 404
    assert api.get(f"/messages/{message_id}").json["media"] == {"state": "kept", "reason": "", "file_id": file.id}  # type: ignore[index]
    assert [row["id"] for row in api.get("/media?origin=inbound").json["items"]] == [file.id]  # type: ignore[index]
    assert client.submit(f"{address}/delete", page=address).status_code == 303
    gone = shown(here, message_id)
    assert (gone.state, gone.reason) == ("gone", "It was deleted from the files.")


def test_what_a_person_sent_can_go_into_the_library_too(
    here: int, cast: Cast, channel: Channel, sandbox: SandboxControl
) -> None:
    receive(sandbox, "a.png", png(343))
    inbound_media.fetch_due()
    file = media.save_file(here, io.BytesIO(png(343)), "mine.png")
    assert (file.origin, file.filename) == (MediaOrigin.LIBRARY, "mine.png")
