"""What journeys do alike in the wizard, whichever of them ran before: its message page, and its last button."""

import re

from playwright.sync_api import Page, expect

from tests.servers import wait_until

ASKS_FIRST = "422"
"""What the browser writes into the console when the button asks before it repeats a broadcast; for `open_context(forgive=…)`."""


def write_message(page: Page) -> None:
    """The message page with the demo's offer, which is approved some seconds after the first start.

    It is named, as other journeys make templates that need a picture, and count who uses another one.
    """
    page.wait_for_url("**/message")
    offer = page.get_by_role("link", name="Use spring_offer, English")
    wait_until(lambda: bool(page.reload()) and offer.is_visible(), 60, "the offer to be approved")
    offer.click()
    expect(page.locator("select[name^=source-]").first).to_be_visible()  # all() does not wait
    for select in page.locator("select[name^=source-]").all():
        select.select_option(label="Contact’s first name")
    for field in page.locator("input[name^=text-]").all():
        field.fill("there")
    page.get_by_role("button", name="Continue to When").click()


def send(page: Page) -> None:
    """Press the button; once more if these people got the template in another journey. Ends on the broadcast's page."""
    page.get_by_role("button", name=re.compile("^Send to [0-9]")).click()
    again = page.get_by_role("button", name=re.compile("^Send once more to "))
    expect(again.or_(page.locator("#progress"))).to_be_visible()
    if again.is_visible():
        again.click()
    page.wait_for_url(re.compile(r"/app/broadcasts/\d+$"))
