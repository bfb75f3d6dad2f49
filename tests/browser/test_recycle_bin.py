"""A template is put away, found again, and at last deleted at Meta, which then keeps its name for a while."""

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import PHONE, Product, sign_in

SOON = 20_000


def test_put_away_and_taken_back(member: Page) -> None:
    _submit(member, "put_away")
    _put_away(member, "put_away")
    _open_in_bin(member, "put_away")
    member.get_by_role("button", name="Restore put_away").click()
    expect(member.get_by_text("put_away is back.")).to_be_visible()
    expect(member.get_by_role("link", name="Send a broadcast")).to_be_visible()
    member.set_viewport_size(PHONE)
    _put_away(member, "put_away")
    _open_in_bin(member, "put_away")


def test_deleted_at_meta_its_name_is_not_free_at_once(
    open_context: Callable[..., BrowserContext], product: Product
) -> None:
    # A refused form is a 422, which a console calls a failed request.
    page = sign_in(open_context(forgive="422").new_page(), product)
    _submit(page, "gone_for_good")
    _put_away(page, "gone_for_good")
    _open_in_bin(page, "gone_for_good")
    page.get_by_role("button", name="Delete at Meta too").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("keeps its name for 30 days")
    dialog.get_by_role("button", name="Delete it at Meta").click()
    expect(page.get_by_text("Deleted at Meta as well.")).to_be_visible(timeout=SOON)
    _fill(page, "gone_for_good")
    expect(page.locator("[data-error-summary]")).to_contain_text("Meta keeps the name", timeout=SOON)
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value("gone_for_good")


def _submit(page: Page, name: str) -> None:
    _fill(page, name)
    expect(page.locator("#template-head").get_by_text("Approved", exact=True)).to_be_visible(timeout=SOON)


def _fill(page: Page, name: str) -> None:
    page.goto("/app/templates/new")
    page.get_by_role("textbox", name="Name", exact=True).fill(name)
    page.get_by_label("Body").fill("We are open on Saturday and keep your favourites for you.")
    page.get_by_role("button", name="Submit to Meta").first.click()


def _put_away(page: Page, name: str) -> None:
    page.get_by_role("button", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Keep the template")).to_be_focused()
    dialog.get_by_role("button", name=f"Delete {name}").click()
    expect(page.get_by_text(f"{name} is in the recycle bin.")).to_be_visible()


def _open_in_bin(page: Page, name: str) -> None:
    page.get_by_role("link", name=re.compile("Recycle bin")).click()
    page.get_by_role("link", name=name).click()
    expect(page.get_by_text("In the recycle bin").first).to_be_visible()
