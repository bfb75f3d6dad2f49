"""A picture from the computer through the wizard onto the customer's phone, and one from the phone back to us."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Product, sign_in
from tests.browser.looking import look
from tests.factories import png

SOON = 30_000
LONG = 120_000


def test_three_files_of_which_two_are_wrong(
    open_context: Callable[..., BrowserContext], product: Product, tmp_path: Path
) -> None:
    # A refused form is a 422, which a console calls a failed request.
    member = sign_in(open_context(forgive="422").new_page(), product)
    for name, content in {"good.png": png(95), "empty.png": b"", "film.mov": b"\0\0\0\x14ftypqt  "}.items():
        (tmp_path / name).write_bytes(content)
    member.goto("/app/media")
    member.get_by_label("Files to keep").set_input_files([tmp_path / n for n in ("empty.png", "good.png", "film.mov")])
    member.get_by_role("button", name="Upload files").click()
    results = member.get_by_role("alert").filter(has_text="1 file was kept, 2 were not")
    expect(results).to_be_focused()
    expect(results.get_by_role("listitem")).to_have_count(3)
    expect(results.get_by_role("link", name="good.png")).to_be_visible()
    expect(member.get_by_text("“empty.png” is empty")).to_have_count(1)
    look(member)


def test_from_the_computer_to_the_customers_phone(
    member: Page, product: Product, quick_number: None, open_context: Callable[..., BrowserContext], tmp_path: Path
) -> None:
    (tmp_path / "summer.png").write_bytes(png(96))
    _make_template(member, tmp_path / "summer.png")
    _make_draft(member)
    (tmp_path / "new.png").write_bytes(png(97))
    member.get_by_role("radio").first.focus()
    member.keyboard.press("Space")
    preview = member.locator("#preview img.img")
    expect(preview).to_have_js_property("naturalWidth", 1, timeout=SOON)
    member.get_by_label("A new picture").set_input_files(tmp_path / "new.png")
    member.get_by_role("button", name="Upload", exact=True).click()
    expect(member.get_by_title("new.png").get_by_role("radio")).to_be_checked(timeout=SOON)
    file_id = member.get_by_title("new.png").get_by_role("radio").get_attribute("value")
    expect(preview).to_have_attribute("src", f"/app/media/{file_id}/file", timeout=SOON)
    look(member)
    member.get_by_role("button", name="Continue to When").last.click()
    member.get_by_role("button", name="Continue to Check").click()
    expect(preview).to_have_js_property("naturalWidth", 1)
    member.get_by_role("button", name=re.compile("^Send to [0-9,]+ (people|person) for about ")).click()
    expect(member.locator("#progress .wn-title")).to_contain_text("Finished", timeout=LONG)
    member.get_by_role("link", name=re.compile("^Delivered")).click()
    _answer_with_a_picture(member, open_context().new_page(), product, tmp_path / "summer.png")


def _make_template(page: Page, picture: Path) -> None:
    page.goto("/app/media")
    page.get_by_label("Files to keep").set_input_files(picture)
    page.get_by_role("button", name="Upload files").click()
    page.wait_for_url(re.compile(r"/app/media/\d+$"))
    page.goto("/app/templates/new")
    page.get_by_role("textbox", name="Name").fill("summer_picture")
    page.get_by_label("Body").fill("Our summer range is here, come and look.")
    expect(page.locator(".wn-wa").get_by_text("Our summer range is here").first).to_be_visible(timeout=SOON)
    page.get_by_role("button", name="Picture").click()
    expect(page.get_by_role("button", name="Picture")).to_have_attribute("aria-pressed", "true", timeout=SOON)
    chosen = page.get_by_label("Picture for Meta’s reviewers")
    chosen.select_option(index=1)
    page.get_by_role("button", name="Submit to Meta").first.click()
    page.wait_for_url(re.compile(r"/app/templates/\d+$"), timeout=SOON)
    expect(page.get_by_text("Approved").first).to_be_visible(timeout=SOON)


def _make_draft(page: Page) -> None:
    page.goto("/app/broadcasts/new")
    page.get_by_label("Name", exact=True).fill("Summer")
    page.get_by_label(re.compile("People with a tag")).check()
    page.locator("input[name=tags]").first.check()
    page.get_by_role("button", name="Continue to Message").click()
    page.get_by_role("link", name=re.compile("^Use it: summer_picture")).click()


def _answer_with_a_picture(member: Page, phone: Page, product: Product, picture: Path) -> None:
    # By the state on the line: until the list is filtered, its first line may be somebody who got nothing.
    person = member.locator("#recipients tbody tr").filter(has_text=re.compile("Delivered|Read")).first
    number = re.search(r"\+[\d ]+", person.inner_text())
    assert number
    digits = re.sub(r"\D", "", number.group())
    member.goto(f"/app/contacts?search={digits}")
    member.locator("main tbody a.wn-plain").first.click()
    phone.goto(f"{product.phone_url}/?phone={digits}")
    shown = phone.locator("#chat .wa-b:not(.out) img.img").last
    expect(shown).to_have_js_property("naturalWidth", 1, timeout=SOON)
    phone.get_by_label("Message", exact=True).fill("Do you have it in blue?")
    phone.get_by_label("Send a file").set_input_files(picture)
    expect(phone.locator("#chat .wa-b.out img.img").last).to_have_js_property("naturalWidth", 1, timeout=SOON)
    member.get_by_role("link", name="Do you have it in blue?").click(timeout=LONG)
    expect(member.get_by_text("From a customer")).to_be_visible()
    expect(member.locator(".wn-look img")).to_have_js_property("naturalWidth", 1)
