"""Somebody is invited, joins beside a workspace of their own, changes between the two, and writes who they are."""

import re
from collections.abc import Callable
from email import message_from_bytes

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import PHONE, Product, sign_in
from tests.browser.looking import look
from tests.servers import wait_until

ROSA, PASSWORD = "rosa@example.com", "correct horse battery"


def test_invited_joined_and_at_home_in_two_workspaces(
    open_context: Callable[..., BrowserContext], product: Product
) -> None:
    rosa = open_context().new_page()
    _register(rosa)
    _invite(sign_in(open_context().new_page(), product))
    rosa.goto(_mailed(product, "/app/invitations/"))
    look(rosa)
    rosa.get_by_role("button", name="Join Casa Verde").click()
    rosa.wait_for_url("**/app/")
    _change_on_a_phone(rosa)
    _change_at_a_desk(rosa)
    _say_who_she_is(rosa)


def test_a_forgotten_password_is_chosen_anew(open_context: Callable[..., BrowserContext], product: Product) -> None:
    page = open_context().new_page()
    _register(page, "petra@example.com")
    other = open_context().new_page()
    other.goto("/app/forgot")
    other.get_by_label("E-mail").fill("petra@example.com")
    other.get_by_role("button", name="Mail me the link").click()
    other.goto(_mailed(product, "/app/reset/"))
    look(other)
    other.get_by_label("New password", exact=True).fill("another horse battery")
    other.get_by_role("button", name="Set this password and sign in").click()
    expect(other.get_by_text("Your password is changed. Every other session has ended.")).to_be_visible()
    page.goto("/app/")
    page.wait_for_url("**/app/login**")


def _register(page: Page, email: str = ROSA) -> None:
    page.goto("/app/register")
    page.get_by_label("Your name").fill("Rosa Duarte")
    page.get_by_label("E-mail").fill(email)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_label("Name of the business").fill("Rosa’s Roses")
    page.get_by_role("button", name="Create the workspace").click()
    page.wait_for_url("**/app/")


def _invite(owner: Page) -> None:
    owner.goto("/app/settings/members")
    owner.get_by_label("E-mail").fill(ROSA)
    owner.get_by_role("button", name="Send the invitation").click()
    expect(owner.get_by_role("main")).to_contain_text("1 invitation waits")


def _mailed(product: Product, address: str) -> str:
    """The newest link to `address` among the mails, which are files here."""

    def links() -> list[str]:
        mails = sorted(product.var.rglob("*.eml"), key=lambda path: path.name)
        words = [str(message_from_bytes(path.read_bytes()).get_payload(decode=True), "utf-8") for path in mails]
        return [link for text in words for link in re.findall(rf"https?://\S*{address}\S+", text)]

    wait_until(lambda: bool(links()), 30, f"a mail with a link to {address}")
    return links()[-1]


def _change_on_a_phone(page: Page) -> None:
    page.set_viewport_size(PHONE)  # type: ignore[arg-type]
    page.get_by_role("button", name="More").click()
    sheet = page.get_by_role("dialog", name="Casa Verde")
    expect(sheet).to_be_visible()
    sheet.get_by_role("button", name="Change to Rosa’s Roses").click()
    page.wait_for_url("**/app/")
    page.get_by_role("button", name="More").click()
    expect(page.get_by_role("dialog", name="Rosa’s Roses")).to_be_visible()
    page.keyboard.press("Escape")


def _change_at_a_desk(page: Page) -> None:
    page.set_viewport_size({"width": 1280, "height": 900})
    page.locator("summary", has_text="Rosa’s Roses Change the workspace").click()
    page.get_by_role("button", name="Casa Verde").click()
    expect(page.locator("summary", has_text="Casa Verde Change the workspace")).to_be_visible()
    # An agent: no door to the keys.
    page.goto("/app/settings/members")
    expect(page.get_by_role("button", name="Send the invitation")).to_have_count(0)


def _say_who_she_is(page: Page) -> None:
    page.goto("/app/settings/profile")
    page.get_by_label("Name", exact=True).fill("Rosa Duarte-Lima")
    page.get_by_role("button", name="Change your name").click()
    expect(page.get_by_text("Rosa Duarte-Lima").first).to_be_visible()
    look(page)
