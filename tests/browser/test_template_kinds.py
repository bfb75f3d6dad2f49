"""The editor in a real browser: every kind of message from the form to Meta, by mouse and by keyboard alone."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import BrowserContext, Page, expect

from tests.browser.conftest import DESKTOP, PHONE, Product, sign_in
from tests.browser.looking import look
from tests.factories import png

SOON = 20_000
FLOW = "1187543219876543"
SHOP = "https://shop.co.za/spring"


def test_every_kind_reaches_meta_as_it_was_made(
    open_context: Callable[..., BrowserContext], product: Product, tmp_path: Path
) -> None:
    page = sign_in(open_context().new_page(), product)
    for seed, name in enumerate(("basil.png", "mint.png"), start=701):
        (tmp_path / name).write_bytes(png(seed))
    page.goto("/app/media")
    page.get_by_label("Files to keep").set_input_files([tmp_path / "basil.png", tmp_path / "mint.png"])
    page.get_by_role("button", name="Upload files").click()
    expect(page.get_by_text("2 files are in the library.")).to_be_visible()
    makers = {
        "kind_text": make_usual,
        "kind_place": make_place,
        "kind_cards": make_carousel,
        "kind_offer": make_offer,
        "kind_code": make_code,
        "kind_shop": make_catalogue,
    }
    for name, make in makers.items():
        page.goto("/app/templates/new")
        page.get_by_role("textbox", name="Name", exact=True).fill(name)
        expected = make(page)
        submit(page)
        got = {part["type"]: part for part in received(product, name)}
        for kind, facts in expected.items():
            assert got[kind] | facts == got[kind], (name, kind)


def make_usual(page: Page) -> dict[str, Any]:
    """A header, named variables from the menu, and a button of every kind but the catalogue's."""
    page.get_by_label("Text of the header").fill("Spring is here")
    body = page.get_by_label("Body")
    body.fill("Hi , our plants are here.")
    body.evaluate("field => field.setSelectionRange(3, 3)")
    page.get_by_text("Insert variable").last.click()
    page.get_by_role("button", name="First name").last.click()
    expect(body).to_have_value("Hi {{first_name}}, our plants are here.")
    expect(body).to_be_focused()
    sample = page.get_by_label("{{first_name}}")
    sample.fill("Naledi")
    expect(page.locator(".wa-fill", has_text="Naledi")).to_be_visible(timeout=SOON)
    add_button(page, "Link", "Text of button 1").fill("Shop")
    page.get_by_label("Address of button 1").fill(f"{SHOP}/")
    page.get_by_role("button", name="An end of its own for each, button 1").click()
    page.get_by_label("End of the link of button 1").fill("basil")
    add_button(page, "Flow", "Text of button 2").fill("Book")
    page.get_by_label("Flow of button 2").fill(FLOW)
    page.get_by_label("First screen of button 2").fill("START")
    add_button(page, "Offer code", "Sample code of button 3").fill("SPRING20")
    add_button(page, "Phone number", "Text of button 4").fill("Call us")
    page.get_by_label("Number of button 4").fill("+27 21 555 0140")
    add_button(page, "Quick reply", "Text of button 5").fill("Not now")
    page.get_by_role("button", name="Move button 5 up").click()
    expect(page.get_by_role("button", name="Move button 1 down")).to_be_focused()
    expect(page.get_by_label("End of the link of button 2")).to_have_value("basil")
    page.get_by_role("button", name="Move button 3 up").click()
    expect(page.get_by_label("End of the link of button 3")).to_have_value("basil")
    look(page)
    return {
        "HEADER": {"format": "TEXT", "text": "Spring is here"},
        "BODY": {"example": {"body_text_named_params": [{"param_name": "first_name", "example": "Naledi"}]}},
        "BUTTONS": {
            "buttons": [
                {"type": "QUICK_REPLY", "text": "Not now"},
                {
                    "type": "FLOW", "text": "Book", "flow_id": FLOW, "flow_action": "navigate",
                    "navigate_screen": "START",
                },
                {"type": "URL", "text": "Shop", "url": SHOP + "/{{1}}", "example": [f"{SHOP}/basil"]},
                {"type": "COPY_CODE", "example": "SPRING20"},
                {"type": "PHONE_NUMBER", "text": "Call us", "phone_number": "+27215550140"},
            ]
        },
    }  # fmt: skip


