"""The main job as somebody new does it: an account, a number, a file, a broadcast, every receipt, and an answer."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Product
from tests.browser.looking import look
from tests.factories import phone

PEOPLE = 300
SOON = 20_000
LONG = 90_000


def test_from_a_file_to_an_answer(
    open_context: Callable[..., BrowserContext], product: Product, tmp_path: Path
) -> None:
    page = open_context().new_page()
    register(page)
    connect_sandbox_number(page)
    import_people(page, tmp_path / "customers.csv")
    send_to_all(page)
    watch_until_finished(page)
    answer_from_the_phone(open_context().new_page(), product)
    expect(page.get_by_role("region", name="Funnel")).to_contain_text(re.compile(r"Replied\s*1\b"), timeout=SOON)


def register(page: Page) -> None:
    page.goto("/app/register")
    page.get_by_label("Your name").fill("Thandi Nkosi")
    page.get_by_label("E-mail").fill("thandi@example.com")
    page.get_by_label("Password", exact=True).fill("correct horse battery")
    page.get_by_role("button", name=re.compile("workspace|account", re.IGNORECASE)).click()
    page.wait_for_url("**/app/")


def connect_sandbox_number(page: Page) -> None:
    page.goto("/app/channels")
    page.get_by_role("button", name=re.compile("sandbox number", re.IGNORECASE)).first.click()
    expect(page.get_by_text("Connected").first).to_be_visible(timeout=SOON)
    page.goto("/app/templates")
    page.get_by_role("button", name=re.compile("^Sync")).first.click()
    expect(page.get_by_text("feedback_request").first).to_be_visible(timeout=SOON)


def import_people(page: Page, file: Path) -> None:
    """300 good rows, one that repeats, one that is no number."""
    rows = [f"Person {n},+{phone(n + 5_000_100)},person{n}@example.com" for n in range(PEOPLE)]
    file.write_text("\n".join(["Name;Mobile;Mail".replace(";", ","), *rows, rows[0], "Nobody,12,"]), encoding="utf-16")
    page.goto("/app/imports/new")
    page.locator("input[type=file]").set_input_files(file)
    page.get_by_role("button", name=re.compile("^(Upload|Continue|Read)")).click()
    page.wait_for_url("**/columns*")
    expect(page.get_by_text("+27825000100").first).to_be_visible()
    look(page)
    page.get_by_label("Tag everyone in this file").fill("Customers")
    page.get_by_role("button", name=re.compile("Check")).last.click()
    start = page.get_by_role("button", name=f"Import {PEOPLE} people")
    expect(start).to_be_visible(timeout=SOON)
    look(page)
    start.click()
    expect(page.get_by_role("heading", name=f"{PEOPLE} people were added")).to_be_visible(timeout=SOON)
    expect(page.get_by_role("link", name="Download 2 rows with reasons")).to_be_visible()
    look(page)


def send_to_all(page: Page) -> None:
    page.goto("/app/broadcasts/new")
    page.get_by_label("Name", exact=True).fill("How was it?")
    look(page)
    page.get_by_role("button", name="Continue to Message").click()
    page.get_by_role("link", name=re.compile("^Use .*feedback_request")).click()
    page.locator("select[name='source-1']").select_option(label="Contact’s first name")
    page.locator("input[name='text-1']").fill("there")
    page.get_by_role("button", name="Continue to When").click()
    expect(page.get_by_role("button", name="Continue to Check")).to_be_visible()
    look(page)
    page.get_by_role("button", name="Continue to Check").click()
    page.get_by_role("button", name=f"Send to {PEOPLE} people").dblclick()
    page.wait_for_url(re.compile(r"/app/broadcasts/\d+$"))


def watch_until_finished(page: Page) -> None:
    expect(page.locator("#progress .wn-title")).to_contain_text("Finished", timeout=LONG)
    expect(page.get_by_role("region", name="Funnel")).to_contain_text(
        re.compile(rf"Delivered\s*{PEOPLE}\b"), timeout=LONG
    )


def answer_from_the_phone(page: Page, product: Product) -> None:
    page.goto(f"{product.phone_url}/?customer={phone(5_000_100)}")
    page.get_by_role("textbox", name=re.compile("Message")).fill("Very good, thank you!")
    page.keyboard.press("Enter")
    expect(page.get_by_text("Very good, thank you!").last).to_be_visible()
