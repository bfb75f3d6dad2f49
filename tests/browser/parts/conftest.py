"""The gallery of parts, opened in the session's browser."""

import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page
from werkzeug.serving import BaseWSGIServer, make_server

from tests.browser.conftest import DESKTOP
from tests.browser.parts.gallery import Site, create_site
from tests.browser.windows import Windows


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture(scope="session")
def parts_server() -> Iterator[BaseWSGIServer]:
    """A server on a free port, whose `app` is the test's."""
    server = make_server("127.0.0.1", 0, create_site(Site()), threaded=True)
    server.daemon_threads = True  # type: ignore[attr-defined]
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    thread.join(timeout=5)
    server.server_close()


@pytest.fixture
def parts_url(site: Site, parts_server: BaseWSGIServer) -> Iterator[str]:
    """Where the gallery is; the address without a slash at the end."""
    parts_server.app = create_site(site)
    yield f"http://127.0.0.1:{parts_server.server_port}"
    site.break_streams()


@pytest.fixture
def page(windows: Windows, parts_url: str) -> Iterator[Page]:
    """A page at 1280 px whose console must stay free of errors, refused content included."""
    context = windows.open(base_url=parts_url, viewport=DESKTOP, color_scheme="light")
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield page
    windows.take_back(context, [parts_url])
    # A refused request is written to the console by the browser itself; the tests of that case ask for it.
    asked_for = ("status of 503", "status of 409", "from /refused", "INCOMPLETE_CHUNKED", "ERR_EMPTY")
    unexpected = [text for text in complaints if not any(part in text for part in asked_for)]
    assert not unexpected, unexpected
