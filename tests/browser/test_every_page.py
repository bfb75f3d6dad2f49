"""Every page and some dialogs, as somebody who sees little, hears them or holds a phone meets them."""

import re
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Product, sign_in
from tests.browser.looking import EVERY_RULE, find_faults, in_short

NARROW = 360
SIGNED_OUT = ("/app/login", "/app/register", "/app/forgot")
PAGES = (
    "/app/",
    "/app/inbox",
    "/app/inbox?view=mine&search=nobody-wrote-this",
    "/app/broadcasts",
    "/app/broadcasts/new",
    "/app/broadcasts/answers",
    "/app/broadcasts/answers?search=nothing-means-this",
    "/app/contacts",
    "/app/contacts?search=nobody-is-called-this",
    "/app/contacts/new",
    "/app/segments",
    "/app/segments/new",
    "/app/segments/new?search=ann&tag=VIP&consent=opted_in",
    "/app/imports/new",
    "/app/templates",
    "/app/templates/new",
    "/app/templates/new?from=restaurant-rider-on-the-way",
    "/app/templates/library",
    "/app/templates/library?search=nothing-is-about-this",
    "/app/templates/ai",
    "/app/cost",
    "/app/cost?country=DE",
    "/app/cost/broadcasts?period=90",
    "/app/cost/messages?period=90",
    "/app/cost/countries?period=90",
    "/app/cost/budget",
    "/app/cost/purchases",
    "/app/cost/cards",
    "/app/cost/cards/usd-2026-10-01",
    "/app/?period=today",
    "/app/numbers?what=read",
    "/app/numbers?what=read&template=nobody-wrote-this",
    "/app/numbers/messages?what=delivered",
    "/app/numbers/hour?weekday=1&hour=10&days=90",
    "/app/numbers/opt-outs?days=90",
    "/app/numbers/answers",
    "/app/numbers/templates",
    "/app/numbers/causes",
    "/app/exports",
    "/app/media",
    "/app/media?kind=video",
    "/app/media?origin=inbound",
    "/app/channels",
    "/app/channels/new",
    "/app/shops",
    "/app/shops/new",
    "/app/assistant",
    "/app/settings",
    "/app/settings/members",
    "/app/settings/consent",
    "/app/settings/consent/answers/ar",
    "/app/settings/automation",
    "/app/settings/automation?say=hello&first=1",
    "/app/settings/automation/new?kind=keyword",
    "/app/settings/pace",
    "/app/settings/replies",
    "/app/settings/ai",
    "/app/settings/keys",
    "/app/settings/keys/test-messages",
    "/app/settings/profile",
    "/app/settings/two-factor",
    "/app/workspaces/new",
    "/api/v1/docs",
    "/api/v1/docs/broadcasts",
)
# A list, and the row whose page stands for all of its kind.
FIRST_OF = (
    ("/app/broadcasts", "How is your plant doing?"),
    ("/app/broadcasts", "Early summer favourites"),
    ("/app/contacts?tag=VIP", ""),
    ("/app/segments", ""),
    ("/app/templates", "spring_offer"),
    ("/app/templates", "waiting_list"),
    ("/app/channels", ""),
)
# As above, and the pages behind that row's own.
AFTER_A_ROW = (
    ("/app/contacts", "", ("edit",)),
    ("/app/broadcasts", "How is your plant doing?", ("recipients", "countries")),
    ("/app/segments", "", ("edit",)),
    ("/app/channels", "", ("profile", "history")),
    ("/app/templates", "spring_offer", ("edit", "history", "translate")),
)
# A page, and the address that its first such link leads to.
LINKS = (("/app/settings/automation", r"/app/settings/automation/\d+$"),)
DIALOGS = (
    ("/app/templates", "spring_offer", "Delete"),
    ("/app/channels", "", "Remove this number"),
    ("/app/segments", "", "Delete"),
    ("/app/broadcasts", "How is your plant doing?", "Retry failed"),
    ("/app/settings/profile", None, "Sign out everywhere"),
    ("/app/cost/purchases", None, "Delete"),
)


