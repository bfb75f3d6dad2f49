"""Where the bytes of uploaded files lie: in a folder that every process shares, or in an S3-compatible bucket. Leaves.

A file is known by its key, a name that says nothing about its owner; a half-written file never has a key.
"""

from functools import cache

from wotnot.config import Config
from wotnot.services.storage.base import (
    FileTooLargeError,
    MisconfiguredStorageError,
    MissingFileError,
    Readable,
    Storage,
    StorageError,
)
from wotnot.services.storage.local import LocalStorage

__all__ = [
    "FileTooLargeError",
    "LocalStorage",
    "MisconfiguredStorageError",
    "MissingFileError",
    "Readable",
    "Storage",
    "StorageError",
    "storage_for",
]


@cache
def storage_for(config: Config) -> Storage:
    """The storage of an installation; the same object for the same configuration."""
    if not config.storage_url:
        return LocalStorage(config.storage_path)
    # Only who has a bucket pays for what talks to it.
    from wotnot.services.storage.s3 import S3Storage

    return S3Storage(
        config.storage_url,
        endpoint_url=config.s3_endpoint_url,
        region=config.aws_region,
        access_key_id=config.aws_access_key_id,
        secret_access_key=config.aws_secret_access_key,
    )
