"""What a broadcast costs, followed in a real browser from the estimate to the receipts, and what the cost pages do."""

import re
from collections.abc import Callable
from pathlib import Path

from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import Product, sign_in
from tests.browser.test_broadcast_journey import make_draft
from tests.browser.wizard import ASKS_FIRST, send

LONG = 90_000
MONEY = r"US\$\s[\d,]+\.\d\d"


def amount(words: str) -> float:
    return float(words.rsplit(maxsplit=1)[-1].replace(",", ""))


def test_from_the_estimate_to_the_receipts(
    open_context: Callable[..., BrowserContext], product: Product, quick_number: None
) -> None:
    member = sign_in(open_context(forgive=ASKS_FIRST).new_page(), product)
    make_draft(member, "What does it cost?")
    button = member.get_by_role("button", name=re.compile("^Send to "))
    told = re.search(f"for about ({MONEY})", button.inner_text())
    assert told
    expect(member.get_by_role("heading", name="Cost by market")).to_be_visible()
    expect(member.get_by_role("row", name=re.compile("^South Africa"))).to_contain_text("US$")
    send(member)
    expect(member.locator("#progress .wn-title")).to_contain_text("Finished", timeout=LONG)
    estimate = re.escape(told[1].split()[-1])
    heading = member.get_by_role("heading", name=re.compile(rf"^{MONEY} of about US\$\s{estimate} charged$"))
    expect(heading).to_be_visible(timeout=LONG)
    expect(heading).not_to_contain_text(re.compile(r"^US\$\s0\.00 of"), timeout=LONG)
    charged = re.search(MONEY, heading.inner_text())
    assert charged
    assert 0 < amount(charged[0]) <= amount(told[1]), "the receipts charge no more than was estimated"
    member.goto("/app/cost")
    expect(member.get_by_role("link", name="What does it cost?", exact=True)).to_be_visible()


def test_the_bars_are_a_table_too(member: Page) -> None:
    member.goto("/app/cost")
    expect(member.locator(".wn-chart canvas")).to_be_visible()
    member.get_by_role("button", name="Show as table").click()
    table = member.get_by_role("table", name=re.compile("^Stacked bars of cost by month"))
    expect(table.get_by_role("row")).to_have_count(13)
    expect(table.get_by_role("row").last).to_contain_text(re.compile(MONEY))


def test_one_row_leads_to_what_is_behind_it(member: Page) -> None:
    member.goto("/app/cost")
    member.get_by_role("link", name="Germany", exact=True).click()
    expect(member).to_have_url(re.compile("country=DE"))
    expect(member.get_by_role("region", name="By country").get_by_role("row")).to_have_count(2)
    member.get_by_role("link", name="Remove Germany").click()
    expect(member.get_by_role("link", name="South Africa", exact=True)).to_be_visible()


def test_a_card_with_a_mistake_says_where_and_a_good_one_is_used(
    open_context: Callable[..., BrowserContext], product: Product, tmp_path: Path
) -> None:
    member = sign_in(open_context(forgive="422").new_page(), product)
    card = tmp_path / "card.csv"
    card.write_text("Market,Marketing,Utility\nAtlantis,1,1\nOther,0.05,0.01\n")
    member.goto("/app/cost/cards")
    member.get_by_label("The card (CSV)").set_input_files(card)
    member.get_by_label("Valid from").fill("2026-11-01")
    member.get_by_label("Currency").select_option("EUR")
    member.get_by_role("button", name="Upload the card").click()
    expect(member.get_by_role("alert")).to_contain_text("Row 2: “Atlantis” is no market.")
    expect(member.get_by_label("Valid from")).to_have_value("2026-11-01")
    card.write_text("Market,Marketing,Utility\nSouth Africa,0.03,0.01\nOther,0.05,0.01\n")
    member.get_by_label("The card (CSV)").set_input_files(card)
    member.get_by_role("button", name="Upload the card").click()
    expect(member.get_by_role("heading", level=1)).to_have_text("Rates of 1 November 2026")
    expect(member.get_by_role("row", name=re.compile("^South Africa"))).to_contain_text("€0.03")
    member.get_by_role("button", name="Delete").click()
    member.get_by_role("dialog").get_by_role("button", name="Delete the card").click()
    expect(member).to_have_url(re.compile(r"/app/cost/cards$"))
    expect(member.get_by_role("cell", name="EUR")).to_have_count(0)
