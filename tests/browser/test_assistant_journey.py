"""A talk with the assistant as a person has it: ask, watch, stop, draft, rename, come back, delete; the sandbox answers."""

import re
from collections.abc import Callable

import pytest
import requests
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Product, sign_in
from tests.browser.test_every_page import faults_of

SOON = 30_000


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_ask_draft_submit_rename_and_delete(
    size: dict[str, int], open_context: Callable[..., BrowserContext], product: Product
) -> None:
    page = sign_in(open_context(viewport=size, reduced_motion="reduce").new_page(), product)
    people = delivered_of_last_broadcast(page)
    open_assistant(page, is_phone=size == PHONE)
    page.get_by_role("button", name="How did the last broadcast go?").click()
    answer = page.get_by_role("article").last
    expect(answer).to_contain_text(f"delivered {people}", timeout=SOON)
    expect(answer).to_contain_text("This is the sandbox answering", timeout=SOON)
    page.wait_for_url(re.compile(r"/app/assistant/\d+$"))
    assert not faults_of(page), faults_of(page)
    too_wide = page.evaluate("document.documentElement.scrollWidth - innerWidth")
    assert too_wide <= 0

    question = page.get_by_label("Your question")
    question.fill("Draft a template that")
    question.press("Shift+Enter")
    question.press_sequentially("invites customers to our summer sale.")
    expect(page.get_by_role("article")).to_have_count(1)
    question.press("Enter")
    expect(question).to_have_value("")
    expect(page.get_by_role("link", name="Open in the editor")).to_be_visible(timeout=SOON)
    expect(page.get_by_role("article").last.get_by_text("summer sale").last).to_be_visible()

    rename_and_reload(page)
    submit_the_draft(page, f"summer_sale_{size['width']}")
    delete(page)


def test_stop_keeps_what_is_there_and_try_again_goes_on(
    open_context: Callable[..., BrowserContext], product: Product
) -> None:
    page = sign_in(open_context().new_page(), product)
    page.goto("/app/assistant")
    change_sandbox(product, ai_piece_ms=300)
    try:
        page.get_by_label("Your question").fill("Hello there")
        page.get_by_role("button", name="Ask", exact=True).click()
        answer = page.get_by_role("article").last
        expect(answer).to_contain_text("I can look", timeout=SOON)
        page.get_by_role("button", name="Stop the answer").click()
        expect(answer).to_contain_text("You stopped this answer.", timeout=SOON)
        expect(answer).to_contain_text("I can look")
        expect(answer).not_to_contain_text("This is the sandbox answering")
    finally:
        change_sandbox(product, ai_piece_ms=15)
    answer.get_by_role("button", name="Try again").click()
    expect(answer).to_contain_text("This is the sandbox answering", timeout=SOON)
    expect(page.get_by_role("article")).to_have_count(1)


def test_trouble_is_a_sentence_in_the_thread(open_context: Callable[..., BrowserContext], product: Product) -> None:
    page = sign_in(open_context().new_page(), product)
    page.goto("/app/assistant")
    change_sandbox(product, ai_trouble="midstream")
    try:
        page.get_by_label("Your question").fill("Hello there")
        page.keyboard.press("Enter")
        expect(page.get_by_role("article").last).to_contain_text("No answer.", timeout=SOON)
    finally:
        change_sandbox(product, ai_trouble="")
    page.reload()
    expect(page.get_by_role("article").last).to_contain_text("ry again")


def delivered_of_last_broadcast(page: Page) -> str:
    """As the broadcast's own page says it."""
    page.goto("/app/broadcasts?state=finished")
    page.locator("main tbody a.wn-plain").first.click()
    page.wait_for_url(re.compile(r"/app/broadcasts/\d+$"))
    row = page.get_by_role("region", name="Funnel").get_by_role("listitem").filter(has_text="Delivered").first
    found = re.search(r"[\d,]+", row.inner_text())
    assert found
    return found[0]


def open_assistant(page: Page, *, is_phone: bool) -> None:
    if is_phone:
        page.get_by_role("button", name="More", exact=True).click()
    page.get_by_role("link", name="Assistant").first.click()
    page.wait_for_url("**/app/assistant")


def rename_and_reload(page: Page) -> None:
    page.get_by_role("button", name="Rename").click()
    page.get_by_label("Title").fill("Summer plans")
    page.get_by_role("button", name="Rename it").click()
    expect(page.get_by_role("heading", name="Summer plans")).to_be_visible()
    expect(page.get_by_role("article")).to_have_count(2)


def submit_the_draft(page: Page, name: str) -> None:
    page.get_by_role("link", name="Open in the editor").click()
    expect(page.get_by_text("The message is in the form.")).to_be_visible()
    expect(page.get_by_label("Body")).to_have_value(re.compile("summer sale"))
    page.get_by_label("Name", exact=True).fill(name)
    page.get_by_role("button", name="Submit to Meta").last.click()
    page.wait_for_url(re.compile(r"/app/templates/\d+$"), timeout=SOON)
    expect(page.get_by_role("heading", name=name)).to_be_visible()


def delete(page: Page) -> None:
    page.goto("/app/assistant")
    page.get_by_role("link", name="Summer plans").locator("visible=true").or_(
        page.get_by_role("button", name="Your conversations")
    ).first.click()
    sheet = page.locator("#talks-sheet")
    if sheet.is_visible():
        sheet.get_by_role("link", name="Summer plans").click()
    page.wait_for_url(re.compile(r"/app/assistant/\d+$"))
    page.get_by_role("button", name="Delete", exact=True).click()
    dialog = page.get_by_role("dialog")
    expect(dialog.get_by_role("button", name="Keep it")).to_be_focused()
    assert not faults_of(page), faults_of(page)
    dialog.get_by_role("button", name="Delete the conversation").click()
    page.wait_for_url("**/app/assistant")
    expect(page.get_by_text("The conversation is deleted.")).to_be_visible()
    expect(page.get_by_role("link", name="Summer plans")).to_have_count(0)


def change_sandbox(product: Product, **settings: object) -> None:
    requests.post(f"{product.phone_url}/sandbox/settings", json=settings, timeout=10).raise_for_status()
