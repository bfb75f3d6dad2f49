"""The customer's phone, used by a person in a browser."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect, sync_playwright

from tests.browser.looking import EVERY_RULE, find_faults, in_short
from tests.browser.windows import Windows, start_chromium
from tests.integration.sandbox.support import NUMBER, Api, Receiver, wait_for


@pytest.fixture(scope="module")
def browser_page() -> Iterator[Page]:
    with sync_playwright() as playwright:
        browser = start_chromium(playwright)
        yield Windows(browser).open(viewport={"width": 1280, "height": 968}).new_page()
        browser.close()


@pytest.fixture
def page(browser_page: Page, api: Api) -> Iterator[Page]:
    """Naledi's phone; what the browser complains about fails the test, but for values refused on purpose."""
    problems: list[str] = []
    browser_page.on("console", lambda m: problems.append(m.text) if m.type == "error" and "422" not in m.text else None)
    browser_page.on("pageerror", lambda error: problems.append(str(error)))
    browser_page.set_viewport_size({"width": 1280, "height": 968})
    browser_page.goto(f"{api.url}/?phone=27825550142&number={NUMBER}")
    yield browser_page
    browser_page.goto("about:blank")
    assert problems == []


def test_a_message_arrives_and_is_answered(page: Page, api: Api, receiver: Receiver) -> None:
    expect(page.locator("#chat")).to_contain_text("No messages yet")
    sent = api.send_template("+27825550142", "*Naledi*").json()["messages"][0]["id"]
    expect(page.locator(".wa-b .tx b")).to_have_text("Naledi")
    page.get_by_role("button", name="I need help").click()
    button = wait_for(receiver.messages)[0]
    assert (button["button"]["text"], button["context"]["id"]) == ("I need help", sent)
    page.get_by_label("Message", exact=True).fill("Brown leaves <b>")
    page.get_by_role("button", name="Send", exact=True).click()
    text = wait_for(lambda: [m for m in receiver.messages() if m["type"] == "text"])[0]
    assert (text["from"], text["text"]["body"]) == ("27825550142", "Brown leaves <b>")
    expect(page.locator(".wa-b.out .tx").last).to_have_text("Brown leaves <b>")
    expect(page.locator("#log")).to_contain_text("message: text")


def test_the_panel_changes_what_happens(page: Page, api: Api, receiver: Receiver) -> None:
    page.get_by_label("Not on WhatsApp").fill("100")
    page.get_by_label("Not on WhatsApp").press("Tab")
    wait_for(lambda: api.get("/sandbox/settings").json()["failure_percent"] == {"131026": 100})
    api.send_template("+27825550142")
    expect(page.locator("#chat")).to_contain_text("did not arrive: Message undeliverable (131026)")
    page.get_by_role("button", name="None", exact=True).click()
    wait_for(lambda: api.get("/sandbox/settings").json()["failure_percent"] == {})
    page.get_by_label("Delivered after").fill("3")
    wait_for(lambda: api.get("/sandbox/settings").json()["deliver_after_s"] == 3)
    page.get_by_role("switch", name="Online").uncheck()
    expect(page.locator("#chat")).to_contain_text("The phone is off")
    page.get_by_label("Not on WhatsApp").fill("lots")
    page.get_by_label("Not on WhatsApp").press("Tab")
    expect(page.get_by_role("alert")).to_contain_text("must be a number")


def test_no_more_marketing(page: Page, receiver: Receiver) -> None:
    page.get_by_label("More about this chat").click()
    page.get_by_role("button", name="Stop marketing messages").click()
    expect(page.locator("#chat")).to_contain_text("You stopped marketing messages")
    assert wait_for(lambda: receiver.of_field("user_preferences"))[0]["user_preferences"][0]["value"] == "stop"


@pytest.mark.parametrize("width", [1280, 390])
def test_everybody_can_use_it(page: Page, api: Api, width: int) -> None:
    api.send_template("+27825550142")
    expect(page.locator(".wa-b").first).to_be_visible()
    page.set_viewport_size({"width": width, "height": 844})
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert not in_short(find_faults(page, EVERY_RULE))
