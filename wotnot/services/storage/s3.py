"""Files in a bucket of Amazon S3, or of anything that speaks its protocol: MinIO, Ceph, R2, Spaces and others.

boto3 takes half a second to import, so it is imported at the first call and by nobody else.
"""

import io
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wotnot.services.storage.base import (
    FileTooLargeError,
    MisconfiguredStorageError,
    MissingFileError,
    Readable,
    StorageError,
    new_key,
)

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

CONNECT_SECONDS, READ_SECONDS = 5, 30
TRIES = 3
_PART = 8 << 20
_BUFFER = 256 << 10
_PROBE = ".wotnot-check"
_MISSING = frozenset({"404", "NoSuchKey", "NotFound"})
# What no waiting mends, by the code that S3 answers.
_MISCONFIGURED = {
    "NoSuchBucket": "There is no bucket {bucket}. Make it, or correct STORAGE_URL.",
    "InvalidBucketName": "{bucket} cannot be the name of a bucket. Correct STORAGE_URL.",
    "InvalidAccessKeyId": "The storage does not know the key. Correct AWS_ACCESS_KEY_ID.",
    "SignatureDoesNotMatch": "The storage refuses the key's secret. Correct AWS_SECRET_ACCESS_KEY.",
    "AccessDenied": "The key may not write to the bucket {bucket}. Allow it to get, put and delete objects there.",
    "AllAccessDisabled": "The bucket {bucket} is closed. Correct STORAGE_URL.",
    "PermanentRedirect": "The bucket {bucket} lies in another region. Correct AWS_REGION.",
    "AuthorizationHeaderMalformed": "The bucket {bucket} lies in another region. Correct AWS_REGION.",
    "IllegalLocationConstraintException": "The bucket {bucket} lies in another region. Correct AWS_REGION.",
}


class S3Storage:
    """Everything lies under `prefix/` of one private bucket. Safe to share between threads and to carry over a fork."""

    is_remote = True

    def __init__(
        self,
        url: str,
        *,
        endpoint_url: str = "",
        region: str = "",
        access_key_id: str = "",
        secret_access_key: str = "",
    ) -> None:
        """`url` is s3://bucket or s3://bucket/prefix. Without a key boto3 looks where AWS's own tools do."""
        parts = urlsplit(url)
        self._bucket = parts.netloc
        self._prefix = f"{parts.path.strip('/')}/" if parts.path.strip("/") else ""
        self._options = {
            "endpoint_url": endpoint_url or None,
            "region_name": region or None,
            "aws_access_key_id": access_key_id or None,
            "aws_secret_access_key": secret_access_key or None,
        }
        self._made: tuple[int, Any] = (0, None)

    def save(self, stream: Readable, *, limit: int, key: str = "") -> tuple[str, int]:
        """See Storage. What is larger than a few megabytes goes out in parts, of which one at a time is in memory."""
        from boto3.s3.transfer import TransferConfig

        key, counted = key or new_key(), _Counted(stream, limit)
        settings = TransferConfig(multipart_threshold=_PART, multipart_chunksize=_PART, use_threads=False)
        with self._refusals():
            self._client().upload_fileobj(counted, self._bucket, self._name(key), Config=settings)
        return key, counted.size

    def open(self, key: str) -> IO[bytes]:
        """See Storage."""
        with self._refusals():
            facts = self._client().head_object(Bucket=self._bucket, Key=self._name(key))
        return io.BufferedReader(_S3File(self, key, int(facts["ContentLength"])), _BUFFER)

    @contextmanager
    def on_disk(self, key: str, *, keep_changes: bool = False) -> Iterator[Path]:
        """See Storage. It is a copy in a folder of its own."""
        with tempfile.TemporaryDirectory(prefix="wotnot-") as folder:
            path = Path(folder, "file")
            with self.open(key) as source, path.open("wb") as target:
                shutil.copyfileobj(source, target, _BUFFER)
            before = path.stat()
            yield path
            after = path.stat()
            if keep_changes and (after.st_mtime_ns, after.st_size) != (before.st_mtime_ns, before.st_size):
                with path.open("rb") as changed:
                    self.save(changed, limit=after.st_size, key=key)

    def delete(self, key: str) -> None:
        """See Storage."""
        if key:
            with self._refusals(), suppress(MissingFileError):
                self._client().delete_object(Bucket=self._bucket, Key=self._name(key))

    def remove_partials(self, *, older_than: float) -> int:
        """See Storage. Here they are uploads in parts that nobody ended."""
        limit, removed = datetime.now(UTC) - timedelta(seconds=older_than), 0
        with self._refusals():
            pages = self._client().get_paginator("list_multipart_uploads")
            for page in pages.paginate(Bucket=self._bucket, Prefix=self._prefix):
                for upload in page.get("Uploads", ()):
                    if upload["Initiated"] < limit:
                        self._abort(upload)
                        removed += 1
        return removed

    def check(self) -> None:
        """See Storage. It writes: a key that may only read is of no use, and only a refused write says why."""
        name = self._name(_PROBE)
        with self._refusals():
            try:
                self._client().put_object(Bucket=self._bucket, Key=name, Body=b"")
                self._client().delete_object(Bucket=self._bucket, Key=name)
            except MissingFileError:
                raise MisconfiguredStorageError(self._words("NoSuchBucket")) from None

    def get(self, key: str, offset: int) -> Any:
        """The bytes from `offset` on, as a stream. Raises MissingFileError, StorageError."""
        with self._refusals():
            answer = self._client().get_object(Bucket=self._bucket, Key=self._name(key), Range=f"bytes={offset}-")
        return answer["Body"]

    def _abort(self, upload: dict[str, Any]) -> None:
        self._client().abort_multipart_upload(Bucket=self._bucket, Key=upload["Key"], UploadId=upload["UploadId"])

    def _name(self, key: str) -> str:
        return self._prefix + key

    def _words(self, code: str) -> str:
        return _MISCONFIGURED[code].format(bucket=self._bucket)

    def _client(self) -> Any:
        """One client a process: its connections must not be shared over a fork."""
        pid, client = self._made
        if pid != os.getpid():
            client = self._make_client()
            self._made = (os.getpid(), client)
        return client

    def _make_client(self) -> Any:
        import boto3
        from botocore.config import Config

        settings = Config(
            connect_timeout=CONNECT_SECONDS,
            read_timeout=READ_SECONDS,
            retries={"mode": "standard", "total_max_attempts": TRIES},
            # Amazon's newest checksums are not understood everywhere else.
            request_checksum_calculation="when_required",
            response_checksum_validation="when_required",
            # A server of one's own rarely has a host name for each bucket.
            s3={"addressing_style": "path" if self._options["endpoint_url"] else "auto"},
        )
        return boto3.session.Session().client("s3", config=settings, **self._options)

    @contextmanager
    def _refusals(self) -> Iterator[None]:
        """boto3's errors as ours."""
        from boto3.exceptions import Boto3Error
        from botocore.exceptions import BotoCoreError, ClientError, NoCredentialsError

        try:
            yield
        except ClientError as error:
            raise self._refusal(str(error.response.get("Error", {}).get("Code", ""))) from error
        except NoCredentialsError as error:
            words = "The storage needs a key. Set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY."
            raise MisconfiguredStorageError(words) from error
        except (BotoCoreError, Boto3Error) as error:
            raise StorageError(
                f"The storage of bucket {self._bucket} does not answer ({type(error).__name__})."
            ) from error

    def _refusal(self, code: str) -> MissingFileError | StorageError:
        if code in _MISSING:
            return MissingFileError()
        if code in _MISCONFIGURED:
            return MisconfiguredStorageError(self._words(code))
        return StorageError(f"The storage of bucket {self._bucket} answers {code or 'with an error'}.")


