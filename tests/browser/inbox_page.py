"""The inbox as the tests of it handle it, and the customers who write there."""

from playwright.sync_api import Locator, Page, expect

from tests.sandbox_control import SandboxControl

SOON = 30_000
NALEDI, THABO = "27825550142", "27835550118"


def open_thread(page: Page, name: str = "Naledi Mokoena") -> None:
    """From the list, as a person does it."""
    page.goto("/app/inbox")
    page.locator("#inbox-list a", has_text=name).first.click()
    expect(page.locator("#thread-head h2")).to_have_text(name)


def write(phone: SandboxControl, words: str, sender: str = NALEDI) -> None:
    """The customer writes on their phone."""
    phone.post("/sandbox/inbound", {"from": sender, "phone_number_id": phone.PHONE_NUMBER_ID, "text": words})


def entries(page: Page) -> Locator:
    """The thread."""
    return page.locator("#entries")
