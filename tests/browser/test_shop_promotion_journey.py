"""The shop's owner promotes a product on chosen days, sees the days before they are saved, and imports the customers."""

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Product, sign_in
from tests.browser.test_shop_journey import SOON, look


def test_a_product_is_promoted_on_chosen_days(open_context: Callable[..., BrowserContext], product: Product) -> None:
    page = sign_in(open_context().new_page(), product)
    _open_shop(page)
    shop = page.url
    page.get_by_role("link", name="Promotions").click()
    choose = page.get_by_role("link", name="Choose a product")
    expect(choose).to_be_visible()
    look(page)
    choose.click()
    expect(page.get_by_role("link", name="Promote Snake plant")).to_be_visible()
    look(page)
    page.get_by_role("link", name="Promote Snake plant").click()
    page.get_by_label("Template", exact=True).select_option(label="spring_offer, English")
    bubble = page.locator("#preview .wn-wa").first
    expect(bubble).to_be_visible()
    page.get_by_role("radio", name=re.compile("^Everybody")).check()
    page.get_by_role("radio", name=re.compile("^On chosen days")).check()
    page.get_by_label("Monday").check()
    page.get_by_label("Thursday").check()
    expect(page.locator("#plan-words")).to_contain_text(re.compile(r"Mondays and Thursdays at 09:00, .*: 8 broadcasts"))
    look(page)
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url(re.compile(r"/promotions/\d+$"), timeout=SOON)
    expect(page.get_by_text("Goes on", exact=True)).to_be_visible()
    expect(page.get_by_text("No day has come yet")).to_be_visible()
    look(page)
    page.get_by_role("link", name="Edit", exact=True).click()
    expect(page.locator("#plan-words")).to_contain_text("Mondays and Thursdays at 09:00")
    look(page)
    page.get_by_label("Tuesday").check()
    page.get_by_label("Time", exact=True).fill("15:30")
    expect(page.locator("#plan-words")).to_contain_text("Mondays, Tuesdays and Thursdays at 15:30")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url(re.compile(r"/promotions/\d+$"), timeout=SOON)
    expect(page.get_by_role("main")).to_contain_text("Mondays, Tuesdays and Thursdays at 15:30")
    page.get_by_role("button", name="Pause").click()
    expect(page.get_by_text("Paused", exact=True)).to_be_visible()
    page.goto(f"{shop}/promotions")
    expect(page.locator("#promotions")).to_contain_text("Snake plant")
    look(page)
    _import_customers(page, shop)


def _open_shop(page: Page) -> None:
    """The sandbox's shop, connected by whichever journey came first."""
    page.goto("/app/shops")
    connect = page.get_by_role("button", name="Connect the sandbox shop")
    entry = page.locator("#shop-list a.wn-plain").first
    expect(connect.or_(entry)).to_be_visible()
    if connect.is_visible():
        connect.click()
    else:
        entry.click()
    page.wait_for_url(re.compile(r"/app/shops/\d+$"), timeout=SOON)


def _import_customers(page: Page, shop: str) -> None:
    page.goto(f"{shop}/customers")
    expect(page.get_by_text(re.compile(r"6 customers with an account and \d+ orders"))).to_be_visible()
    look(page)
    page.get_by_role("button", name="Import the customers").click()
    expect(page.locator("#customer-import")).to_contain_text("The customers are imported", timeout=SOON)
    expect(page.locator("#customer-import")).to_contain_text("Consent taken from the box")
    look(page)
