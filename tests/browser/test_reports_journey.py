"""Looking at how it went, and taking it along as a file: from a number to its people, and from a list to a download."""

import re
import zipfile
from pathlib import Path

from playwright.sync_api import Page, expect

from tests.browser.looking import look


def test_from_a_number_of_the_overview_to_its_people(member: Page) -> None:
    member.goto("/app/")
    member.get_by_role("main").get_by_text("Last 30 days", exact=True).first.click()
    member.get_by_role("link", name="Last 90 days").click()
    expect(member.get_by_role("heading", name="Best hours")).to_be_visible()
    expect(member.locator(".wn-chart canvas").first).to_be_visible()
    member.get_by_role("button", name="Show as table").first.click()
    expect(member.get_by_role("rowheader").first).to_be_visible()
    member.evaluate("htmx.trigger(document.getElementById('overview-detail'), 'live')")
    expect(member.get_by_role("button", name="Show as chart")).to_have_count(1)
    read = member.get_by_role("region", name="Templates").get_by_role("row", name="feedback_request")
    count = read.get_by_role("link", name="read, feedback_request")
    words = (count.text_content() or "").split()[0]
    count.click()
    expect(member.get_by_role("heading", level=1)).to_have_text(f"{words} messages were read")
    member.get_by_role("link", name=f"{words} How is your plant doing?").click()
    expect(member).to_have_url(re.compile(r"state=got_read"))
    expect(member.get_by_role("region", name="Recipients").get_by_role("row")).not_to_have_count(1)


def test_recipients_become_a_file(member: Page, tmp_path: Path) -> None:
    member.goto("/app/broadcasts?state=finished")
    member.get_by_role("link", name="How is your plant doing?").first.click()
    expect(member.get_by_role("heading", name="By country")).to_be_visible()
    expect(member.get_by_role("heading", name="Time until read")).to_be_visible()
    member.get_by_role("region", name="Recipients").get_by_text("Export", exact=True).click()
    member.get_by_role("button", name="Excel file").click()
    expect(member.get_by_role("heading", level=1)).to_contain_text("How is your plant doing?")
    with member.expect_download() as download:
        # The page follows the job by itself until there is something to download.
        member.get_by_role("link", name=re.compile("^Download")).click()
    assert re.fullmatch(r"how-is-your-plant-doing-recipients-[\d-]+\.xlsx", download.value.suggested_filename)
    download.value.save_as(tmp_path / "file.xlsx")
    assert zipfile.ZipFile(tmp_path / "file.xlsx").testzip() is None
    look(member)
    member.goto("/app/exports")
    expect(member.get_by_role("region", name="Files").get_by_role("row").nth(1)).to_contain_text("Ready")


def test_paper_gets_the_numbers_in_tables(member: Page) -> None:
    for address in ("/app/?days=90", "/app/cost"):
        member.goto(address)
        charts = member.locator(".wn-chart")
        expect(charts.first.locator("canvas")).to_be_visible()
        member.emulate_media(media="print")
        for chart in charts.all():
            expect(chart.locator("canvas")).to_be_hidden()
            expect(chart.get_by_role("rowheader").first).to_be_visible()
        for part in (".wn-side", ".wn-top", ".wn-tabs"):
            expect(member.locator(part).locator("visible=true")).to_have_count(0)
        member.emulate_media(media="screen")


def test_the_keyboard_is_enough_to_choose_days(member: Page) -> None:
    member.goto("/app/")
    period = member.get_by_role("main").locator("summary").first
    period.focus()
    member.keyboard.press("Enter")
    expect(member.get_by_role("link", name="Today")).to_be_visible()
    member.get_by_label("From", exact=True).fill("2026-11-01")
    member.get_by_label("To", exact=True).fill("2026-11-10")
    member.keyboard.press("Enter")
    expect(member).to_have_url(re.compile("from=2026-11-01&to=2026-11-10"))
    expect(member.get_by_role("main")).to_contain_text("1 November to 10 November")
