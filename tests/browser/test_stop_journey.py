"""A customer writes STOP: the team sees it, the next broadcast leaves them out, and nothing of it reaches their phone.

And the page that says when the team is there to read such a word.
"""

import re

from playwright.sync_api import Page, expect

from tests.browser.conftest import PHONE
from tests.browser.inbox_page import SOON, entries, open_thread, write
from tests.browser.looking import look
from tests.browser.wizard import write_message
from tests.factories import phone as number
from tests.sandbox_control import SandboxControl

LEAVES, STAYS = number(5_550_961), number(5_550_962)
TAG = "Market stall"
LONG = 90_000


def test_who_wrote_stop_gets_nothing_of_the_next_broadcast(member: Page, phone: SandboxControl) -> None:
    add_contact(member, "Lerato Khumalo", LEAVES)
    add_contact(member, "Sipho Zulu", STAYS)
    write(phone, "Stop", LEAVES)
    open_thread(member, "Lerato Khumalo")
    expect(member.locator("#contact-card")).to_contain_text("They wrote “Stop”")
    expect(entries(member).locator("li[data-side=out]").last.locator(".mt")).to_contain_text("Read", timeout=SOON)
    heard = reached(phone)
    assert (heard.get(LEAVES), heard.get(STAYS)) == (1, None), "she got the answer to her word, he nothing yet"

    to_the_check_page(member)
    expect(member.get_by_role("heading", level=2).first).to_contain_text("1 person will get this message")
    line = member.get_by_role("listitem").filter(has_text="1 opted out")
    expect(line).to_contain_text("By STOP, in WhatsApp, or by your team.")
    line.get_by_role("link", name="See 1").click()
    expect(member.locator("tbody tr")).to_have_text(re.compile("Lerato Khumalo"))
    member.get_by_role("main").get_by_role("link", name="Back to Check").click()
    member.get_by_role("button", name=re.compile("^Send to 1 person")).click()

    expect(member.locator("#progress .wn-title")).to_contain_text("Finished", timeout=LONG)
    expect(member.get_by_role("region", name="Funnel")).to_contain_text(re.compile(r"Delivered\s*1\b"), timeout=SOON)
    expect(member.get_by_role("listitem").filter(has_text="Opted out")).to_contain_text("1")
    assert (reached(phone)[LEAVES], reached(phone)[STAYS]) == (1, 1)
    assert [one["type"] for one in phone.chat(LEAVES)] == ["text", "text"]
    assert [one["type"] for one in phone.chat(STAYS)] == ["template"]


def test_hours_over_midnight_say_so_while_they_are_typed_and_after(member: Page) -> None:
    member.goto("/app/settings/automation")
    friday = member.get_by_role("group", name="Friday")
    closes, ends = friday.get_by_label("Friday, closes at"), friday.locator("[data-next-day]")
    friday.get_by_label("Friday, opens at").fill("18:00")
    closes.fill("02:00")
    expect(ends).to_have_text("the next day")
    expect(closes).to_have_accessible_description("the next day")
    closes.fill("00:00")
    expect(ends).to_have_text("")
    closes.fill("02:00")
    friday.get_by_label("Friday", exact=True).check()
    member.get_by_role("button", name="Save the hours").click()
    expect(member.get_by_text("The hours are saved.")).to_be_visible()
    expect(ends).to_have_text("the next day")
    look(member)
    member.set_viewport_size(PHONE)  # type: ignore[arg-type]
    expect(ends).to_be_visible()


def add_contact(page: Page, name: str, phone: str) -> None:
    page.goto("/app/contacts/new")
    page.get_by_label("Phone").fill(f"+{phone}")
    page.locator("#f-name").fill(name)
    page.get_by_label("Tags").fill(TAG)
    page.get_by_role("button", name="Add this contact").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text(name)


def to_the_check_page(page: Page) -> None:
    """A broadcast to the two of them, who are named apart while they are counted."""
    page.goto("/app/broadcasts/new")
    page.get_by_label("Name", exact=True).fill("After a stop")
    page.get_by_label(re.compile("People with a tag")).check()
    page.get_by_role("region", name="Who gets it").get_by_label(re.compile(TAG)).check()
    expect(page.locator("#count")).to_contain_text(re.compile(r"Opted out\s*1\s*Get the message\s*1"))
    page.get_by_role("button", name="Continue to Message").click()
    write_message(page)
    page.get_by_role("button", name="Continue to Check").click()


def reached(phone: SandboxControl) -> dict[str, int]:
    """How often the sandbox took a message for each number, whatever became of it."""
    sends: dict[str, int] = phone.sends()["to"]
    return sends
