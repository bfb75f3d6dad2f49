"""A broadcast with files of the library: given to Meta before the first message, renewed while it runs, never in between."""

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests
from flask import Flask

from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.factories import png
from tests.sandbox_control import SandboxControl
from wotnot import clock
from wotnot.errors import Conflict, Invalid
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, MediaFile, MediaUpload, Message, MessageState
from wotnot.services import broadcast_sweeps, broadcast_uploads, broadcasts, media
from wotnot.services.sender import Sender

BODY = {"type": "BODY", "text": "Spring is here, come and look."}
PEOPLE = 3


def header(kind: str) -> dict[str, Any]:
    return {"type": "HEADER", "format": kind, "example": {"header_handle": ["4:YQ==:aW1hZ2UvcG5n:sample"]}}


@pytest.fixture
def channel_id(committed_cast: Cast, sandbox: SandboxControl) -> int:
    sandbox.set(webhooks=False, endings=False, pair_limit=False, rate_per_second=0, review_after_s=0)
    return factories.make_channel(
        committed_cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID, rate_per_second=200
    ).id


@pytest.fixture
def make(committed_cast: Cast, channel_id: int, sandbox: SandboxControl) -> Callable[..., int]:
    """Call it with components and variables for a draft to three people; answers its id."""

    def make(components: list[dict[str, Any]], variables: dict[str, Any], name: str = "spring") -> int:
        here = committed_cast.workspace.id
        content = {"name": name, "language": "en", "category": "UTILITY", "components": components}
        sandbox.post(f"/v24.0/{sandbox.WABA_ID}/message_templates?access_token={sandbox.TOKEN}", content)
        template = factories.make_template(committed_cast.workspace, name=name, components=components)
        factories.make_contacts(committed_cast.workspace, PEOPLE)
        return broadcasts.create_broadcast(
            here, name=name, channel_id=channel_id, template_id=template.id, audience={"all": True}, variables=variables
        ).id

    return make


@pytest.fixture
def here(committed_cast: Cast) -> int:
    return committed_cast.workspace.id


def send(app: Flask, seconds: float = 15) -> None:
    Sender(app, threads=8, idle_seconds=0.2, max_seconds=seconds).run()


def phone_of(sandbox: SandboxControl, message: Message) -> Any:
    """What lies on the person's phone: the header's parameter."""
    customer = requests.get(f"{sandbox.url}/sandbox/customers/{message.phone}", timeout=5).json()
    (shown,) = customer["chats"][sandbox.PHONE_NUMBER_ID]["messages"]
    return shown["body"]["components"][0]["parameters"][0]


def again(broadcast_id: int) -> Broadcast:
    db.session.expire_all()
    return db.session.get_one(Broadcast, broadcast_id)


def meta_ids() -> list[str]:
    db.session.expire_all()
    return [upload.meta_id for upload in db.session.query(MediaUpload).order_by(MediaUpload.media_file_id)]


def test_the_picture_arrives_and_goes_to_meta_once(
    *, app: Flask, committed_cast: Cast, here: int, make: Callable[..., int], sandbox: SandboxControl, run_jobs: Any
) -> None:
    content = png(501)
    file_id = factories.make_media_file(committed_cast.workspace, "spring.png", content).id
    broadcast_id = make([header("IMAGE"), BODY], {"header.image": {"file_id": file_id}})
    broadcasts.start_broadcast(here, broadcast_id)
    assert sorted(run_jobs("default", "media")) == ["expand_broadcast", "upload_broadcast_files"]
    send(app)
    messages = db.session.query(Message).all()
    assert [message.state for message in messages] == [MessageState.ACCEPTED] * PEOPLE
    (meta_id,) = meta_ids()
    for message in messages:
        assert phone_of(sandbox, message) == {"type": "image", "image": {"id": meta_id}}
        assert message.content is not None
        assert message.content["values"]["header.image"] == meta_id
    assert requests.get(f"{sandbox.url}/sandbox/media/{meta_id}", timeout=5).content == content
    assert again(broadcast_id).state is BroadcastState.FINISHED


def test_a_document_arrives_under_its_name(
    *, app: Flask, committed_cast: Cast, here: int, make: Callable[..., int], sandbox: SandboxControl, run_jobs: Any
) -> None:
    file_id = factories.make_media_file(committed_cast.workspace, "Spring menu.pdf", b"%PDF-1.4 menu").id
    broadcast_id = make([header("DOCUMENT"), BODY], {"header.document": {"file_id": file_id}})
    broadcasts.start_broadcast(here, broadcast_id)
    run_jobs("default", "media")
    send(app)
    (meta_id,) = meta_ids()
    for message in db.session.query(Message):
        assert phone_of(sandbox, message)["document"] == {"id": meta_id, "filename": "Spring menu.pdf"}