def make_place(page: Page) -> dict[str, Any]:
    """A map instead of a header, and the way back to a picture loses nothing."""
    page.get_by_label("Body").fill("Come and see us on Saturday.")
    page.get_by_role("button", name="Picture").click()
    choose(page, "Picture for Meta’s reviewers", "basil")
    expect(page.locator(".wn-wa img.img")).to_be_visible(timeout=SOON)
    page.get_by_role("button", name="Location").click()
    expect(page.locator(".wa-map")).to_be_visible()
    expect(page.get_by_role("button", name="Location")).to_be_focused()
    look(page)
    return {"HEADER": {"format": "LOCATION"}, "BODY": {"text": "Come and see us on Saturday."}}


def make_carousel(page: Page) -> dict[str, Any]:
    page.get_by_label("Body").fill("Fresh from our garden.")
    page.get_by_label("Carousel").check()
    expect(page.get_by_label("Carousel")).to_be_focused()
    expect(page.get_by_label("Text above the cards")).to_have_value("Fresh from our garden.")
    page.get_by_label("Second button").select_option("Quick reply")
    page.get_by_role("button", name="Add a card").click()
    expect(page.get_by_label("Picture of card 3")).to_be_focused()
    for number, (file, words) in enumerate((("mint", "Mint"), ("basil", "Basil"), ("mint", "More mint")), start=1):
        choose(page, f"Picture of card {number}", file)
        page.get_by_label(f"Text of card {number}").fill(f"{words} that smells of summer")
        page.get_by_label(f"Text of button 1, card {number}").fill("Shop")
        page.get_by_label(f"Address of button 1, card {number}").fill(SHOP)
        page.get_by_label(f"Text of button 2, card {number}").fill("Remind me")
    page.get_by_role("button", name="Remove card 3").click()
    page.get_by_role("button", name="Move card 2 up").click()
    expect(page.get_by_label("Text of card 1")).to_have_value("Basil that smells of summer")
    expect(page.locator(".wa-card img.img")).to_have_count(2, timeout=SOON)
    look(page)
    buttons = [{"type": "URL", "text": "Shop", "url": SHOP}, {"type": "QUICK_REPLY", "text": "Remind me"}]
    bodies = [f"{words} that smells of summer" for words in ("Basil", "Mint")]
    return {"CAROUSEL": {"cards": [Card(text, buttons) for text in bodies]}}


class Card(dict[str, Any]):
    """A card as it was made: equal to what Meta has, but for the address of the picture's sample."""

    def __init__(self, text: str, buttons: list[Any]) -> None:
        """Its words and its buttons."""
        super().__init__(text=text, buttons=buttons)

    def __eq__(self, other: object) -> bool:
        """Whether `other` are the components of such a card, with a sample that can be fetched."""
        header, body, buttons = (
            other["components"] if isinstance(other, dict) and "components" in other else ({}, {}, {})
        )
        sample = requests.get(header["example"]["header_handle"][0], timeout=10).content
        is_picture = header["format"] == "IMAGE" and sample.startswith(b"\x89PNG")
        return is_picture and (body["text"], buttons["buttons"]) == (self["text"], self["buttons"])

    __hash__ = None  # type: ignore[assignment]


def make_offer(page: Page) -> dict[str, Any]:
    page.get_by_label("Body").fill("Everything in the shop is cheaper today.")
    page.get_by_label("Limited-time offer").check()
    page.get_by_label("Line of the offer").fill("Ends tonight, hurry up")
    expect(page.get_by_text("22 of 16", exact=True)).to_have_css("color", "rgb(179, 38, 30)")
    expect(page.get_by_text("The text of the offer is too long")).to_be_visible(timeout=SOON)
    page.get_by_label("Line of the offer").fill("Ends tonight")
    page.get_by_label("Sample of the code").fill("SPRING20")
    page.get_by_label("Text of the link").fill("Shop")
    page.get_by_label("Address of the link").fill(SHOP)
    expect(page.get_by_text("Ends in 2 days")).to_be_visible(timeout=SOON)
    page.get_by_label("A clock shows how long it lasts").uncheck()
    expect(page.get_by_text("Ends in 2 days")).to_have_count(0, timeout=SOON)
    page.get_by_label("A clock shows how long it lasts").check()
    look(page)
    code, link = {"type": "COPY_CODE", "example": "SPRING20"}, {"type": "URL", "text": "Shop", "url": SHOP}
    return {
        "LIMITED_TIME_OFFER": {"limited_time_offer": {"text": "Ends tonight", "has_expiration": True}},
        "BUTTONS": {"buttons": [code, link]},
    }