class _Counted:
    """A stream that adds up what is read from it and ends it above the limit."""

    def __init__(self, stream: Readable, limit: int) -> None:
        self._stream, self._limit = stream, limit
        self.size = 0

    def read(self, size: int = _PART) -> bytes:
        """At most `size` bytes; fewer only at the end, because a part ends where a read is short."""
        pieces, wanted = [], size
        while wanted and (piece := self._stream.read(wanted)):
            pieces.append(piece)
            wanted -= len(piece)
        whole = b"".join(pieces)
        self.size += len(whole)
        if self.size > self._limit:
            raise FileTooLargeError(f"more than {self._limit} bytes")
        return whole


class _S3File(io.RawIOBase):
    """An object that is read from where one stands; a connection that breaks is made anew there."""

    def __init__(self, storage: S3Storage, key: str, size: int) -> None:
        self._storage, self._key, self._size = storage, key, size
        self._place = 0
        self._body: Any = None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._place

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        place = offset + {io.SEEK_SET: 0, io.SEEK_CUR: self._place, io.SEEK_END: self._size}[whence]
        if place != self._place:
            self._let_go()
            self._place = max(0, place)
        return self._place

    def readinto(self, target: "WriteableBuffer") -> int:
        room = memoryview(target)
        if self._place >= self._size:
            return 0
        piece = self._read(min(len(room), self._size - self._place))
        room[: len(piece)] = piece
        self._place += len(piece)
        return len(piece)

    def close(self) -> None:
        self._let_go()
        super().close()

    def _read(self, size: int) -> bytes:
        from botocore.exceptions import BotoCoreError
        from urllib3.exceptions import HTTPError

        for _ in range(TRIES):
            try:
                if self._body is None:
                    self._body = self._storage.get(self._key, self._place)
                piece: bytes = self._body.read(size)
            except (BotoCoreError, HTTPError, OSError):
                piece = b""
            if piece:
                return piece
            self._let_go()
        raise StorageError("The storage broke off in the middle of a file.")

    def _let_go(self) -> None:
        if self._body is not None:
            self._body.close()
            self._body = None
