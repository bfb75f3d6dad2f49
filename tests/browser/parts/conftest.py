"""The gallery of parts, opened in the session's browser."""

import threading
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page
from werkzeug.serving import make_server

from tests.browser.parts.gallery import Site, create_site


@pytest.fixture
def site() -> Site:
    return Site()


@pytest.fixture
def parts_url(site: Site) -> Iterator[str]:
    """The gallery on a free port; its address without a slash at the end."""
    server = make_server("127.0.0.1", 0, create_site(site), threaded=True)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    site.break_streams()
    server.shutdown()
    thread.join(timeout=5)
    server.server_close()


@pytest.fixture
def page(browser: Browser, parts_url: str) -> Iterator[Page]:
    """A page at 1280 px whose console must stay free of errors, refused content included."""
    context = browser.new_context(base_url=parts_url, viewport={"width": 1280, "height": 900}, color_scheme="light")
    page = context.new_page()
    complaints: list[str] = []
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    yield page
    context.close()
    # A refused request is written to the console by the browser itself; the tests of that case ask for it.
    asked_for = ("status of 503", "status of 409", "from /refused", "INCOMPLETE_CHUNKED", "ERR_EMPTY")
    unexpected = [text for text in complaints if not any(part in text for part in asked_for)]
    assert not unexpected, unexpected