def test_the_sender_waits_for_the_upload_and_nothing_goes_without_it(
    *, app: Flask, committed_cast: Cast, here: int, make: Callable[..., int], sandbox: SandboxControl, run_jobs: Any
) -> None:
    """The upload's job is lost; the sweep finds that out."""
    file_id = factories.make_media_file(committed_cast.workspace).id
    broadcast_id = make([header("IMAGE"), BODY], {"header.image": {"file_id": file_id}})
    broadcasts.start_broadcast(here, broadcast_id)
    run_jobs("default")
    send(app, 0.6)
    assert {message.state for message in db.session.query(Message)} == {MessageState.QUEUED}
    assert broadcast_sweeps.sweep_broadcasts()["files_wanted"] == 1
    assert "upload_broadcast_files" in run_jobs("media")
    assert broadcast_sweeps.sweep_broadcasts()["files_wanted"] == 0
    send(app)
    assert again(broadcast_id).state is BroadcastState.FINISHED


def test_a_sender_that_runs_already_goes_on_when_the_upload_is_done(
    *, app: Flask, committed_cast: Cast, here: int, make: Callable[..., int], sandbox: SandboxControl, run_jobs: Any
) -> None:
    file_id = factories.make_media_file(committed_cast.workspace).id
    broadcast_id = make([header("IMAGE"), BODY], {"header.image": {"file_id": file_id}})
    broadcasts.start_broadcast(here, broadcast_id)
    run_jobs("default")
    sender = Sender(app, threads=8, idle_seconds=0.2, max_seconds=20)

    def run() -> None:
        with app.app_context():
            sender.run()

    thread = threading.Thread(target=run)
    thread.start()
    assert broadcast_uploads.upload_files(broadcast_id) == 1
    thread.join(30)
    assert not thread.is_alive()
    assert again(broadcast_id).state is BroadcastState.FINISHED


def test_an_id_that_gets_old_is_renewed_while_the_broadcast_runs(
    *,
    app: Flask,
    committed_cast: Cast,
    here: int,
    make: Callable[..., int],
    sandbox: SandboxControl,
    run_jobs: Any,
    at: Callable[[timedelta], None],
) -> None:
    file_id = factories.make_media_file(committed_cast.workspace).id
    broadcast_id = make([header("IMAGE"), BODY], {"header.image": {"file_id": file_id}})
    broadcasts.start_broadcast(here, broadcast_id)
    run_jobs("default", "media")
    (first,) = meta_ids()
    at(timedelta(days=26))
    assert broadcast_uploads.renew_uploads() == 0
    at(timedelta(days=27, minutes=1))
    assert broadcast_uploads.renew_uploads() == 1
    assert run_jobs("media") == ["upload_broadcast_files"]
    (second,) = meta_ids()
    assert second != first
    assert broadcast_uploads.renew_uploads() == 0
    send(app)
    assert {phone_of(sandbox, message)["image"]["id"] for message in db.session.query(Message)} == {second}


def test_while_meta_is_away_it_says_that_it_waits_and_then_goes(
    *,
    app: Flask,
    committed_cast: Cast,
    here: int,
    make: Callable[..., int],
    sandbox: SandboxControl,
    run_jobs: Any,
    client: Client,
) -> None:
    file_id = factories.make_media_file(committed_cast.workspace).id
    broadcast_id = make([header("IMAGE"), BODY], {"header.image": {"file_id": file_id}})
    sandbox.post("/sandbox/faults", {"kind": "error", "on": "/media", "status": 503, "code": 131016})
    broadcasts.start_broadcast(here, broadcast_id)
    run_jobs("default", "media")
    waiting = again(broadcast_id)
    assert waiting.state is BroadcastState.SENDING
    assert waiting.reason.startswith("Its file could not be given to Meta yet.")
    client.sign_in(committed_cast.alice)
    assert "It waits." in client.get(f"/app/broadcasts/{broadcast_id}").text
    assert broadcast_uploads.upload_files(broadcast_id) == 1
    assert again(broadcast_id).reason == ""
    send(app)
    assert again(broadcast_id).state is BroadcastState.FINISHED


def test_what_meta_refuses_pauses_it_with_the_reason(
    *, app: Flask, committed_cast: Cast, here: int, make: Callable[..., int], sandbox: SandboxControl, run_jobs: Any
) -> None:
    file_id = factories.make_media_file(committed_cast.workspace).id
    broadcast_id = make([header("IMAGE"), BODY], {"header.image": {"file_id": file_id}})
    sandbox.post("/sandbox/faults", {"kind": "error", "on": "/media", "status": 400, "code": 100})
    broadcasts.start_broadcast(here, broadcast_id)
    run_jobs("default", "media")
    stopped = again(broadcast_id)
    assert stopped.state is BroadcastState.PAUSED
    assert stopped.reason.startswith("Its file could not be given to Meta. Meta says:")
    broadcasts.resume_broadcast(here, broadcast_id)
    run_jobs("media")
    send(app)
    assert again(broadcast_id).state is BroadcastState.FINISHED


