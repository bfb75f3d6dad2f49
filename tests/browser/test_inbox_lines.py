"""A line to the inbox that is cut, falls silent, or ends at a dead process: nothing that was said meanwhile is missed."""

from collections.abc import Callable, Iterator
from contextlib import suppress

import psutil
import pytest
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import Product, sign_in
from tests.browser.inbox_page import SOON, entries, open_thread, write
from tests.sandbox_control import SandboxControl
from tests.servers import wait_until
from tests.silent_line import SilentLine

LOST = r"net::ERR_|Failed to fetch|htmx:(afterRequest|sendError|responseError|timeout)|status of 50[0-9]"
"""What a console says while the network or the server is away."""


def test_a_line_that_was_cut_loses_nothing(
    open_context: Callable[..., BrowserContext], product: Product, phone: SandboxControl
) -> None:
    context = open_context(forgive=LOST)
    page = sign_in(context.new_page(), product)
    open_thread(page)
    began = page.evaluate("performance.timeOrigin")
    context.set_offline(True)
    with page.expect_event("requestfailed", timeout=2 * SOON):
        for number in range(3):
            write(phone, f"Said meanwhile, number {number}")
    expect(entries(page)).not_to_contain_text("Said meanwhile")
    context.set_offline(False)
    for number in range(3):
        expect(entries(page).get_by_text(f"Said meanwhile, number {number}")).to_have_count(1, timeout=SOON)
    write(phone, "And it goes on")
    expect(entries(page)).to_contain_text("And it goes on")
    assert page.evaluate("performance.timeOrigin") == began, "the page was reloaded"


@pytest.fixture
def line(product: Product) -> Iterator[SilentLine]:
    """A way to the product that can fall silent."""
    line = SilentLine(int(product.url.rpartition(":")[2]))
    yield line
    line.close()


def test_a_line_that_died_silently_is_noticed(
    open_context: Callable[..., BrowserContext], product: Product, phone: SandboxControl, line: SilentLine
) -> None:
    """After sleep, or in another network: TCP would say so after minutes."""
    page = sign_in(open_context(base_url=line.address, forgive=LOST).new_page(), product)
    open_thread(page)
    expect(page.locator("#message-body")).to_be_visible()
    wait_until(lambda: line.stream_count, 10, "a stream")
    write(phone, "Before the silence")
    expect(entries(page)).to_contain_text("Before the silence")
    began = page.evaluate("performance.timeOrigin")
    line.fall_silent()
    write(phone, "Said into the silence")
    expect(entries(page)).to_contain_text("Said into the silence", timeout=2 * SOON)
    assert page.evaluate("performance.timeOrigin") == began, "the page was reloaded"


def test_a_web_process_that_is_killed_loses_nothing(
    open_context: Callable[..., BrowserContext], product: Product, phone: SandboxControl
) -> None:
    page = sign_in(open_context(forgive=LOST).new_page(), product)
    open_thread(page)
    began = page.evaluate("performance.timeOrigin")
    mine = psutil.Process(product.pid).children(recursive=True)
    web = [one for one in mine if _is_web(one)]
    assert web
    for one in web:
        one.kill()
    write(phone, "Said while nobody was there")
    line = entries(page).get_by_text("Said while nobody was there")
    expect(line).to_have_count(1, timeout=4 * SOON)
    assert page.evaluate("performance.timeOrigin") == began, "the page was reloaded"


def _is_web(process: psutil.Process) -> bool:
    with suppress(psutil.Error):  # a job's process may have ended meanwhile
        return any("gunicorn" in word for word in process.cmdline())
    return False
