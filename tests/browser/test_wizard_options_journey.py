"""Every option of the wizard chosen once: it stays when a step is opened again, the check page says it, and the API has it."""

import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.api import Api
from tests.browser.conftest import Product, sign_in
from tests.browser.test_pace_journey import save_pace
from tests.browser.wizard import ASKS_FIRST, send

HOME = ZoneInfo("Africa/Johannesburg")
DAY = (datetime.now(HOME) + timedelta(days=20)).date()
QUIET_VIPS = "VIPs who have gone quiet"
CHOSEN: dict[str, Any] = {
    "name": "Spring, every option",
    "audience": {"tags": ["Newsletter"]},
    "variables": {
        "1": {"field": "first_name", "fallback": "friend"},
        "2": {"text": "25%"},
        "3": {"field": "city", "fallback": "your town"},
    },
    "one_language": True,
    "leave_out": ["unreachable"],
    "late_minutes": 180,
    "retry_hours": 24,
    "sends_in_quiet_hours": True,
    "ignores_cap": True,
    "spread_minutes": 150,
    "daily_most": 400,
}


@pytest.fixture
def considerate(open_context: Callable[..., BrowserContext], product: Product) -> Iterator[None]:
    """The workspace has quiet hours and a cap, so that the wizard offers to pass over them."""
    page = sign_in(open_context().new_page(), product)
    save_pace(page, "02:00", "03:00", "9")
    yield
    save_pace(page, "", "", "")


@pytest.fixture
def api(product: Product) -> Iterator[Api]:
    """With a reader of the newsletter whose name and city nobody knows, who reads the fallbacks."""
    api = Api(product.url, product.email, product.password)
    nobody = api.ask("POST", "/contacts", phone="+27825550166", tags=["Newsletter"])
    yield api
    api.ask("DELETE", f"/contacts/{nobody['id']}")


def test_everything_chosen_is_said_and_stored(
    open_context: Callable[..., BrowserContext], product: Product, considerate: None, api: Api
) -> None:
    member = sign_in(open_context(forgive=ASKS_FIRST).new_page(), product)
    choose_people(member)
    write_the_message(member)
    plan(member)
    people = read_the_check(member)
    send_a_test(member)
    open_each_step_again(member)
    path = f"/broadcasts/{re.findall(r'[0-9]+', member.url)[-1]}"
    segments = {one["name"]: one["id"] for one in api.ask("GET", "/segments")["items"]}
    stored = api.ask("GET", path)
    assert {name: stored[name] for name in CHOSEN} == CHOSEN
    assert stored["exclude"] == {"tags": ["Workshop 2026"], "segment_ids": [segments[QUIET_VIPS]]}
    assert stored["state"] == "draft"
    assert moment_of(stored) == datetime.combine(DAY, time(10, 15), HOME)
    assert api.ask("GET", f"{path}/check")["count"]["to_send"] == people
    schedule(member, people)
    stored = api.ask("GET", path)
    assert (stored["state"], moment_of(stored)) == ("scheduled", datetime.combine(DAY, time(10, 15), HOME))
    take_it_back(member)
    assert api.ask("GET", path)["state"] == "draft"


