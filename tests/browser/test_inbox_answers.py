"""What a member typed is never lost, and never sent twice."""

import re
from collections.abc import Callable

from playwright.sync_api import BrowserContext, Locator, Page, Route, expect

from tests.browser.conftest import Product, sign_in
from tests.browser.inbox_page import NALEDI, SOON, write
from tests.sandbox_control import SandboxControl

LOST = r"net::ERR_|Failed to fetch"


def test_an_answer_that_was_not_sent_waits_in_its_conversation(
    open_context: Callable[..., BrowserContext], product: Product, phone: SandboxControl
) -> None:
    write(phone, "Is it in stock?")
    page = sign_in(open_context(forgive=LOST).new_page(), product)
    open_thread(page, "Naledi Mokoena")
    page.route("**/send", lambda route: route.abort())
    page.locator("#message-body").fill("It is, in green")
    page.locator("#message-body").press("Enter")
    expect(line(page, "It is, in green")).to_contain_text("We could not reach WotNot")
    open_thread(page, "Thabo Dlamini")
    expect(line(page, "It is, in green")).to_have_count(0)
    open_thread(page, "Naledi Mokoena")
    expect(line(page, "It is, in green")).to_contain_text("Not sent.")
    page.reload()
    page.unroute("**/send")
    line(page, "It is, in green").get_by_role("button", name="Retry").click()
    expect(line(page, "It is, in green").locator(".mt")).to_contain_text("Read", timeout=SOON)
    page.reload()
    expect(line(page, "It is, in green")).to_have_count(1)
    expect(line(page, "It is, in green")).not_to_contain_text("Not sent.")


def test_an_answer_whose_confirmation_was_lost_is_sent_once(
    open_context: Callable[..., BrowserContext], product: Product, phone: SandboxControl
) -> None:
    write(phone, "And in blue?")
    page = sign_in(open_context(forgive=LOST).new_page(), product)
    open_thread(page, "Naledi Mokoena")

    def lose_the_answer(route: Route) -> None:
        route.fetch()
        route.abort()

    page.route("**/send", lose_the_answer)
    page.locator("#message-body").fill("In blue as well")
    page.locator("#message-body").press("Enter")
    failed = page.locator(".pending", has_text="In blue as well")
    expect(failed).to_contain_text("We could not reach WotNot")
    page.unroute("**/send")
    failed.get_by_role("button", name="Retry").click()
    expect(page.locator(".pending")).to_have_count(0)
    expect(line(page, "In blue as well")).to_have_count(1)
    expect(line(page, "In blue as well").locator(".mt")).to_contain_text("Read", timeout=SOON)
    assert str(phone.chat(NALEDI)).count("In blue as well") == 1


REFUSE = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceededError'); }"


def test_where_the_browser_keeps_nothing_an_answer_that_was_not_sent_stays_on_the_page(
    open_context: Callable[..., BrowserContext], product: Product, phone: SandboxControl
) -> None:
    write(phone, "And in red?")
    page = sign_in(open_context(forgive=LOST).new_page(), product)
    page.add_init_script(REFUSE)
    open_thread(page, "Naledi Mokoena")
    page.route("**/send", lambda route: route.abort())
    page.locator("#message-body").fill("Red is sold out")
    page.locator("#message-body").press("Enter")
    expect(line(page, "Red is sold out")).to_contain_text("We could not reach WotNot")
    page.unroute("**/send")
    line(page, "Red is sold out").get_by_role("button", name="Retry").click()
    expect(line(page, "Red is sold out").locator(".mt")).to_contain_text("Read", timeout=SOON)


def test_a_draft_waits_in_its_conversation_until_its_writer_signs_out(
    open_context: Callable[..., BrowserContext], product: Product, phone: SandboxControl
) -> None:
    write(phone, "One more question")
    context = open_context()
    page = sign_in(context.new_page(), product)
    open_thread(page, "Naledi Mokoena")
    page.locator("#message-body").fill("Half a sen")
    open_thread(page, "Thabo Dlamini")
    page.close()
    page = context.new_page()
    open_thread(page, "Naledi Mokoena")
    expect(page.locator("#message-body")).to_have_value("Half a sen")
    page.evaluate("document.querySelector('form[action=\"/app/logout\"]').requestSubmit()")
    expect(page).to_have_url(re.compile(r"/app/login"))
    sign_in(page, product).goto("/app/inbox")
    open_thread(page, "Naledi Mokoena")
    expect(page.locator("#message-body")).to_have_value("")


def open_thread(page: Page, name: str) -> None:
    """From the list, as a person does it."""
    if not re.search("/app/inbox", page.url):
        page.goto("/app/inbox")
    page.locator("#inbox-list a", has_text=name).first.click()
    expect(page.locator("#thread-head h2")).to_have_text(name)


def line(page: Page, words: str) -> Locator:
    """The bubble of an answer."""
    return page.locator("#entries li", has_text=words)