def test_everybody_can_use_every_page(open_context: Callable[..., BrowserContext], product: Product) -> None:
    """At 1280 pixels; the dark theme differs by its colours only."""
    page = open_context(reduced_motion="reduce").new_page()
    faults: list[str] = []
    for address in walk(page, product):
        faults += [f"{address}: {fault}" for fault in faults_of(page)]
        page.emulate_media(color_scheme="dark")
        expect(page.locator("html")).to_have_attribute("data-bs-theme", "dark")
        faults += [f"{address}, dark: {fault}" for fault in faults_of(page, rule="color-contrast")]
        page.emulate_media(color_scheme="light")
    assert not faults, "\n".join(faults)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_dialogs_name_the_safe_choice_and_close(
    size: dict[str, int], open_context: Callable[..., BrowserContext], product: Product
) -> None:
    page = sign_in(open_context(viewport=size).new_page(), product)
    for address, row, opener in DIALOGS:
        page.goto(address) if row is None else _open_first(page, address, row)
        page.get_by_role("main").get_by_text(opener, exact=True).first.click()
        dialog = page.get_by_role("dialog")
        expect(dialog).to_be_visible()
        assert not faults_of(page), (address, opener, faults_of(page))
        assert dialog.get_by_role("button").or_(dialog.get_by_role("link")).count() >= 2, opener
        page.keyboard.press("Escape")
        expect(dialog).to_have_count(0)


def test_a_new_workspace_is_where_the_browser_is(open_context: Callable[..., BrowserContext]) -> None:
    page = open_context(timezone_id="Asia/Kolkata").new_page()
    page.goto("/app/register")
    expect(page.get_by_label("Country of most of your customers")).to_have_value("IN")
    page.get_by_label("Your name").fill("Maximiliane Oberholzer-Schwarzenbach")
    page.get_by_label("E-mail").fill("maximiliane@example.com")
    page.get_by_label("Password", exact=True).fill("correct horse battery")
    page.get_by_role("button", name="Create the workspace").click()
    page.wait_for_url("**/app/")
    _look_at_empty_pages(page)
    page.goto("/app/settings")
    expect(page.get_by_label("Country")).to_have_value("IN")
    assert page.get_by_label("Time zone").input_value() in {"Asia/Kolkata", "Asia/Calcutta"}


def test_words_written_from_right_to_left_stand_so_in_the_preview(member: Page) -> None:
    member.goto("/app/templates/new")
    member.get_by_label("Body").fill("שלום {{1}}, ההזמנה שלך בדרך")
    bubble = member.locator(".wn-wa").get_by_text("ההזמנה שלך בדרך").first
    expect(bubble).to_be_visible()
    assert bubble.evaluate("node => getComputedStyle(node).direction") == "rtl"


def walk(page: Page, product: Product) -> Iterator[str]:
    """Open every page in turn and say which it is."""
    for address in SIGNED_OUT:
        page.goto(address)
        yield address
    sign_in(page, product)
    for address in PAGES:
        response = page.goto(address)
        assert response is not None
        assert response.status == 200, address
        yield address
    for address, row in FIRST_OF:
        _open_first(page, address, row)
        yield page.url
    for address, pattern in LINKS:
        page.goto(address)
        links = page.get_by_role("main").get_by_role("link").all()
        page.goto(next(to for link in links if re.search(pattern, to := link.get_attribute("href") or "")))
        yield page.url
    for address, row, parts in AFTER_A_ROW:
        _open_first(page, address, row)
        here = page.url
        for part in parts:
            page.goto(f"{here}/{part}")
            expect(page).to_have_url(f"{here}/{part}")
            yield page.url


def _open_first(page: Page, address: str, row: str) -> None:
    """From a list to the page of the row with these words, or of the first."""
    page.goto(address)
    links = page.locator("main tbody a.wn-plain")
    (links.filter(has_text=row) if row else links).first.click()
    page.wait_for_url(re.compile(r"/\d+$"))


def _look_at_empty_pages(page: Page) -> None:
    for address in ("/app/", "/app/broadcasts", "/app/contacts", "/app/templates", "/app/channels", "/app/imports/new"):
        page.goto(address)
        assert not faults_of(page), (address, faults_of(page))
        page.set_viewport_size({"width": NARROW, "height": 740})
        assert page.evaluate("document.documentElement.scrollWidth") <= NARROW, address
        page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]


def faults_of(page: Page, rule: str = "") -> list[str]:
    """What axe holds against the page, by one rule or all, and calls serious or critical."""
    found = find_faults(page, {"type": "rule", "values": [rule]} if rule else EVERY_RULE)
    return in_short([fault for fault in found if fault["impact"] in {"serious", "critical"}])
