"""The sandbox in its default world, with its webhooks going to a receiver."""

from collections.abc import Iterator

import pytest

from tests.integration.sandbox.support import SECRET, VERIFY_TOKEN, Api, Receiver, start_sandbox, stop_sandbox


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[str]:
    process, url = start_sandbox()
    yield url
    stop_sandbox(process)


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture
def api(sandbox_process: str, receiver: Receiver) -> Iterator[Api]:
    """The sandbox in its default world, quick, with its webhooks going to `receiver`."""
    api = Api(sandbox_process)
    api.post("/sandbox/reset", {})
    api.set(
        webhook_url=receiver.url, app_secret=SECRET, verify_token=VERIFY_TOKEN, sent_after_s=0.02,
        deliver_after_s=0.1, read_after_s=0.1, review_after_s=0.1, batch_wait_ms=5, webhook_retry_s=0.1,
    )  # fmt: skip
    yield api
    api.post("/sandbox/reset", {})
    api.session.close()
