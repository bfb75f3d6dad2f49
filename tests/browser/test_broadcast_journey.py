"""A broadcast made and watched in a real browser, all of WotNot running: the page follows along without being reloaded."""

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import PHONE, Product, sign_in
from tests.browser.wizard import ASKS_FIRST, send, write_message

SOON = 15_000
LONG = 90_000


def make_draft(page: Page, name: str) -> None:
    """Through audience, message and when, to the check page. Goes to the first tag's people."""
    page.goto("/app/broadcasts/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label(re.compile("People with a tag")).check()
    page.locator("input[name=tags]").first.check()
    expect(page.locator("#count")).to_contain_text("Get the message")
    expect(page.locator("#count")).not_to_contain_text("Choose one or more tags")
    page.get_by_role("button", name="Continue to Message").click()
    write_message(page)
    page.get_by_role("button", name="Continue to Check").click()
    expect(page.get_by_role("heading", level=2).first).to_contain_text("will get this message")


def test_from_the_first_page_to_the_last_receipt(
    open_context: Callable[..., BrowserContext], product: Product, quick_number: None
) -> None:
    member = sign_in(open_context(forgive=ASKS_FIRST).new_page(), product)
    make_draft(member, "Journey")
    member.locator("#walk-row").fill("2")
    member.locator("#walk-row").press("Enter")
    expect(member.locator("#walk-row")).to_have_value("2")
    send(member)
    expect(member.get_by_role("heading", level=1)).to_have_text("Journey")
    loads = member.evaluate("performance.getEntriesByType('navigation').length && performance.timeOrigin")
    expect(member.locator("#progress")).to_contain_text("Sending", timeout=SOON)
    expect(member.locator("#progress .wn-title")).to_contain_text("Finished", timeout=LONG)
    expect(member.locator("#progress")).to_contain_text("Delivered", timeout=SOON)
    assert member.evaluate("performance.timeOrigin") == loads, "the page was reloaded"
    member.get_by_role("link", name=re.compile("^Delivered")).click()
    expect(member.locator("#recipients tbody tr").first).to_be_visible()
    member.goto(member.url.partition("?")[0])
    member.locator("#recipients summary", has_text="Export").click()
    with member.expect_download() as download:
        member.get_by_role("link", name="CSV file").click()
    assert download.value.path().read_text(encoding="utf-8-sig").startswith("name,phone,state")


def test_pausing_resuming_and_cancelling_on_a_phone(
    open_context: Callable[..., BrowserContext], product: Product
) -> None:
    page = sign_in(open_context(viewport=PHONE, forgive=ASKS_FIRST).new_page(), product)
    make_draft(page, "Stop and go")
    send(page)
    page.get_by_role("button", name="Pause").click(timeout=SOON)
    expect(page.locator("#progress .wn-title")).to_contain_text("Paused")
    done = page.locator("#progress .wn-big").inner_text()
    page.wait_for_timeout(2500)
    page.reload()
    later = page.locator("#progress .wn-big").inner_text()
    assert int(later.split()[0].replace(",", "")) - int(done.split()[0].replace(",", "")) <= 60
    page.get_by_role("button", name="Resume").click()
    expect(page.locator("#progress .wn-title")).to_contain_text("Sending")
    page.get_by_role("link", name=re.compile("^Cancel")).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button").first).to_be_focused()
    dialog.get_by_role("button", name=re.compile("^Keep")).click()
    expect(dialog).to_be_hidden()
    page.wait_for_timeout(1500)
    expect(dialog).to_be_hidden()
    page.get_by_role("link", name=re.compile("^Cancel")).click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^Cancel")).click()
    expect(page.locator("#progress .wn-title")).to_contain_text("Cancelled")
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
