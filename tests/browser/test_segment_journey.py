"""A segment built, sent to and followed up in a real browser, all of WotNot running."""

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import PHONE, Product, sign_in

SOON = 15_000


def count_shown(page: Page) -> int:
    return int(page.locator("#count .wn-big").inner_text().split()[0].replace(",", ""))


def test_a_tag_ticked_while_the_form_is_drawn_anew_stays_ticked(member: Page) -> None:
    member.goto("/app/segments/new")
    member.route("**/app/segments/editor", lambda route: (member.wait_for_timeout(1_000), route.continue_()))
    member.get_by_role("button", name="Add a condition").click()
    member.get_by_role("checkbox", name=re.compile("^VIP")).first.check()
    expect(member.get_by_label("Field of condition 2")).to_be_focused(timeout=SOON)
    expect(member.get_by_role("checkbox", name=re.compile("^VIP")).first).to_be_checked()


def test_a_segment_is_built_with_a_live_count_and_sent_to(member: Page) -> None:
    member.goto("/app/contacts")
    member.get_by_role("link", name="Segments").click()
    rows = member.locator("#segments tbody tr").count()
    expect(member.locator("#segments .wn-numlink")).to_have_count(rows, timeout=SOON)
    member.get_by_role("link", name="New segment").first.click()
    member.get_by_label("Name", exact=True).fill("Readers in Cape Town")
    expect(member.locator("#count")).to_contain_text("Finish the conditions", timeout=SOON)
    member.get_by_role("checkbox", name=re.compile("^Cape Town")).check()
    expect(member.locator("#count")).to_contain_text("can be messaged", timeout=SOON)
    everybody = count_shown(member)
    member.get_by_role("button", name="Add a condition").click()
    expect(member.get_by_label("Field of condition 2")).to_be_focused(timeout=SOON)
    member.get_by_label("Field of condition 2").select_option("broadcast")
    member.get_by_label("Comparison of condition 2").select_option("read")
    expect(member.get_by_label("Comparison of condition 2")).to_be_focused(timeout=SOON)
    read = member.get_by_label("Value of condition 2").get_by_role("option", name=re.compile("^How is your plant"))
    member.get_by_label("Value of condition 2").select_option(read.get_attribute("value"))
    expect(member.locator("#count .wn-big")).not_to_contain_text(f"{everybody:,} of", timeout=SOON)
    expect(member.locator("#count")).to_contain_text("can be messaged", timeout=SOON)
    readers = count_shown(member)
    assert 0 < readers < everybody
    member.get_by_role("button", name="Save the segment").last.click()
    expect(member.get_by_role("heading", level=1)).to_have_text("Readers in Cape Town", timeout=SOON)
    expect(member.locator("#people")).to_contain_text(f"{readers:,} ", timeout=SOON)
    member.get_by_role("link", name="Send to this segment").click()
    expect(member.get_by_label("Segment", exact=True)).to_have_value(re.compile(r"\d+"), timeout=SOON)
    expect(member.locator("#count")).to_contain_text("Get the message", timeout=SOON)
    member.get_by_role("radio", name=re.compile("^Everybody")).check()
    expect(member.get_by_label("Segment", exact=True)).to_have_value("", timeout=SOON)
    expect(member.locator("#count .wn-big")).not_to_contain_text(f"{readers:,} of", timeout=SOON)
    member.get_by_label("Segment", exact=True).select_option(label="Readers in Cape Town")
    expect(member.get_by_role("radio", name=re.compile("^A segment"))).to_be_checked(timeout=SOON)
    expect(member.locator("#count .wn-big")).to_contain_text(f"{readers:,} of", timeout=SOON)
    member.get_by_role("button", name="Continue to Message").click()
    expect(member.locator(".wn-steps")).to_contain_text(f"Readers in Cape Town, {readers:,} contact", timeout=SOON)


def test_what_is_typed_while_the_rows_are_drawn_anew_stays(member: Page) -> None:
    member.goto("/app/segments/new")
    member.get_by_label("Field of condition 1").select_option("name")
    member.get_by_label("Value of condition 1").fill("Ann")
    member.get_by_role("button", name="Add a condition").click()
    member.get_by_label("Value of condition 1").fill("Annelise")
    expect(member.get_by_label("Field of condition 2")).to_be_visible(timeout=SOON)
    expect(member.get_by_label("Value of condition 1")).to_have_value("Annelise", timeout=SOON)
    member.get_by_role("button", name="Remove condition 2").click()
    expect(member.get_by_label("Field of condition 2")).to_have_count(0, timeout=SOON)
    expect(member.locator("#count")).to_contain_text("can be messaged", timeout=SOON)


def test_what_is_selected_while_the_rows_are_drawn_anew_is_replaced_by_what_is_typed(member: Page) -> None:
    member.goto("/app/segments/new")
    member.get_by_label("Field of condition 1").select_option("name")
    member.get_by_label("Value of condition 1").fill("Ann")
    member.route("**/app/segments/editor", lambda route: (member.wait_for_timeout(1_000), route.continue_()))
    member.get_by_role("button", name="Add a condition").click()
    member.get_by_label("Value of condition 1").select_text()
    expect(member.get_by_label("Field of condition 2")).to_be_visible(timeout=SOON)
    selected = member.get_by_label("Value of condition 1").evaluate(
        "(field) => [field.selectionStart, field.selectionEnd]"
    )
    assert selected == [0, len("Ann")]


def test_a_report_is_followed_up_on_a_phone(open_context: Callable[..., BrowserContext], product: Product) -> None:
    page = sign_in(open_context(viewport=PHONE).new_page(), product)
    page.goto("/app/broadcasts")
    page.locator("main tbody a.wn-plain", has_text="Repotting workshop").first.click()
    button = page.get_by_role("button", name=re.compile("^Write to the [0-9,]+ who did not read it$"))
    offered = int(re.sub(r"\D", "", button.inner_text()))
    assert page.evaluate("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    button.click()
    page.wait_for_url(re.compile(r"/app/broadcasts/\d+/audience$"))
    expect(page.get_by_role("radio", name=re.compile("Those it was made for"))).to_be_checked(timeout=SOON)
    expect(page.locator("#count")).to_contain_text("In the audience", timeout=SOON)
    in_audience = page.locator("#count dd").first.inner_text()
    assert int(in_audience.replace(",", "")) == offered
    page.get_by_role("button", name="Continue to Message").click()
    expect(page).to_have_url(re.compile(r"/message$"), timeout=SOON)
