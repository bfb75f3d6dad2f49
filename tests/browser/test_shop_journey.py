"""The shop's owner connects it on its own page, says what new orders get, and reads the message on the customer's phone."""

import re
import time
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Product, sign_in
from tests.browser.looking import find_faults, in_short

SHOP = "/shop/casa-verde"
NUMBER = "27825550642"
SOON = 20_000


def test_an_order_becomes_a_message_on_the_phone(open_context: Callable[..., BrowserContext], product: Product) -> None:
    context = open_context()
    page = sign_in(context.new_page(), product)
    _connect(page, product)
    _confirm_new_orders(page)
    store = context.new_page()
    first = _order(store, product)
    phone = context.new_page()
    phone.goto(f"{product.phone_url}/?phone={NUMBER}")
    expect(phone.locator("#chat")).to_contain_text(f"your order {first} is packed", timeout=SOON)
    store.bring_to_front()
    number = _order(store, product)
    phone.bring_to_front()
    expect(phone.locator("#chat")).to_contain_text(f"your order {number} is packed", timeout=SOON)
    told = re.findall(r"your order (\d+) is packed", phone.locator("#chat").inner_text())
    assert told == [first, number], "each order once, in the order in which they were placed"
    page.bring_to_front()
    row = page.locator("#shop-messages tbody tr").first
    expect(row).to_contain_text(f"#{number}")
    expect(row).to_contain_text(re.compile("Accepted|Sent|Delivered|Read"), timeout=SOON)
    look(page)
    look(store)
    _say_what_is_wrong(page, store)


def _order(store: Page, product: Product) -> str:
    """Place an order in the shop; answers its number."""
    store.goto(f"{product.phone_url}{SHOP}/")
    store.get_by_label("Phone, as they type it").fill("082 555 0642")
    store.get_by_role("button", name="Place the order").click()
    expect(store.locator("#placed")).to_contain_text("is placed")
    return re.findall(r"\d+", store.locator("#placed").inner_text())[0]


def _connect(page: Page, product: Product) -> None:
    page.goto("/app/shops")
    page.get_by_role("link", name="Connect your own shop").click()
    page.get_by_label("Shop’s address").fill(f"{product.phone_url}{SHOP}")
    look(page)
    page.get_by_role("button", name="Continue at the shop").click()
    onward = page.get_by_role("link", name=re.compile("^Go to"))
    expect(onward).to_be_visible()
    look(page)
    onward.click()
    expect(page.get_by_role("heading", name="WotNot would like to connect to your store")).to_be_visible()
    look(page)
    page.get_by_role("button", name="Approve").click()
    page.wait_for_url(re.compile(r"/app/shops/\d+$"), timeout=SOON)
    expect(page.locator("#shop-facts")).to_contain_text("All are set up")
    expect(page.locator("#shop-facts")).to_contain_text("#1018", timeout=SOON)


def _confirm_new_orders(page: Page) -> None:
    page.get_by_role("link", name="Confirm new orders").click()
    page.get_by_label("Template", exact=True).select_option(label="order_update, English")
    expect(page.locator("#preview .wn-wa").first).to_contain_text("your order 1018 is packed")
    page.get_by_label("As the customer of order").select_option(label="#1017, Grace Wanjiru")
    expect(page.locator("#preview .wn-wa").first).to_contain_text("Hi Grace, your order 1017")
    page.get_by_label("Countries").fill("ZA")
    look(page)
    page.get_by_role("button", name="Switch the rule on").click()
    page.wait_for_url(re.compile(r"/app/shops/\d+$"))
    expect(page.locator("#shop-rules")).to_contain_text("“order_update” at once, only to South Africa")
    page.locator("#shop-rules a.wn-plain").first.click()
    expect(page.get_by_label("Countries")).to_have_value("ZA")
    look(page)
    page.go_back()


def _say_what_is_wrong(page: Page, store: Page) -> None:
    """The shop goes into maintenance: its page here says so, and that it passed."""
    store.bring_to_front()
    store.get_by_role("switch", name=re.compile("In maintenance")).check()
    time.sleep(0.5)
    page.bring_to_front()
    page.get_by_role("button", name="Ask now").click()
    expect(page.locator("#shop-facts")).to_contain_text("a web page instead of data", timeout=SOON)
    store.get_by_role("switch", name=re.compile("In maintenance")).uncheck()
    time.sleep(0.5)
    page.get_by_role("button", name="Ask now").click()
    expect(page.locator("#shop-facts")).not_to_contain_text("a web page instead of data", timeout=SOON)


def look(page: Page) -> None:
    """Nothing that axe holds against it in light and dark, and nothing wider than a phone."""
    for size, scheme in ((DESKTOP, "light"), (PHONE, "light"), (DESKTOP, "dark")):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        # Without motion: a colour on its way from light to dark is neither.
        page.emulate_media(color_scheme=scheme, reduced_motion="reduce")  # type: ignore[arg-type]
        assert not in_short(find_faults(page)), page.url
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
    page.emulate_media(color_scheme="light")
