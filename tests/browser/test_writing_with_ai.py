"""A message is drafted in the drawer and put into the editor, as a person does it; the sandbox writes."""

import re
from collections.abc import Callable

import pytest
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
    drawer.get_by_role("button", name="Write three messages").click()
    expect(drawer.get_by_role("button", name="Use this one")).to_have_count(3, timeout=30_000)
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
