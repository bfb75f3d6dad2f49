"""What a person sees after `bin/start`: the banner's log-in works, no page of the sidebar is empty, wide or broken."""

from collections.abc import Callable

import pytest
from playwright.sync_api import BrowserContext

from tests.browser.conftest import DESKTOP, PHONE, Product, sign_in

PAGES = ("/app/", "/app/inbox", "/app/broadcasts", "/app/contacts", "/app/templates", "/app/channels", "/app/settings")


def test_the_log_in_of_the_banner_opens_the_demo_workspace(
    open_context: Callable[..., BrowserContext], product: Product
) -> None:
    page = open_context().new_page()
    page.goto(product.url)
    page.get_by_label("E-mail").fill(product.email)
    page.get_by_label("Password", exact=True).fill(product.password)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/app/")
    assert page.get_by_role("heading", level=1).inner_text() == "Overview"
    assert page.get_by_text("Casa Verde").first.is_visible()


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_every_page_of_the_sidebar_fits_and_is_quiet(
    size: dict[str, int], scheme: str, open_context: Callable[..., BrowserContext], product: Product
) -> None:
    page = sign_in(open_context(viewport=size, color_scheme=scheme).new_page(), product)
    for address in PAGES:
        response = page.goto(address)
        assert response is not None
        assert response.status == 200, address
        assert page.get_by_role("heading", level=1).count() == 1, address
        wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
        assert wide <= 0, f"{address} scrolls sideways by {wide} pixels at {size['width']}"


def test_the_customers_phone_is_where_the_banner_says(
    open_context: Callable[..., BrowserContext], product: Product
) -> None:
    page = open_context().new_page()
    page.goto(product.phone_url)
    assert page.title()
    assert page.get_by_role("heading", level=1).count() == 1
