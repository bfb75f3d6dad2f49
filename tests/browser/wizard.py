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
    offer = page.get_by_role("link", name="Use it: spring_offer, English")
    wait_until(lambda: bool(page.reload()) and offer.is_visible(), 60, "the offer to be approved")
    offer.click()
    expect(page.locator("select[name^=source-]").first).to_be_visible()  # all() does not wait
    for select in page.locator("select[name^=source-]").all():
        select.select_option(label="Contact’s first name")
    for field in page.locator("input[name^=text-]").all():
        field.fill("there")
    page.get_by_role("button", name="Continue to When").click()


def send(page: Page, button: str = "^Send (once more )?to [0-9]") -> None:
    """Press the last button, named by a pattern; again if these people got the template in another journey. Ends on the
    broadcast's page.
    """
    last = page.get_by_role("button", name=re.compile(button))
    last.click()
    asked = page.locator("#repeat")
    expect(asked.or_(page.locator("#progress"))).to_be_visible()
    if asked.is_visible():
        last.click()
    page.wait_for_url(re.compile(r"/app/broadcasts/\d+$"))
