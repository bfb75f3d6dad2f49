"""A new person sets up two steps, signs a program out, and connects a number in the window that the sandbox plays."""

import re
import time
from base64 import b32decode
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.looking import look
from wotnot.services.two_factor import code_at

EMAIL, PASSWORD = "mira@example.com", "correct horse battery"


def test_two_steps_and_a_number_of_ones_own(open_context: Callable[..., BrowserContext]) -> None:
    page = open_context().new_page()
    page.goto("/app/register")
    page.get_by_label("Your name").fill("Mira")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Create the workspace").click()
    page.wait_for_url("**/app/")
    codes = _set_up_two_steps(page)
    _log_in_with(open_context().new_page(), codes[0])
    _sign_a_program_out(page, codes[1])
    _connect_a_number(page)


def _set_up_two_steps(page: Page) -> list[str]:
    page.goto("/app/settings/two-factor")
    page.get_by_role("button", name="Set it up").click()
    expect(page.get_by_role("img", name="QR code for your authenticator app")).to_be_visible()
    typed = page.get_by_label("Secret key", exact=True).input_value()
    secret = b32decode(typed + "=" * (-len(typed) % 8))
    page.get_by_label("The six digits that the app shows now").fill(code_at(secret, int(time.time()) // 30))
    page.get_by_role("button", name="Turn two steps on").click()
    codes = page.get_by_role("list", name="Recovery codes").get_by_role("listitem")
    expect(codes).to_have_count(10)
    return codes.all_inner_texts()


def _log_in_with(page: Page, code: str) -> None:
    page.goto("/app/login")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/app/login/code")
    look(page)
    page.get_by_label("Code", exact=True).fill(code)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url("**/app/")


def _sign_a_program_out(page: Page, code: str) -> None:
    body = {"email": EMAIL, "password": PASSWORD, "code": code}
    token = page.request.post("/api/v1/auth/login", data=body).json()["refresh_token"]
    page.goto("/app/settings/profile")
    expect(page.get_by_text("Over the API")).to_be_visible()
    look(page)
    page.get_by_role("button", name="Sign out all programs").click()
    dialog = page.get_by_role("dialog", name="Sign out all programs?")
    look(page)
    dialog.get_by_role("button", name="Sign out all programs").click()
    expect(page.get_by_text("Every program is signed out.")).to_be_visible()
    expect(page.get_by_text("Over the API")).to_have_count(0)
    bearer = {"Authorization": f"Bearer {token}"}
    assert page.request.post("/api/v1/auth/refresh", headers=bearer).status == 401


def _connect_a_number(page: Page) -> None:
    page.goto("/app/channels/new")
    page.get_by_role("link", name="Connect in Meta’s window").click()
    page.get_by_role("link", name="Continue with a new account").click()
    page.wait_for_url(re.compile(r"/sign-up/\d+$"))
    expect(page.get_by_role("heading", name="Your number is connected")).to_be_visible()
    look(page)
    page.get_by_role("link", name="See the number").click()
    expect(page.get_by_role("main")).to_contain_text("main line")