def moment_of(stored: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(stored["scheduled_at"]).astimezone(UTC)


def choose_people(page: Page) -> None:
    """The newsletter's readers, without a tag and without a segment; the count follows each choice."""
    page.goto("/app/broadcasts/new")
    page.get_by_label("Name", exact=True).fill("Spring, every opt")
    page.get_by_role("group", name="Tags", exact=True).get_by_label("Newsletter").check()
    expect(page.get_by_label(re.compile("People with a tag"))).to_be_checked()
    expect(page.locator("#count")).to_contain_text("In the audience")
    expect(page.locator("#count")).not_to_contain_text("Left out by tag or segment")
    left_out = page.locator("#count dt", has_text="Left out by tag or segment").locator("+ dd")
    page.get_by_role("group", name="Tags to leave out").get_by_label("Workshop 2026").check()
    expect(left_out).to_be_visible()
    by_tag = left_out.inner_text()
    page.get_by_role("group", name="Segments to leave out").get_by_label(QUIET_VIPS).check()
    expect(left_out).not_to_have_text(by_tag)
    page.get_by_role("button", name="Continue to Message").click()


def write_the_message(page: Page) -> None:
    """A field with a fallback, a text, and a field of one's own; the preview walks over people."""
    page.get_by_role("link", name="Use it: spring_offer, English").click()
    page.get_by_label("Send everybody English").check()
    page.locator("select[name=source-1]").select_option(label="Contact’s first name")
    page.locator("select[name=source-3]").select_option(label="Contact’s “city”")
    for key, words in (("1", "friend"), ("2", "20%"), ("3", "your town")):
        page.locator(f"input[name=text-{key}]").fill(words)
    preview = page.locator("#preview")
    expect(preview.locator(".wa-tx").first).to_contain_text("20% off")
    first = preview.locator(".wn-whose a").inner_text()
    preview.get_by_role("link", name="Next row").click()
    expect(page.locator("#walk-row")).to_have_value("2")
    expect(preview.locator(".wn-whose a")).not_to_have_text(first)
    expect(preview.locator(".wa-tx").first).to_contain_text("20% off")
    page.get_by_role("button", name="Continue to When").click()


def plan(page: Page) -> None:
    """A day and time on the workspace's clock, at most three hours late, slowly, and past what holds others back."""
    expect(page.get_by_role("region", name="When should it go out?")).to_contain_text("Africa/Johannesburg")
    page.get_by_role("radio", name=re.compile("At a date and time")).check()
    page.get_by_label("Date", exact=True).fill(DAY.isoformat())
    page.get_by_label("Time", exact=True).fill("09:30")
    page.get_by_label("If WotNot was not running at that time").select_option(label="At most 3 h late")
    page.get_by_text("Slower, gentler, or over several days").click()
    page.get_by_label("Spread evenly over").fill("2.5")
    page.get_by_label("Hours or days").select_option(label="hours")
    page.get_by_label("At most so many people a day").fill("400")
    page.get_by_label("People to whom Meta does not deliver for now").select_option(value="24")
    page.get_by_label("Send in quiet hours too").check()
    page.get_by_label("Also to people who have had their share of marketing").check()
    page.get_by_role("button", name="Continue to Check").click()


def read_the_check(page: Page) -> int:
    """Every choice in words; answers how many people get the message without those who could not be reached before."""
    main = page.get_by_role("main")
    unreachable = main.get_by_role("listitem").filter(has_text="could not be reached before")
    unreachable.get_by_role("button", name="Leave them out").click()
    expect(main.get_by_role("button", name="Keep them in")).to_be_visible()
    expect(main).to_contain_text(f"Workshop 2026, {QUIET_VIPS}")
    expect(main).to_contain_text("Spread evenly over 2 h 30 min, at most 400 people a day.")
    expect(main).not_to_contain_text("not from 02:00")
    expect(main.get_by_role("listitem").filter(has_text="no first name")).to_contain_text("They will read “friend”.")
    expect(main.get_by_role("listitem").filter(has_text="no city")).to_contain_text("They will read “your town”.")
    expect(page.locator(".wn-steps")).to_contain_text(re.compile(f"{DAY:%-d %b}( {DAY:%Y})? at 09:30"))
    expect(page.locator(".wn-sticky")).to_contain_text("at most 3 h late")
    return people_on(page)


def people_on(page: Page) -> int:
    words = page.get_by_role("heading", name=re.compile("will get this message")).inner_text()
    return int(words.split()[0].replace(",", ""))


def send_a_test(page: Page) -> None:
    """To a telephone of one's own, filled in as for the person in the preview."""
    page.locator("#walk-row").fill("3")
    page.locator("#walk-row").press("Enter")
    expect(page.locator("#preview input[type=hidden][name=row]")).to_have_value("3")
    page.get_by_label("Your number").fill("+27 82 555 0177")
    page.get_by_role("button", name="Send a test").click()
    expect(page.get_by_text("The test is on its way to +27 82 555 0177.")).to_be_visible()


def open_each_step_again(page: Page) -> None:
    """Backwards through the steps: each shows what was chosen, and one thing on each is changed."""
    go_to_step(page, "When")
    expect(page.get_by_label("Date", exact=True)).to_have_value(DAY.isoformat())
    expect(page.get_by_label("If WotNot was not running at that time")).to_have_value("180")
    expect(page.get_by_label("Spread evenly over")).to_have_value("2.5")
    expect(page.get_by_label("People to whom Meta does not deliver for now")).to_have_value("24")
    page.get_by_label("Time", exact=True).fill("10:15")
    page.get_by_role("button", name="Continue to Check").click()
    go_to_step(page, "Message")
    expect(page.locator("select[name=source-3]")).to_have_value("field:city")
    expect(page.locator("input[name=text-1]")).to_have_value("friend")
    expect(page.get_by_label("Send everybody English")).to_be_checked()
    page.locator("input[name=text-2]").fill("25%")
    page.get_by_role("button", name="Continue to When").click()
    go_to_step(page, "Audience")
    expect(page.get_by_role("group", name="Tags to leave out").get_by_label("Workshop 2026")).to_be_checked()
    expect(page.get_by_role("group", name="Segments to leave out").get_by_label(QUIET_VIPS)).to_be_checked()
    page.get_by_label("Name", exact=True).fill("Spring, every option")
    for step in ("Message", "When", "Check"):
        page.get_by_role("button", name=f"Continue to {step}").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Spring, every option")
    expect(page.get_by_role("button", name="Keep them in")).to_be_visible()


def go_to_step(page: Page, step: str) -> None:
    page.get_by_role("list", name="Steps").get_by_role("link", name=step, exact=True).click()
    page.wait_for_url(re.compile(rf"/{step.lower()}$"))


def schedule(page: Page, people: int) -> None:
    send(page, rf"^Schedule for {people:,} people .*10:15$")
    expect(page.locator("#progress")).to_contain_text("10:15")


def take_it_back(page: Page) -> None:
    """Into the wizard again, where the plan still stands."""
    page.get_by_role("button", name="Change it").click()
    page.wait_for_url(re.compile(r"/audience$"))
    go_to_step(page, "When")
    expect(page.get_by_label("Time", exact=True)).to_have_value("10:15")
