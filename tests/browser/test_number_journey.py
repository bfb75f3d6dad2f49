"""A number's WhatsApp profile, from the form to the customer's phone; and what its page says when Meta rates it lower."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Product, sign_in
from tests.browser.looking import look
from tests.pictures import png
from tests.sandbox_control import SandboxControl


def test_a_profile_is_written_and_read_by_customers(
    open_context: Callable[..., BrowserContext], product: Product, tmp_path: Path
) -> None:
    member = sign_in(open_context(forgive="422").new_page(), product)
    _open_number(member)
    member.get_by_role("link", name="See and change the profile").click()
    phone = member.get_by_role("group", name="The profile on a customer’s phone")
    expect(phone).to_contain_text("Plants for small homes")
    member.get_by_label("About").fill("Open until six today")
    expect(phone).to_contain_text("Open until six today")
    member.get_by_label("E-mail").fill("nobody")
    member.get_by_role("button", name="Save the profile").click()
    expect(member.get_by_label("E-mail")).to_have_attribute("aria-invalid", "true")
    expect(member.get_by_label("About")).to_have_value("Open until six today")
    look(member)
    member.get_by_label("E-mail").fill("hi@casaverde.example")
    member.get_by_label("E-mail").press("Enter")
    expect(member.get_by_text("Saved. Customers see it")).to_be_visible()
    _choose_picture(member, tmp_path)
    _read_on_the_phone(member, product)


def test_the_history_of_a_number(member: Page, product: Product) -> None:
    here = _open_number(member)
    _rate(product, "YELLOW")
    history = member.get_by_role("region", name="What changed")
    expect(history).to_contain_text("Quality went from high to medium")  # by itself
    expect(history).to_contain_text("Meta flagged the number")
    expect(member.locator("#channel-facts")).to_contain_text("goes at half its pace here")
    _rate(product, "GREEN")
    expect(history).to_contain_text("Quality went from medium to high")
    member.goto(f"{here}/history")
    expect(member.get_by_text("told by Meta").first).to_be_visible()
    look(member)
    member.goto("/app/channels")
    expect(member.get_by_role("region", name="What changed lately")).to_contain_text("Quality went from medium to high")
    look(member)


def _open_number(page: Page) -> str:
    page.goto("/app/channels")
    page.get_by_role("row", name=re.compile("555 0140")).get_by_role("link").first.click()
    page.wait_for_url(re.compile(r"/channels/\d+$"))
    look(page)
    return page.url


def _choose_picture(page: Page, folder: Path) -> None:
    """One that is too wide is cut in its middle before it travels."""
    (folder / "wide.png").write_bytes(png(400, 300))
    page.get_by_label("The picture that customers see").set_input_files(folder / "wide.png")
    expect(page.get_by_text("Its middle is shown, as a square of 300 × 300.")).to_be_visible()
    page.get_by_role("button", name="Show this picture").click()
    expect(page.get_by_text("Customers see the new picture from now on.")).to_be_visible()
    expect(page.get_by_role("img", name=re.compile("Picture of"))).to_have_js_property("naturalWidth", 300)
    look(page)


def _read_on_the_phone(page: Page, product: Product) -> None:
    page.goto(f"{product.phone_url.split('?')[0].rstrip('/')}/?number={SandboxControl.PHONE_NUMBER_ID}")
    page.get_by_title("Business info").click()
    info = page.get_by_role("region", name="Business info")
    for words in ("Open until six today", "hi@casaverde.example", "Shopping and retail", "+27 21 555 0140"):
        expect(info).to_contain_text(words)
    expect(info.locator("img")).to_have_js_property("naturalWidth", 300)
    look(page)
    page.get_by_role("link", name="Back to the chat", exact=True).click()
    expect(page.get_by_role("log", name="Messages")).to_be_visible()


def _rate(product: Product, rating: str) -> None:
    sandbox = SandboxControl(product.phone_url.split("?")[0].rstrip("/"))
    sandbox.post(f"/sandbox/numbers/{SandboxControl.PHONE_NUMBER_ID}", {"quality_rating": rating})
