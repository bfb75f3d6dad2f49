"""The pace of a broadcast in a real browser: the workspace's settings, every option of the When page, and what is held until when."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Product, sign_in
from tests.browser.wizard import ASKS_FIRST, send, write_message

SOON = 30_000
HOME = ZoneInfo("Africa/Johannesburg")


@pytest.fixture
def considerate(open_context: Callable[..., BrowserContext], product: Product) -> Iterator[None]:
    """It is quiet where the demo's people are, for two hours yet, and nobody gets more than nine messages a week."""
    page = sign_in(open_context().new_page(), product)
    here = datetime.now(HOME)
    save_pace(page, f"{here - timedelta(hours=1):%H:%M}", f"{here + timedelta(hours=2):%H:%M}", "9")
    yield
    save_pace(page, "", "", "")


def save_pace(page: Page, quiet_from: str, quiet_to: str, most: str) -> None:
    page.goto("/app/settings/pace")
    page.get_by_label("Quiet from").fill(quiet_from)
    page.get_by_label("Quiet until").fill(quiet_to)
    page.get_by_label("Marketing messages").fill(most)
    page.get_by_role("button", name="Save the pace").click()
    expect(page.get_by_role("status").filter(has_text="Saved").first).to_be_visible()


def to_the_when_page(page: Page, name: str) -> None:
    """A draft of a marketing template to the people of the first tag."""
    page.goto("/app/broadcasts/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_label(re.compile("People with a tag")).check()
    page.locator("input[name=tags]").first.check()
    page.get_by_role("button", name="Continue to Message").click()
    write_message(page)
    page.get_by_text("Slower, gentler, or over several days").click()


def cancel(page: Page) -> None:
    page.get_by_role("link", name=re.compile("^Cancel")).click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^Cancel")).click()
    expect(page.locator("#progress .wn-title")).to_contain_text("Cancelled")


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_whom_it_is_quiet_for_is_held_and_the_page_says_until_when(
    size: dict[str, int], considerate: None, open_context: Callable[..., BrowserContext], product: Product
) -> None:
    page = sign_in(open_context(viewport=size, forgive=ASKS_FIRST).new_page(), product)
    to_the_when_page(page, "At night")
    expect(page.get_by_label("Send in quiet hours too")).not_to_be_checked()
    page.get_by_role("button", name="Continue to Check").click()
    send(page)
    held = page.get_by_role("list", name="Held")
    expect(held).to_contain_text("Quiet hours", timeout=SOON)
    expect(page.locator("#progress")).to_contain_text("The next goes")
    held.get_by_role("link", name=re.compile("held:$")).click()
    expect(page.locator("#recipients tbody tr").first).to_contain_text(re.compile("Held until .*quiet hours"))
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    cancel(page)


def test_every_option_of_the_pace_is_kept_said_and_done(
    considerate: None, open_context: Callable[..., BrowserContext], product: Product
) -> None:
    page = sign_in(open_context(forgive=ASKS_FIRST).new_page(), product)
    to_the_when_page(page, "Gently")
    page.get_by_label("Spread evenly over").fill("soon")
    page.get_by_label("At most so many people a day").fill("some")
    page.get_by_role("button", name="Continue to Check").click()
    expect(page.locator("#f-spread_amount-error")).to_contain_text("Give a number of hours or days")
    expect(page.locator("#f-daily_most-error")).to_contain_text("Give a whole number of people")
    page.get_by_label("Spread evenly over").fill("3")
    page.get_by_label("Hours or days").select_option(label="hours")
    page.get_by_label("At most so many people a day").fill("30")
    page.get_by_label("People to whom Meta does not deliver for now").select_option(index=1)
    page.get_by_label("Send in quiet hours too").check()
    page.get_by_label("Also to people who have had their share of marketing").check()
    page.get_by_label("If WotNot was not running at that time").select_option(label="At most 3 h late")
    page.get_by_role("button", name="Continue to Check").click()
    expect(page.get_by_role("main")).to_contain_text(
        re.compile("spread evenly over 3 h.*at most 30 people a day", re.IGNORECASE)
    )
    when = page.url.replace("/check", "/when")
    page.goto(when)
    expect(page.get_by_label("Spread evenly over")).to_have_value("3")
    expect(page.get_by_label("At most so many people a day")).to_have_value("30")
    expect(page.get_by_label("Send in quiet hours too")).to_be_checked()
    expect(page.get_by_label("Also to people who have had their share of marketing")).to_be_checked()
    page.get_by_role("button", name="Continue to Check").click()
    send(page)
    held = page.get_by_role("list", name="Held")
    expect(held).to_contain_text("Spread over time", timeout=SOON)
    expect(held).to_contain_text("So many people a day")
    expect(held).not_to_contain_text("Quiet hours")
    cancel(page)
