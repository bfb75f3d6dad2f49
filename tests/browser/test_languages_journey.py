"""A message in two languages, from "Add a translation" to what each customer got, in a real browser at 1280 pixels."""

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Product, sign_in
from tests.browser.wizard import ASKS_FIRST, send

SOON = 20_000
LONG = 90_000
DUTCH = "Hallo {{1}} 🌱 De lente is er: *{{2}} korting* op alles in {{3}} tot zondag. Tot ziens in de winkel!"


def add_dutch(page: Page) -> None:
    """Through the editor, until the sandbox has approved it; the page follows along."""
    page.goto("/app/templates")
    page.locator("main tbody a.wn-plain", has_text="spring_offer").first.click()
    expect(page.get_by_role("navigation", name="Language").get_by_role("link")).to_have_count(2)
    page.get_by_role("link", name="Add a translation").click()
    expect(page.get_by_label("Name", exact=True)).not_to_be_editable()
    page.get_by_label("Language", exact=True).select_option("Dutch")
    page.get_by_label("Body", exact=True).fill("Hallo {{1}}, dag.")
    expect(page.locator("#side")).to_contain_text("Its variables differ from English")
    page.get_by_label("Body", exact=True).fill(DUTCH)
    expect(page.locator("#side")).to_contain_text("Nothing that Meta is known to refuse")
    page.get_by_role("button", name="Submit to Meta").last.click()
    expect(page.get_by_role("navigation", name="Language").get_by_role("link")).to_have_count(3)
    expect(page.locator("#template-facts")).to_contain_text("Approved", timeout=SOON)


def test_each_contact_gets_their_own_language(open_context: Callable[..., BrowserContext], product: Product) -> None:
    member = sign_in(open_context(forgive=ASKS_FIRST).new_page(), product)
    add_dutch(member)
    member.goto("/app/broadcasts/new")
    member.get_by_label("Name", exact=True).fill("In three languages")
    member.get_by_label(re.compile("People with a tag")).check()
    member.get_by_label("Workshop 2026").first.check()
    member.get_by_role("button", name="Continue to Message").click()
    member.get_by_role("link", name="Use it: spring_offer, English").click()
    expect(member.locator("#step")).to_contain_text("3 languages: English (main), Dutch, German.")
    member.locator("select[name=source-1]").select_option(label="Contact’s first name")
    for key, words in (("1", "there"), ("2", "20%"), ("3", "pots")):
        member.locator(f"input[name=text-{key}]").fill(words)
    walk_to_german(member)
    # The switch is seen in the preview at once.
    member.get_by_label("Send everybody English").check()
    expect(member.locator("#preview")).to_contain_text("Spring is here")
    member.get_by_label("Send everybody English").uncheck()
    member.get_by_role("button", name="Continue to When").click()
    member.get_by_role("button", name="Continue to Check").click()
    expect(member.locator("main")).to_contain_text("Each in their own language, all others in English")
    expect(member.locator("main")).to_contain_text(re.compile(r"\d+ in English, \d+ in Dutch, \d+ in German\."))
    expect(member.get_by_role("button", name=re.compile("^Send to [0-9,]+ people for about "))).to_be_visible()
    send(member)
    expect(member.locator("#progress .wn-title")).to_contain_text("Finished", timeout=LONG)
    rows = member.get_by_role("region", name="3 languages").locator("tbody tr")
    expect(rows).to_have_count(3)
    counts = [int(row.locator("td").nth(1).inner_text().replace(",", "")) for row in rows.all()]
    assert all(counts), counts
    member.get_by_role("searchbox", name="Name or phone").fill("+4915")
    expect(member.locator("#recipients tbody tr").first).to_contain_text("Der Frühling ist da")


def walk_to_german(page: Page) -> None:
    """From person to person until one reads German."""
    preview = page.locator("#preview")
    expect(preview).to_contain_text("pots")  # what was typed has arrived
    for row in range(1, 80):
        expect(page.locator("#walk-row")).to_have_value(str(row))
        if "In German" in preview.inner_text():
            expect(preview).to_contain_text("Der Frühling ist da")
            return
        expect(preview).to_contain_text(re.compile("In (English|Dutch)"))
        page.get_by_role("link", name="Next row").click()
    raise AssertionError("nobody reads German")
