"""Every part of the pages in a real browser, under the strict content policy."""

import itertools
import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.browser.looking import EVERY_RULE, find_faults, in_short
from tests.browser.parts.gallery import Site

PAGES = ["everything", "wizard", "signin", "forms"]
SCREENS = [(1280, "light"), (1280, "dark"), (390, "light")]


def wait_until(holds: Callable[[], bool], page: Page, seconds: float = 5) -> None:
    """Let the page run until `holds`; fails when it does not within `seconds`."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it did not happen in time"
        page.wait_for_timeout(20)


@pytest.mark.parametrize("screen", SCREENS)
@pytest.mark.parametrize("name", PAGES)
def test_nobody_is_left_out(page: Page, name: str, screen: tuple[int, str]) -> None:
    width, theme = screen
    page.emulate_media(color_scheme=theme, reduced_motion="reduce")
    page.set_viewport_size({"width": width, "height": 900})
    page.goto(f"/pages/{name}")
    assert not in_short(find_faults(page, EVERY_RULE))


@pytest.mark.parametrize(("name", "width"), list(itertools.product(PAGES, [360, 820])))
def test_nothing_scrolls_sideways(page: Page, name: str, width: int) -> None:
    page.set_viewport_size({"width": width, "height": 800})
    page.goto(f"/pages/{name}")
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_theme_follows_the_system_until_the_person_chooses(page: Page) -> None:
    page.emulate_media(color_scheme="dark")
    page.goto("/pages/live")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.locator("summary.wn-user").click()
    page.locator(".wn-side [data-theme-choice=light]").click()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "light")
    expect(page.locator(".wn-side [data-theme-choice=light]")).to_have_attribute("aria-pressed", "true")


def test_menu_closes_on_escape_and_gives_the_focus_back(page: Page) -> None:
    page.goto("/pages/live")
    page.locator("summary.wn-user").click()
    expect(page.get_by_role("link", name="Your profile")).to_be_visible()
    page.keyboard.press("Tab")
    page.keyboard.press("Escape")
    expect(page.get_by_role("link", name="Your profile")).to_be_hidden()
    expect(page.locator("summary.wn-user")).to_be_focused()


# --- Live regions ---


def test_event_refetches_its_region_and_tints_what_changed(page: Page, site: Site) -> None:
    page.goto("/pages/live")
    expect(page.locator("#count")).to_have_text("1")  # on connecting everything is fetched once
    site.publish("broadcast:12")
    expect(page.locator("#count")).to_have_text("2")
    expect(page.locator("#row-1")).to_have_class("wn-changed")
    expect(page.locator("#row-2")).not_to_have_class("wn-changed")
    expect(page.locator("#say")).to_contain_text(" sent")


def test_a_flood_of_events_costs_two_fetches_a_second(page: Page, site: Site) -> None:
    page.goto("/pages/live")
    wait_until(lambda: bool(site.listeners), page)
    before = len(site.counter_fetches)
    end = time.monotonic() + 2.2
    while time.monotonic() < end:
        site.publish("broadcast:12")
        page.wait_for_timeout(10)
    assert 3 <= len(site.counter_fetches) - before <= 5


def test_typing_in_a_region_is_not_replaced(page: Page, site: Site) -> None:
    page.goto("/pages/live")
    expect(page.locator("#count")).to_have_text("1")
    page.get_by_label("Words").press_sequentially("not to be lost")
    site.publish("broadcast:12")
    page.wait_for_timeout(900)
    expect(page.get_by_label("Words")).to_have_value("not to be lost")
    expect(page.locator("#count")).to_have_text("2")  # once the person has paused
    expect(page.get_by_label("Words")).to_be_focused()


def test_what_is_pressed_is_not_replaced_before_it_is_let_go(page: Page, site: Site) -> None:
    """Between the two nobody would be clicked."""
    page.goto("/pages/live")
    expect(page.locator("#count")).to_have_text("1")
    page.get_by_role("link", name="stays").hover()
    page.mouse.down()
    site.publish("broadcast:12")
    page.wait_for_timeout(900)
    page.mouse.up()
    expect(page).to_have_url(re.compile("#gone-to$"))
    expect(page.locator("#count")).to_have_text("2")


def test_a_menu_of_the_browser_holds_nothing_up(page: Page, site: Site) -> None:
    """It swallows the release of the button that opened it."""
    page.goto("/pages/live")
    expect(page.locator("#count")).to_have_text("1")
    page.get_by_role("link", name="stays").hover()
    page.mouse.down(button="right")
    site.publish("broadcast:12")
    expect(page.locator("#count")).to_have_text("2")


def test_event_of_another_topic_is_not_ours(page: Page, site: Site) -> None:
    page.goto("/pages/live")
    expect(page.locator("#count")).to_have_text("1")
    site.publish("broadcast:13")
    site.publish("workspace")
    page.wait_for_timeout(900)
    assert len(site.counter_fetches) == 1


def test_one_stream_serves_all_regions_of_a_page(page: Page, site: Site) -> None:
    with page.expect_request("**/app/stream?**") as asked:
        page.goto("/pages/live")
    assert asked.value.url.endswith("topics=broadcast%3A12%2Cconversations%2Cworkspace")
    wait_until(lambda: bool(site.listeners), page)
    page.wait_for_timeout(500)
    assert site.streams_opened == 1


def test_refused_stream_is_said_and_polled_around(page: Page, site: Site) -> None:
    site.stream_answers = False
    page.goto("/pages/live")
    expect(page.get_by_text("Live updates lost.")).to_be_visible()
    wait_until(lambda: len(site.counter_fetches) >= 1, page, 8)


def test_broken_stream_comes_back_and_everything_is_fetched_again(page: Page, site: Site) -> None:
    page.goto("/pages/live")
    expect(page.locator("#count")).to_have_text("1")
    for listener in site.listeners:
        listener.put(None)  # the connection ends; the next one is accepted
    site.listeners.clear()
    wait_until(lambda: bool(site.listeners), page, 10)
    expect(page.locator("#count")).to_have_text("2")
    expect(page.get_by_text("Live updates lost.")).to_be_hidden()


# --- Forms and dialogs ---


def test_second_press_sends_nothing_and_the_button_says_what_is_done(page: Page, site: Site) -> None:
    page.goto("/pages/forms")
    button = page.get_by_role("button", name="Save", exact=True)
    width = button.bounding_box()["width"]
    button.click()
    busy = page.locator("#htmx-form [aria-busy=true]")
    expect(busy).to_have_text("Saving everything")
    assert busy.bounding_box()["width"] >= width
    busy.evaluate("button => button.click()")  # a person can press it; Playwright would wait until it is enabled
    page.locator("#htmx-form").evaluate("form => form.requestSubmit()")
    expect(page.locator("#answer")).to_have_text("done")
    expect(button).to_be_visible()
    assert [post["act"] for post in site.posts] == ["save"]
    assert site.posts[0]["header"] == "token-of-this-session"


def test_plain_form_is_sent_once(page: Page, site: Site) -> None:
    page.goto("/pages/forms")
    page.locator("#guarded").evaluate("form => { form.requestSubmit(); form.requestSubmit(); }")
    expect(page.get_by_text("done")).to_be_visible()
    assert len(site.posts) == 1


def test_answer_can_leave_a_toast_that_can_be_undone(page: Page) -> None:
    page.goto("/pages/forms")
    page.get_by_role("button", name="Save", exact=True).click()
    toast = page.locator("[data-toast]")
    expect(toast).to_contain_text("Saved.")
    expect(toast.get_by_role("link", name="Undo")).to_have_attribute("href", "/pages/live")
    toast.get_by_role("button", name="Dismiss").click()
    expect(toast).to_have_count(0)


def test_refusal_is_said_on_the_page_until_it_is_dismissed(page: Page) -> None:
    page.goto("/pages/forms")
    page.get_by_role("button", name="Start it again").click()
    notice = page.locator("#notice")
    expect(notice).to_contain_text("This broadcast is already being sent.")
    notice.get_by_role("button", name="Dismiss").click()
    expect(notice).to_be_hidden()


def test_counter_counts_characters_and_turns_red_at_the_limit(page: Page) -> None:
    page.goto("/pages/forms")
    counter = page.locator("[data-counter-for=f-name]")
    expect(counter).to_have_text("7 of 10")  # the plant is one character
    expect(counter).to_have_class("end")
    page.get_by_label("Name").fill("ten chars!")
    expect(counter).to_have_text("10 of 10")
    expect(counter).to_have_class("end full")
    page.get_by_label("Name").fill("twelve chars")
    expect(counter).to_have_text("12 of 10")
    expect(counter).to_have_class("end full")


def test_errors_are_listed_on_top_with_links_and_hold_the_focus(page: Page) -> None:
    page.goto("/pages/forms?bad=1")
    summary = page.locator("[data-error-summary]")
    expect(summary).to_be_focused()
    summary.get_by_role("link", name="Phone").click()
    expect(page.get_by_label("Phone")).to_be_focused()
    expect(page.get_by_label("Phone")).to_have_accessible_description("Too short for South Africa.")


def test_file_too_large_is_refused_before_it_travels(page: Page, site: Site, tmp_path: Path) -> None:
    page.goto("/pages/forms")
    large = tmp_path / "large.csv"
    large.write_text("x" * 3000)
    page.get_by_label("Your contacts").set_input_files(large)
    expect(page.locator("[data-upload-name]")).to_have_text("large.csv, 2.9 KB")
    expect(page.locator("[data-upload-error]")).to_contain_text("at most 1000 bytes")
    page.get_by_role("button", name="Save", exact=True).click()
    page.wait_for_timeout(200)
    assert site.posts == []


def test_leaving_with_unsaved_typing_asks_first(page: Page) -> None:
    asked: list[str] = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    page.goto("/pages/forms")
    page.goto("/pages/forms")
    assert asked == []
    page.get_by_label("Note").press_sequentially("not to lose")
    page.goto("/pages/live")
    assert asked == ["beforeunload"]


def test_password_can_be_shown(page: Page) -> None:
    page.goto("/pages/forms")
    page.get_by_role("button", name="Show the password").click()
    expect(page.locator("#f-password")).to_have_attribute("type", "text")
    expect(page.get_by_role("button", name="Hide the password")).to_have_attribute("aria-pressed", "true")


def test_dialog_holds_the_focus_on_the_safe_choice(page: Page, site: Site) -> None:
    page.goto("/pages/forms")
    opener = page.get_by_role("button", name="Cancel the rest")
    opener.click()
    expect(page.get_by_role("button", name="Keep sending")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_be_hidden()
    expect(opener).to_be_focused()
    opener.click()
    page.get_by_role("button", name="Cancel 1,686 messages").click()
    expect(page.get_by_text("done")).to_be_visible()
    assert site.posts[0]["csrf_token"] == "token-of-this-session"


# --- Preview and charts ---


def test_marks_are_drawn_and_nothing_is_injected(page: Page) -> None:
    page.goto("/pages/preview")
    text = page.locator(".tx")
    expect(text.locator("b")).to_have_text("bold both")
    expect(text.locator("b em")).to_have_text("both")
    expect(text.locator("s")).to_have_text("gone")
    expect(text.locator("code")).to_have_text("code")
    expect(text).to_contain_text("snake_case_name 2*3*4 *not")
    expect(page.locator("#injected")).to_have_count(0)
    expect(text).to_contain_text("<b id='injected'>Row 17</b>")


def test_arrow_keys_walk_from_person_to_person(page: Page) -> None:
    page.goto("/pages/preview")
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Row number")).to_have_value("18")
    expect(page.get_by_role("link", name="Next row")).to_be_focused()
    page.keyboard.press("ArrowLeft")
    expect(page.get_by_label("Row number")).to_have_value("17")
    page.get_by_label("Row number").fill("40")
    page.keyboard.press("Enter")
    expect(page.locator(".wa-fill")).to_contain_text("Row 40")
    expect(page.get_by_role("button", name="Next row")).to_be_disabled()


def test_chart_takes_its_colours_from_the_theme_and_has_a_table(page: Page) -> None:
    drawn = "Chart.getChart(document.querySelector('[data-chart] canvas'))"
    painted = f"{drawn}.data.datasets[0].backgroundColor"
    follows = f"() => getComputedStyle(document.documentElement).getPropertyValue('--wn-chart-1').trim() === {painted}"
    page.goto("/pages/everything")
    page.wait_for_function(f"() => window.Chart && {drawn}")
    assert page.evaluate(follows)
    page.emulate_media(color_scheme="dark")
    expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
    page.wait_for_function(follows)
    page.get_by_role("button", name="Show as table").click()
    expect(page.get_by_role("row", name="30 Oct 2,988 1,359 160")).to_be_visible()
    expect(page.locator("#byday")).to_be_hidden()
