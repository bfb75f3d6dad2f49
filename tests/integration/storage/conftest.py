"""A bucket: moto's server speaks S3's protocol on loopback, and forgets everything when it ends."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
import pytest
import requests
from flask import Flask

from tests.conftest import answers
from tests.servers import VENV_BIN, Processes, free_port, wait_until
from wotnot import Config
from wotnot.services.storage.s3 import S3Storage

BUCKET = "wotnot-files"


@dataclass(frozen=True, slots=True)
class Bucket:
    """The bucket BUCKET of the server at `url`."""

    url: str
    client: Any

    def storage(self, url: str = f"s3://{BUCKET}/shop", **options: str) -> S3Storage:
        """A storage in it."""
        options = {
            "endpoint_url": self.url,
            "region": "us-east-1",
            "access_key_id": "k",
            "secret_access_key": "s",
        } | options
        return S3Storage(url, **options)

    def names(self) -> list[str]:
        """What lies in it."""
        return [one["Key"] for one in self.client.list_objects_v2(Bucket=BUCKET).get("Contents", ())]

    def ask_for_known_keys(self) -> None:
        """From the next call on the server takes only keys that it has made."""
        requests.post(f"{self.url}/moto-api/reset-auth", data=b"0", timeout=5).raise_for_status()


@pytest.fixture(scope="session")
def s3_server(environment: dict[str, str], folder: Path) -> Iterator[str]:
    """The server's address."""
    url = f"http://127.0.0.1:{free_port()}"
    processes = Processes(environment, folder / "log")
    processes.start("s3", str(VENV_BIN / "moto_server"), "-H", "127.0.0.1", "-p", url.rsplit(":", 1)[1])
    try:
        wait_until(lambda: answers(f"{url}/moto-api/data.json"), 60, "the S3 server")
        yield url
    finally:
        processes.stop()


@pytest.fixture
def bucket(s3_server: str) -> Bucket:
    """An empty bucket."""
    for path, body in (("reset", b""), ("reset-auth", b"1000000")):
        requests.post(f"{s3_server}/moto-api/{path}", data=body, timeout=5).raise_for_status()
    keys = {"aws_access_key_id": "k", "aws_secret_access_key": "s", "region_name": "us-east-1"}
    client = boto3.session.Session().client("s3", endpoint_url=s3_server, **keys)
    client.create_bucket(Bucket=BUCKET)
    return Bucket(s3_server, client)


@pytest.fixture
def on_s3(app: Flask, config: Config, bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Config]:
    """Call it to let the app keep its files in the bucket; settings may be given otherwise."""

    def use(**settings: str) -> Config:
        wanted = {
            "storage_url": f"s3://{BUCKET}/shop",
            "s3_endpoint_url": bucket.url,
            "aws_region": "us-east-1",
            "aws_access_key_id": "k",
            "aws_secret_access_key": "s",
        }
        changed = replace(config, **wanted | settings)  # type: ignore[arg-type]
        monkeypatch.setitem(app.extensions, "wotnot.config", changed)
        return changed

    return use