@pytest.mark.parametrize("state", [BroadcastState.DRAFT, BroadcastState.SCHEDULED, BroadcastState.PAUSED])
def test_a_file_that_is_needed_stays(
    state: BroadcastState, committed_cast: Cast, here: int, make: Callable[..., int]
) -> None:
    file_id = factories.make_media_file(committed_cast.workspace).id
    other_id = factories.make_media_file(committed_cast.workspace).id
    broadcast_id = make([header("IMAGE"), BODY], {"header.image": {"file_id": file_id}})
    again(broadcast_id).state = state
    db.session.commit()
    with pytest.raises(Conflict, match="“spring” uses this file"):
        media.delete_file(here, file_id)
    media.delete_file(here, other_id)
    again(broadcast_id).state = BroadcastState.CANCELLED
    db.session.commit()
    media.delete_file(here, file_id)


def test_a_file_that_went_nevertheless_blocks_the_start_with_a_sentence(
    committed_cast: Cast, here: int, make: Callable[..., int]
) -> None:
    file_id = factories.make_media_file(committed_cast.workspace).id
    broadcast_id = make([header("IMAGE"), BODY], {"header.image": {"file_id": file_id}})
    db.session.get_one(MediaFile, file_id).deleted_at = clock.now()
    db.session.commit()
    with pytest.raises(Invalid) as caught:
        broadcasts.start_broadcast(here, broadcast_id)
    assert caught.value.errors == {
        "variables.header.image": ["This file is not in the library any more. Choose another one."]
    }


def test_choosing_and_deleting_at_once_never_end_with_both(
    *, app: Flask, committed_cast: Cast, here: int, make: Callable[..., int]
) -> None:
    broadcast_id = make([header("IMAGE"), BODY], {})
    for _ in range(6):
        file_id = factories.make_media_file(committed_cast.workspace).id
        barrier, done = threading.Barrier(2), set[str]()

        def act(name: str, call: Callable[[], object], barrier: Any = barrier, done: set[str] = done) -> None:
            with app.app_context():
                barrier.wait()
                try:
                    call()
                    done.add(name)
                except (Conflict, Invalid):
                    pass

        variables = {"header.image": {"file_id": file_id}}
        calls = {
            "choose": lambda v=variables: broadcasts.update_broadcast(here, broadcast_id, variables=v),
            "delete": lambda f=file_id: media.delete_file(here, f),
        }
        threads = [threading.Thread(target=act, args=(name, call)) for name, call in calls.items()]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
        assert len(done) == 1, done
        broadcasts.update_broadcast(here, broadcast_id, variables={})


def test_over_the_api_a_broadcast_and_a_single_message(
    *,
    app: Flask,
    committed_cast: Cast,
    make: Callable[..., int],
    channel_id: int,
    client: Client,
    sandbox: SandboxControl,
) -> None:
    file_id = factories.make_media_file(committed_cast.workspace, "spring.png", png(510)).id
    paper_id = factories.make_media_file(committed_cast.workspace, "menu.pdf", b"%PDF-1.4 menu").id
    theirs = factories.make_media_file(committed_cast.other_workspace).id
    broadcast = again(make([header("IMAGE"), BODY], {}))
    template_id, api = broadcast.template_id, client.api(committed_cast.alice)
    body = {"name": "API", "channel_id": channel_id, "template_id": template_id, "audience": {"all": True}}
    made = api.post("/broadcasts", body | {"variables": {"header.image": {"file_id": file_id}}})
    assert made.status_code == 201
    for wrong in (paper_id, theirs, 10**6):
        refused = api.post("/broadcasts", body | {"variables": {"header.image": {"file_id": wrong}}})
        assert refused.status_code == 422
        assert list(refused.json["errors"]) == ["variables.header.image"]  # type: ignore[index]
    one = {"channel_id": channel_id, "to": "+27825550199", "type": "template"}
    template = {"name": "spring", "language": "en", "variables": {"header.image": {"file_id": file_id}}}
    sent = api.post("/messages", one | {"template": template})
    assert sent.status_code == 202, sent.text
    for wrong in ({"file_id": theirs}, {"file_id": "1"}, {"file": 1}, 7):
        refused = api.post("/messages", one | {"template": template | {"variables": {"header.image": wrong}}})
        assert refused.status_code == 422, wrong
    db.session.commit()  # or the sender would live in the moment before the message
    send(app)
    message = db.session.get_one(Message, sent.json["id"], populate_existing=True)  # type: ignore[index]
    assert message.state is MessageState.ACCEPTED
    assert phone_of(sandbox, message)["image"] == {"id": meta_ids()[0]}
