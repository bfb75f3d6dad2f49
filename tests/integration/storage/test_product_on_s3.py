"""The product with its files in a bucket: kept, served in parts, given to Meta, imported, purged."""

import io
import subprocess
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import requests

from launcher.paths import ROOT
from tests import factories
from tests.cast import Cast
from tests.client import Client
from tests.factories import png
from tests.integration.storage.conftest import BUCKET, Bucket
from tests.sandbox_control import SandboxControl
from tests.servers import VENV_BIN
from wotnot import Config, clock
from wotnot.models import Contact, ImportState
from wotnot.services import contact_imports, media
from wotnot.services.contact_imports import ImportOptions

WIDE = "phone;name\n+27821234567;Zoë\n+27821234568;Thabo\n".encode("utf-16")


@pytest.fixture
def alice(client: Client, cast: Cast, on_s3: Callable[..., Config]) -> Client:
    on_s3()
    client.sign_in(cast.alice)
    return client


def test_a_file_is_kept_served_in_parts_and_purged(
    alice: Client, cast: Cast, bucket: Bucket, session: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = png(201, padding=300_000)
    file = factories.make_media_file(cast.workspace, "spring.png", content)
    assert bucket.names() == [f"shop/{file.storage_key}"]
    file_id, here = file.id, f"/app/media/{file.id}/file"
    whole = alice.get(here)
    assert (whole.status_code, whole.data, whole.headers["Content-Length"]) == (200, content, str(len(content)))
    part = alice.get(here, headers={"Range": "bytes=250000-250099"})
    assert (part.status_code, part.data) == (206, content[250_000:250_100])
    assert part.headers["Content-Range"] == f"bytes 250000-250099/{len(content)}"
    assert alice.get(here, headers={"Range": "bytes=99999999-"}).status_code == 416
    assert alice.get(here, headers={"If-None-Match": whole.headers["ETag"]}).status_code == 304
    media.delete_file(cast.workspace.id, file_id)
    later = clock.now() + timedelta(days=31)
    monkeypatch.setattr(clock, "now", lambda: later)
    assert media.purge_deleted() == 1
    assert bucket.names() == []


def test_bytes_that_vanished_are_a_page_and_not_a_crash(alice: Client, cast: Cast, bucket: Bucket) -> None:
    file = factories.make_media_file(cast.workspace)
    bucket.client.delete_object(Bucket=BUCKET, Key=f"shop/{file.storage_key}")
    assert alice.get(f"/app/media/{file.id}/file").status_code == 404


def test_a_storage_that_is_away_says_try_again(alice: Client, cast: Cast, on_s3: Callable[..., Config]) -> None:
    file = factories.make_media_file(cast.workspace)
    on_s3(s3_endpoint_url="http://127.0.0.1:9")
    answer = alice.get(f"/app/media/{file.id}/file")
    assert answer.status_code == 503
    assert "Files cannot be reached right now" in answer.text
    upload = {"csrf_token": alice.csrf_token("/app/media"), "file": [(io.BytesIO(png(202)), "a.png")]}
    answer = alice.post("/app/media", data=upload, content_type="multipart/form-data")
    assert answer.status_code == 422
    assert "Files cannot be reached right now" in answer.text


def test_meta_gets_the_whole_file(cast: Cast, on_s3: Callable[..., Config], sandbox: SandboxControl) -> None:
    content = png(203, padding=3_000_000)
    on_s3()
    file_id = factories.make_media_file(cast.workspace, "spring.png", content).id
    channel = factories.make_channel(cast.workspace, phone_number_id=sandbox.PHONE_NUMBER_ID)
    meta_id = media.media_id_for(channel, media.get_file(channel.workspace_id, file_id))
    assert requests.get(f"{sandbox.url}/sandbox/media/{meta_id}", timeout=5).content == content


def test_an_import_is_rewritten_checked_and_run(
    cast: Cast, on_s3: Callable[..., Config], bucket: Bucket, run_jobs: Callable[..., list[str]], session: Any
) -> None:
    on_s3()
    here = cast.workspace.id
    found = contact_imports.upload(here, io.BytesIO(WIDE), "people.csv")
    import_id = found.id
    assert found.dialect["rewritten_from"] == "UTF-16"
    again = contact_imports.reread(here, import_id, delimiter=";", encoding="utf-8", has_header=True)
    assert (again.row_count, again.dialect["read_bytes"]) == (2, len(WIDE.decode("utf-16").encode()))
    contact_imports.check_import(here, import_id, ImportOptions(("phone", "name"), "ZA"))
    run_jobs("bulk")
    contact_imports.start_import(here, import_id)
    run_jobs("bulk")
    done = contact_imports.get_import(here, import_id)
    assert (done.state, done.created_count, contact_imports.progress_of(done)) == (ImportState.DONE, 2, 1.0)
    assert {contact.name for contact in session.query(Contact)} == {"Zoë", "Thabo"}
    assert bucket.names() == []


def test_a_process_with_a_wrong_bucket_does_not_start(environment: dict[str, str], bucket: Bucket, app: Any) -> None:
    settings = {
        "STORAGE_URL": "s3://no-such-bucket",
        "S3_ENDPOINT_URL": bucket.url,
        "AWS_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "k",
        "AWS_SECRET_ACCESS_KEY": "s",
    }
    for command in (
        ["gunicorn", "wsgi:app", "--config", "gunicorn.conf.py"],
        ["flask", "--app", "wsgi", "worker", "bulk"],
    ):
        done = subprocess.run(
            [str(VENV_BIN / command[0]), *command[1:]],
            cwd=ROOT,
            env=environment | settings,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        assert done.returncode != 0
        said = "WotNot cannot start. There is no bucket no-such-bucket. Make it, or correct STORAGE_URL."
        assert said in done.stderr.splitlines(), done.stderr


def test_the_wizard_takes_an_upload_and_goes_on(alice: Client, cast: Cast, bucket: Bucket, session: Any) -> None:
    """Each upload gives the database's connection back, and the page still knows everything it has to show."""
    components = [{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "Hi {{1}}."}]
    channel = factories.make_channel(cast.workspace)
    template = factories.make_template(cast.workspace, components=components)
    page = f"/app/broadcasts/{factories.make_broadcast(cast.workspace, channel, template, variables={}).id}/message"
    form = {"channel": channel.id, "template": template.id, "source-1": "text", "text-1": "you"}

    def post(address: str, name: str, content: bytes) -> Any:
        fields = {"csrf_token": alice.csrf_token(page), **form, "upload-header.image": (io.BytesIO(content), name)}
        return alice.post(address, data=fields, content_type="multipart/form-data")

    shown = post(f"{page}/files?key=header.image", "new.png", png(204))
    assert (shown.status_code, "new.png" in shown.text) == (200, True)
    assert post(page, "empty.png", b"").status_code == 422
    assert post(page, "other.png", png(205)).status_code == 303
    assert len(bucket.names()) == 2
