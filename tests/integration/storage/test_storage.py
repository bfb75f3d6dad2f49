"""Bytes by key, in a folder and in a bucket: the same promises."""

import io
import os
import subprocess
import sys
import tracemalloc
from collections.abc import Callable
from pathlib import Path

import pytest

from launcher.paths import ROOT
from tests.integration.storage.conftest import BUCKET, Bucket
from wotnot.services.storage import (
    FileTooLargeError,
    LocalStorage,
    MisconfiguredStorageError,
    MissingFileError,
    Storage,
    StorageError,
)

MB = 1 << 20


class Zeros:
    """`size` bytes that are nowhere before they are read, at most `drop` of them at once."""

    def __init__(self, size: int, drop: int = MB) -> None:
        self._left, self._drop = size, drop

    def read(self, size: int = -1) -> bytes:
        piece = min(self._left, self._drop, self._drop if size < 0 else size)
        self._left -= piece
        return bytes(piece)


class Breaks(Zeros):
    """A stream whose sender goes away."""

    def read(self, size: int = -1) -> bytes:
        piece = super().read(size)
        if not piece:
            raise ConnectionResetError
        return piece


@pytest.fixture(params=["folder", "bucket"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "folder":
        return LocalStorage(tmp_path / "files")
    bucket: Bucket = request.getfixturevalue("bucket")
    return bucket.storage()


def read(storage: Storage, key: str) -> bytes:
    with storage.open(key) as stream:
        return stream.read()


def is_missing(storage: Storage, key: str) -> bool:
    try:
        storage.open(key).close()
    except MissingFileError:
        return True
    return False


def test_what_goes_in_comes_out(storage: Storage) -> None:
    content = os.urandom(100_000)
    key, size = storage.save(io.BytesIO(content), limit=MB)
    assert (size, read(storage, key)) == (100_000, content)
    other, _ = storage.save(io.BytesIO(b""), limit=MB)
    assert (other != key, read(storage, other)) == (True, b"")


def test_a_large_file_that_comes_in_drops(storage: Storage) -> None:
    size = 20 * MB + 7
    key, kept = storage.save(Zeros(size, drop=70_001), limit=size)
    assert kept == size
    with storage.open(key) as stream:
        assert sum(len(piece) for piece in iter(lambda: stream.read(MB), b"")) == size


def test_it_is_read_from_any_place(storage: Storage) -> None:
    content = os.urandom(700_000)
    key, _ = storage.save(io.BytesIO(content), limit=MB)
    with storage.open(key) as stream:
        assert stream.seek(0, io.SEEK_END) == len(content)
        assert stream.read(1) == b""
        stream.seek(600_000)
        assert stream.read(50) == content[600_000:600_050]
        stream.seek(-10, io.SEEK_CUR)
        assert stream.read(10) == content[600_040:600_050]
        stream.seek(3)
        assert (stream.tell(), stream.read()) == (3, content[3:])


def test_the_same_key_again_takes_the_place(storage: Storage) -> None:
    storage.save(io.BytesIO(b"first"), limit=MB, key="mine")
    assert storage.save(io.BytesIO(b"second"), limit=MB, key="mine") == ("mine", 6)
    assert read(storage, "mine") == b"second"


@pytest.mark.parametrize("size", [3 * MB, 20 * MB], ids=["in one piece", "in parts"])
def test_of_what_is_too_large_or_breaks_off_nothing_stays(storage: Storage, size: int) -> None:
    with pytest.raises(FileTooLargeError):
        storage.save(Zeros(size), limit=size - 1, key="mine")
    with pytest.raises(ConnectionResetError):
        storage.save(Breaks(size), limit=size + 1, key="mine")
    assert is_missing(storage, "mine")
    assert storage.remove_partials(older_than=-60) == 0


def test_what_is_gone_is_said_to_be_missing(storage: Storage) -> None:
    key, _ = storage.save(io.BytesIO(b"x"), limit=MB)
    storage.delete(key)
    storage.delete(key)
    storage.delete("")
    assert is_missing(storage, key)
    assert is_missing(storage, "")
    with pytest.raises(MissingFileError), storage.on_disk(key):
        pass


def test_on_disk_as_a_file_and_back(storage: Storage) -> None:
    key, _ = storage.save(io.BytesIO(b"one"), limit=MB)
    with storage.on_disk(key) as path:
        assert path.read_bytes() == b"one"
    with storage.on_disk(key, keep_changes=True) as path:
        path.write_bytes(b"another")
    assert read(storage, key) == b"another"


def test_a_good_storage_passes_the_check_and_stays_empty(storage: Storage, tmp_path: Path) -> None:
    storage.check()
    assert list((tmp_path / "files").glob("*")) == []


def test_a_bucket_is_streamed_and_not_held_in_memory(bucket: Bucket) -> None:
    storage, size = bucket.storage(), 80 * MB
    storage.check()  # what boto3 itself takes is there before the measuring begins
    tracemalloc.start()
    try:
        key, _ = storage.save(Zeros(size), limit=size)
        with storage.open(key) as stream:
            while stream.read(MB):
                pass
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < size / 2


def test_uploads_that_a_killed_process_left_are_removed(bucket: Bucket) -> None:
    bucket.client.create_multipart_upload(Bucket=BUCKET, Key="shop/half")
    bucket.client.create_multipart_upload(Bucket=BUCKET, Key="somebody-else/half")
    storage = bucket.storage()
    # The server dates every upload to the year 2010.
    assert storage.remove_partials(older_than=100 * 365 * 86_400) == 0
    assert storage.remove_partials(older_than=-60) == 1
    left = bucket.client.list_multipart_uploads(Bucket=BUCKET)["Uploads"]
    assert [upload["Key"] for upload in left] == ["somebody-else/half"]


def test_the_prefix_keeps_installations_apart(bucket: Bucket) -> None:
    bucket.storage("s3://wotnot-files").save(io.BytesIO(b"x"), limit=MB, key="a")
    bucket.storage("s3://wotnot-files/two/deep/").save(io.BytesIO(b"y"), limit=MB, key="a")
    assert bucket.names() == ["a", "two/deep/a"]


@pytest.mark.parametrize(
    ("break_it", "words"),
    [
        (lambda bucket: bucket.storage("s3://no-such-bucket"), "There is no bucket no-such-bucket. Make it, or correct STORAGE_URL."),
        (lambda bucket: bucket.ask_for_known_keys() or bucket.storage(), "The storage does not know the key. Correct AWS_ACCESS_KEY_ID."),
    ],
    ids=["bucket", "key"],
)  # fmt: skip
def test_a_wrong_setting_is_said_in_one_sentence(
    bucket: Bucket, break_it: Callable[[Bucket], Storage], words: str
) -> None:
    storage = break_it(bucket)
    with pytest.raises(MisconfiguredStorageError) as caught:
        storage.check()
    assert caught.value.reason == words
    with pytest.raises(StorageError):
        storage.save(io.BytesIO(b"x"), limit=MB)


def test_a_bucket_that_is_away_may_come_back(bucket: Bucket) -> None:
    storage = bucket.storage(endpoint_url="http://127.0.0.1:9")
    with pytest.raises(StorageError, match="does not answer") as caught:
        storage.check()
    assert not isinstance(caught.value, MisconfiguredStorageError)
    assert "try again" in caught.value.detail.lower()


def test_a_folder_that_cannot_be_written_to(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("not a folder")
    storage = LocalStorage(tmp_path / "file")
    with pytest.raises(MisconfiguredStorageError, match="STORAGE_PATH"):
        storage.check()
    with pytest.raises(StorageError, match="cannot be written to"):
        storage.save(io.BytesIO(b"x"), limit=MB)


def test_a_local_installation_does_not_load_what_talks_to_buckets(environment: dict[str, str]) -> None:
    program = "import sys; from wotnot import create_app; create_app(); print('boto3' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"
