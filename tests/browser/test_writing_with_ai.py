"""A message is drafted in the drawer and put into the editor, as a person does it; the sandbox writes."""

import re
from collections.abc import Callable

import pytest
import requests
from playwright.sync_api import BrowserContext, expect

from tests.browser.conftest import DESKTOP, PHONE, Product, sign_in

MINE = "Hello {{first_name}}, these are my own words."


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_draft_choose_and_put_back(
    size: dict[str, int], open_context: Callable[..., BrowserContext], product: Product
) -> None:
    page = sign_in(open_context(viewport=size).new_page(), product)
    page.goto("/app/templates/new")
    page.get_by_label("Body").fill(MINE)
    page.get_by_role("button", name="Write with AI").click()

    drawer = page.locator("#ai-drawer")
    goal = drawer.get_by_label("What should the message do?")
    expect(goal).to_have_value(f"Say this better: {MINE}")
    expect(drawer.get_by_text("The sandbox writes here, not a model.")).to_be_visible()
    goal.fill("Invite people to the spring sale")
    change_sandbox(product, ai_piece_ms=40)
    try:
        drawer.get_by_role("button", name="Write three messages").click()
        expect(drawer.get_by_text("Being written, not checked yet.")).to_be_visible(timeout=30_000)
        expect(drawer.locator("#ai-written .wa-b .tx").first).to_contain_text("spring sale", timeout=30_000)
        expect(drawer.get_by_role("button", name="Use this one")).to_have_count(0)
        expect(drawer.get_by_role("button", name="Use this one")).to_have_count(3, timeout=30_000)
    finally:
        change_sandbox(product, ai_piece_ms=15)
    expect(drawer.get_by_text("Passes all checks").first).to_be_visible()
    wide = page.evaluate("(e => e.scrollWidth - e.clientWidth)(document.getElementById('ai-drawer'))")
    assert wide <= 0, f"the drawer scrolls sideways by {wide} pixels"

    first = drawer.locator(".wa-b .tx").first
    before = first.inner_text()
    drawer.get_by_role("button", name="Shorter").first.click()
    expect(first).not_to_have_text(before, timeout=30_000)
    drawer.get_by_role("button", name="Use this one").nth(1).click()

    expect(page.get_by_text("The message is in the form.")).to_be_visible()
    expect(drawer).not_to_be_visible()
    expect(page.get_by_label("Body")).to_have_value(re.compile("spring sale"))
    expect(page.locator("#side .wa-b .tx")).to_contain_text("spring sale")
    page.get_by_role("button", name="Put mine back").click()
    expect(page.get_by_label("Body")).to_have_value(MINE)


def test_stop_leaves_the_brief_and_a_second_try_writes(
    open_context: Callable[..., BrowserContext], product: Product
) -> None:
    page = sign_in(open_context().new_page(), product)
    page.goto("/app/templates/ai")
    page.get_by_label("What should the message do?").fill("Invite people to the spring sale")
    change_sandbox(product, ai_piece_ms=300)
    try:
        page.get_by_role("button", name="Write three messages").click()
        page.get_by_role("button", name="Stop").click()
        expect(page.get_by_role("button", name="Stop")).to_have_count(0)
    finally:
        change_sandbox(product, ai_piece_ms=15)
    expect(page.get_by_label("What should the message do?")).to_have_value("Invite people to the spring sale")
    page.get_by_role("button", name="Write three messages").click()
    expect(page.get_by_role("button", name="Use this one")).to_have_count(3, timeout=30_000)


def test_from_a_broadcast_to_a_new_message_and_back(
    open_context: Callable[..., BrowserContext], product: Product
) -> None:
    page = sign_in(open_context().new_page(), product)
    page.goto("/app/broadcasts/new")
    page.get_by_role("button", name=re.compile("^Continue to")).click()
    page.get_by_role("link", name="Write a new message with AI").click()
    page.get_by_label("What should the message do?").fill("Invite people to the autumn fair")
    page.get_by_role("button", name="Write three messages").click()
    expect(page.get_by_role("button", name="Use this one")).to_have_count(3, timeout=30_000)
    expect(page.get_by_role("heading", level=1)).to_have_count(1)
    page.get_by_role("button", name="Use this one").first.click()
    page.get_by_label("Name", exact=True).fill("autumn_fair")
    page.get_by_role("button", name="Submit to Meta").last.click()
    page.wait_for_url(re.compile(r"/app/broadcasts/\d+/message\?submitted=\d+$"), timeout=30_000)
    expect(page.locator("#submitted")).to_contain_text(re.compile("in review|has approved"))
    expect(page.locator("#submitted")).to_contain_text("Meta has approved “autumn_fair”.", timeout=30_000)
    page.get_by_role("link", name="Use it", exact=True).first.click()
    expect(page.get_by_role("heading", name="Template: autumn_fair")).to_be_visible()


def change_sandbox(product: Product, **settings: object) -> None:
    requests.post(f"{product.phone_url}/sandbox/settings", json=settings, timeout=10).raise_for_status()
