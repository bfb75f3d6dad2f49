"""Pressing the wizard's last button, whoever was written to by the journeys before."""

import re

from playwright.sync_api import Page, expect

ASKS_FIRST = "422"
"""What the browser writes into the console when the button asks before it repeats a broadcast; for `open_context(forgive=…)`."""


def send(page: Page) -> None:
    """Press the button; once more if these people got the template in another journey. Ends on the broadcast's page."""
    page.get_by_role("button", name=re.compile("^Send to [0-9]")).click()
    again = page.get_by_role("button", name=re.compile("^Send once more to "))
    expect(again.or_(page.locator("#progress"))).to_be_visible()
    if again.is_visible():
        again.click()
    page.wait_for_url(re.compile(r"/app/broadcasts/\d+$"))
