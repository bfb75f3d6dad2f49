"""A picture from the computer into the library, into a template, and onto the phone in the preview."""

import re
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.looking import look
from tests.factories import png

SOON = 20_000


def test_a_picture_goes_from_the_computer_to_metas_reviewers(member: Page, tmp_path: Path) -> None:
    files = {"spring.png": png(91), "menu.pdf": b"%PDF-1.4 menu", "note.mp3": b"ID3\x04\0\0"}
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    member.goto("/app/templates")
    member.get_by_role("link", name="Files").click()
    expect(member.get_by_role("heading", name="Files", exact=True)).to_be_visible()
    _upload(member, tmp_path / "menu.pdf", tmp_path / "note.mp3")
    expect(member.get_by_text("2 files are in the library.")).to_be_visible()
    expect(member.get_by_role("link", name="menu.pdf")).to_be_visible()
    _upload(member, tmp_path / "spring.png")
    member.wait_for_url(re.compile(r"/app/media/\d+$"))
    expect(member.get_by_role("img", name="spring.png")).to_have_js_property("naturalWidth", 1)
    look(member)
    member.goto("/app/media")
    look(member)
    _use_in_a_template(member)


def _upload(page: Page, *paths: Path) -> None:
    page.get_by_label("Files to keep").set_input_files(list(paths))
    page.get_by_role("button", name="Upload files").click()


def _use_in_a_template(page: Page) -> None:
    page.goto("/app/templates/new")
    page.get_by_role("textbox", name="Name").fill("spring_picture")
    page.get_by_label("Body").fill("Our spring range is here, come and look.")
    page.get_by_role("button", name="Picture").click()
    expect(page.get_by_role("button", name="Picture")).to_have_attribute("aria-pressed", "true")
    expect(page.get_by_role("button", name="Picture")).to_be_focused()
    expect(page.get_by_text("The picture of the header has no sample")).to_be_visible(timeout=SOON)
    look(page)
    page.get_by_label("Picture for Meta’s reviewers").select_option(index=1)
    shown = page.locator(".wn-wa img.img")
    expect(shown).to_have_js_property("naturalWidth", 1, timeout=SOON)
    page.get_by_role("button", name="Submit to Meta").first.click()
    page.wait_for_url(re.compile(r"/app/templates/\d+$"), timeout=SOON)
    expect(page.get_by_text(re.compile("In review|Approved")).first).to_be_visible()
