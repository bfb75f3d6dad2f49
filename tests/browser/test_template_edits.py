"""An approved template is edited, reviewed and approved again, and what was sent before still shows what it said."""

import re

from playwright.sync_api import Page, expect

from tests.browser.looking import look

SOON = 20_000
NAME = "new_arrivals"
OLD_WORDS = "this week's new plants are in"


def test_words_change_and_what_was_sent_keeps_its_own(member: Page) -> None:
    _open(member, "/app/templates", NAME)
    template = member.url
    member.get_by_role("link", name="Edit", exact=True).click()
    expect(member.get_by_text("10 edits left this month")).to_be_visible()
    expect(member.get_by_text("“Early summer favourites” uses this template.")).to_be_visible()
    look(member)
    body = member.get_by_label("Body")
    body.fill("Good news, {{1}}: {{2}} is back, and we kept one for you. Ask for {{3}} at the till.")
    member.get_by_label("{{3}}").fill("Naledi")
    member.get_by_role("button", name="Submit the change to Meta").first.click()
    _ask_first(member)
    member.get_by_role("button", name="Change the variables").click()
    member.wait_for_url(template, timeout=SOON)
    _wait_for_review(member)
    look(member)
    _see_what_was_sent(member)


def _ask_first(page: Page) -> None:
    expect(page.get_by_role("heading", name=f"The variables of {NAME} change")).to_be_visible(timeout=SOON)
    expect(page.get_by_text("{{3}} is new")).to_be_visible()
    expect(page.get_by_role("heading", name="1 broadcast would lack a value")).to_be_visible()
    expect(page.get_by_role("link", name="Early summer favourites")).to_be_visible()
    look(page)
    page.get_by_role("button", name="Go on editing").click()
    expect(page.get_by_label("Body")).to_have_value(re.compile(r"^Good news, .* at the till\.$"))
    page.get_by_role("button", name="Submit the change to Meta").first.click()


def _wait_for_review(page: Page) -> None:
    """The state in the head, the facts and the history change by themselves, without a reload."""
    history = page.get_by_role("region", name="History")
    expect(history.get_by_text("Words changed by Dana Jacobs")).to_be_visible()
    expect(history.locator("ins").filter(has_text="Good news")).to_be_visible()
    expect(history.get_by_text("Approved")).to_be_visible(timeout=SOON)
    expect(page.locator("#template-head .wn-title")).to_contain_text("Approved")
    expect(page.get_by_role("link", name="Edit", exact=True)).to_have_count(0)
    expect(page.get_by_text("Change it again in 24 hours")).to_be_visible()


def _see_what_was_sent(page: Page) -> None:
    _open(page, "/app/broadcasts", "New arrivals in November")
    line = page.locator("#recipients .wn-line-text").first
    expect(line).to_contain_text(OLD_WORDS)
    expect(page.locator("#recipients")).not_to_contain_text("Good news")


def _open(page: Page, address: str, row: str) -> None:
    page.goto(address)
    page.locator("main tbody a.wn-plain").filter(has_text=row).first.click()
    page.wait_for_url(re.compile(r"/\d+$"))