def make_code(page: Page) -> dict[str, Any]:
    page.get_by_label("One-time code").check()
    expect(page.get_by_text("123456")).to_be_visible(timeout=SOON)
    page.get_by_label("One tap").check()
    page.get_by_label("Package name of your app").fill("co.za.shop")
    page.get_by_label("Signature hash").fill("K8a/AINcGX7")
    page.get_by_label("Minutes until it expires").fill("5")
    expect(page.get_by_text("This code expires in 5 minutes.")).to_be_visible(timeout=SOON)
    look(page)
    app = {"package_name": "co.za.shop", "signature_hash": "K8a/AINcGX7"}
    return {
        "BODY": {"add_security_recommendation": True},
        "FOOTER": {"code_expiration_minutes": 5},
        "BUTTONS": {"buttons": [{"type": "OTP", "otp_type": "ONE_TAP", "supported_apps": [app]}]},
    }


def make_catalogue(page: Page) -> dict[str, Any]:
    page.get_by_label("Catalogue", exact=False).first.check()
    page.get_by_label("Body").fill("Have a look at everything we grow.")
    expect(page.locator(".wa-shop")).to_be_visible(timeout=SOON)
    look(page)
    return {"BUTTONS": {"buttons": [{"type": "CATALOG", "text": "View catalog"}]}}


def test_what_meta_rejects_is_mended_in_a_copy(member: Page) -> None:
    page = member
    page.goto("/app/templates/new")
    page.get_by_role("textbox", name="Name", exact=True).fill("plants_rejected_once")
    page.get_by_label("Body").fill("Call us on [phone] about your plants.")
    expect(page.get_by_text("“[phone]” looks like something still to be filled in")).to_be_visible(timeout=SOON)
    page.get_by_role("link", name="Go to it").click()
    expect(page.get_by_label("Body")).to_be_focused()
    submit(page)
    expect(page.locator("#template-head").get_by_text("Rejected", exact=True)).to_be_visible(timeout=SOON)
    facts = page.locator("#template-facts")
    expect(facts.get_by_text("Variables or formatting are not as Meta wants them.")).to_be_visible()
    page.get_by_role("link", name="Make a copy").click()
    expect(page.get_by_role("textbox", name="Name", exact=True)).to_have_value("plants_rejected_once_copy")
    page.get_by_role("textbox", name="Name", exact=True).fill("plants_mended")
    page.get_by_label("Body").fill("Call us on 021 555 0140 about your plants.")
    expect(page.get_by_text("Nothing that Meta is known to refuse")).to_be_visible(timeout=SOON)
    submit(page)
    expect(page.locator("#template-head").get_by_text("Approved", exact=True)).to_be_visible(timeout=SOON)


def test_the_keyboard_alone_is_enough(member: Page) -> None:
    page, press = member, member.keyboard
    page.goto("/app/templates/new")
    tab_to(page, "f-kind-USUAL")
    press.press("ArrowRight")
    expect(page.get_by_label("Text above the cards")).to_be_visible(timeout=SOON)
    press.press("ArrowLeft")
    expect(page.get_by_label("Text of the header")).to_be_visible(timeout=SOON)
    expect(page.locator("#f-kind-USUAL")).to_be_focused()
    tab_to(page, "f-name")
    press.type("by_keyboard")
    tab_to(page, "f-body")
    press.type("Hello and welcome.")
    for _ in range(len(" and welcome.")):
        press.press("ArrowLeft")
    press.type(" ")
    press.press("Shift+Tab")
    press.press("Enter")
    press.press("ArrowDown")
    press.press("ArrowDown")
    press.press("Enter")
    expect(page.get_by_label("Body")).to_have_value("Hello {{first_name}} and welcome.")
    expect(page.get_by_label("Body")).to_be_focused()
    expect(page.locator("#f-sample-first_name")).to_be_visible(timeout=SOON)
    tab_to(page, "f-sample-first_name")
    press.type("Naledi")
    for place, text in enumerate(("Yes", "No")):
        tab_to(page, "button-add-QUICK_REPLY")
        press.press("Enter")
        expect(page.locator(f"#button-text-{place}")).to_be_focused()
        press.type(text)
    tab_to(page, "button-up-1")
    press.press("Enter")
    expect(page.locator("#button-down-0")).to_be_focused()
    expect(page.get_by_label("Text of button 1")).to_have_value("No")
    tab_to(page, "phone-dark")
    press.press("Enter")
    expect(page.locator(".wn-phone")).to_have_attribute("data-bs-theme", "dark")
    page.get_by_label("Footer").press("Enter")
    page.wait_for_url(re.compile(r"/app/templates/\d+$"), timeout=SOON)


