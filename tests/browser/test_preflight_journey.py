"""The check page in a real browser: leaving people out, a test on the customer's phone, a copy, and the same message again."""

import re
from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Product, sign_in
from tests.browser.looking import find_faults, in_short
from tests.browser.wizard import ASKS_FIRST, send, write_message

SOON = 15_000
LONG = 90_000


def to_the_check_page(page: Page, name: str) -> None:
    """A draft to everybody; the demo's ledger knows some who could not be reached."""
    page.goto("/app/broadcasts/new")
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Continue to Message").click()
    write_message(page)
    page.get_by_label("If WotNot was not running at that time").select_option(label="At most 3 h late")
    page.get_by_role("button", name="Continue to Check").click()


def assert_usable(page: Page) -> None:
    """Axe has nothing against the page, in either theme."""
    for scheme in ("dark", "light"):
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        expect(page.locator("html")).to_have_attribute("data-bs-theme", scheme)
        assert not in_short(find_faults(page))


def people_in(page: Page) -> int:
    words = page.get_by_role("heading", name=re.compile("will get this message")).inner_text()
    return int(words.split()[0].replace(",", ""))


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_who_could_not_be_reached_is_left_out_by_the_keyboard(
    size: dict[str, int], open_context: Callable[..., BrowserContext], product: Product
) -> None:
    page = sign_in(open_context(viewport=size).new_page(), product)
    to_the_check_page(page, "Left out")
    assert_usable(page)
    before = people_in(page)
    line = page.get_by_role("listitem").filter(has_text="could not be reached before")
    hidden = int(line.get_by_role("link").inner_text().split()[1])
    line.get_by_role("link").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("who could not be reached before")
    expect(page.locator("tbody tr")).to_have_count(min(hidden, 40))
    page.get_by_role("main").get_by_role("link", name="Back to Check").click()
    line.get_by_role("button", name="Leave them out").press("Enter")
    expect(page.get_by_role("button", name="Keep them in")).to_be_visible()
    assert people_in(page) == before - hidden
    assert_usable(page)
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    page.get_by_role("button", name="Keep them in").click()
    expect(page.get_by_role("button", name="Leave them out")).to_be_visible()
    assert people_in(page) == before


def test_a_test_then_all_then_the_same_again_asks_first(
    open_context: Callable[..., BrowserContext], product: Product
) -> None:
    page = sign_in(open_context(forgive=ASKS_FIRST).new_page(), product)
    to_the_check_page(page, "Once")
    page.locator("#walk-row").fill("2")
    page.locator("#walk-row").press("Enter")
    expect(page.locator("#walk-row")).to_have_value("2")
    expect(page.locator("#preview input[type=hidden][name=row]")).to_have_value("2")
    page.get_by_label("Your number").fill("nobody")
    page.get_by_role("button", name="Send a test").click()
    expect(page.locator("#f-to-error")).to_be_visible()
    page.get_by_label("Your number").fill("+27 82 555 0188")
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("The test is on its way to +27 82 555 0188.")).to_be_visible()
    send(page)
    page.get_by_role("button", name="Pause").click(timeout=SOON)
    page.get_by_role("button", name="Copy").click(timeout=SOON)
    expect(page.get_by_role("heading", level=1)).to_have_text("Copy of Once")
    page.get_by_role("button", name=re.compile("^Send to [0-9]")).click()
    asked = page.get_by_role("alert").filter(has_text="Nothing was sent yet")
    expect(asked).to_contain_text("“Once” went to")
    expect(asked.get_by_role("link", name="See that one")).to_have_attribute(
        "href", re.compile(r"/app/broadcasts/\d+$")
    )
    page.get_by_role("button", name=re.compile("^Send once more to [0-9]")).click()
    page.wait_for_url(re.compile(r"/app/broadcasts/\d+$"))
    expect(page.locator("#progress")).to_contain_text("Sending", timeout=SOON)
    page.get_by_role("link", name=re.compile("^Cancel")).click()
    page.get_by_role("dialog").get_by_role("button", name=re.compile("^Cancel")).click()
    expect(page.locator("#progress .wn-title")).to_contain_text("Cancelled")