def test_a_slow_network_loses_no_press_and_no_letter(member: Page) -> None:
    """Every change takes a second: what is pressed and typed meanwhile is there in the end."""
    page = member
    page.route("**/app/templates/edit", lambda route: (page.wait_for_timeout(1_000), route.continue_()))
    page.goto("/app/templates/new")
    page.get_by_label("Carousel").check()
    expect(page.get_by_label("Text of card 2")).to_be_visible(timeout=SOON)
    page.get_by_role("button", name="Add a card").dblclick()
    page.get_by_label("Second button").select_option("Phone number")
    page.get_by_label("Text of card 1").fill("Basil that smells of summer")
    expect(page.get_by_label("Number of button 2, card 3")).to_be_visible(timeout=SOON)
    expect(page.get_by_label("Text of card 4")).to_have_count(0)
    expect(page.get_by_label("Text of card 1")).to_have_value("Basil that smells of summer")
    expect(page.locator(".wa-card .wa-tx", has_text="Basil that smells of summer")).to_be_visible(timeout=SOON)
    expect(page.locator(".wa-card")).to_have_count(3)


@pytest.mark.parametrize("size", [DESKTOP, PHONE], ids=["desktop", "phone"])
def test_without_scripts_every_kind_has_its_form(
    size: dict[str, int], open_context: Callable[..., BrowserContext], product: Product
) -> None:
    page = sign_in(open_context(viewport=size, java_script_enabled=False).new_page(), product)
    page.goto("/app/templates/new")
    expect(page.get_by_text("Insert variable").first).to_be_hidden()
    page.get_by_label("Body").fill("Fresh from our garden.")
    page.get_by_label("Carousel").check()
    page.get_by_role("button", name="Show its form").click()
    page.get_by_role("button", name="Add a card").click()
    expect(page.get_by_label("Text of card 3")).to_be_visible()
    expect(page.get_by_label("Text above the cards")).to_have_value("Fresh from our garden.")


def add_button(page: Page, kind: str, label: str) -> Any:
    """Press the button that adds one, and answer its first field, which then has the focus."""
    page.get_by_role("group", name="Add a button").get_by_role("button", name=kind).click()
    field = page.get_by_label(label)
    expect(field).to_be_focused()
    return field


def choose(page: Page, label: str, file: str) -> None:
    """Take the file of the library whose name begins so."""
    field = page.get_by_label(label)
    value = field.locator("option").filter(has_text=re.compile(f"^{file}")).get_attribute("value")
    field.select_option(value)


def submit(page: Page) -> None:
    page.get_by_role("button", name="Submit to Meta").first.click()
    page.wait_for_url(re.compile(r"/app/templates/\d+$"), timeout=SOON)


def received(product: Product, name: str) -> list[dict[str, Any]]:
    """The components of a template as Meta has them."""
    url = f"{product.phone_url}/v24.0/700000000000001/message_templates?name={name}&fields=name,components"
    rows = requests.get(url, headers={"Authorization": "Bearer sandbox-token"}, timeout=10).json()["data"]
    (components,) = [row["components"] for row in rows if row["name"] == name]
    return list(components)


def tab_to(page: Page, element_id: str) -> None:
    """Press Tab until the element has the focus; a form that needs more than all of its controls is broken."""
    for _ in range(120):
        if page.evaluate("document.activeElement.id") == element_id:
            return
        page.keyboard.press("Tab")
    raise AssertionError(f"Tab does not lead to {element_id}")
