"""The inbox as a team works in it: two members in two browsers, a customer on the sandbox's phone, every process running."""

import re
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg2
import pytest
from playwright.sync_api import BrowserContext, Page, Route, expect

from launcher.envfile import read
from tests.browser.conftest import DESKTOP, PHONE, Product, sign_in
from tests.browser.inbox_page import NALEDI, SOON, THABO, entries, open_thread, write
from tests.browser.looking import find_faults, in_short
from tests.cast import PASSWORD
from tests.factories import PASSWORD_HASH, png
from tests.sandbox_control import SandboxControl

EMAIL = "bob@example.com"


class Database:
    """The running product's own database, for what no page does: a second member, and the end of a window."""

    def __init__(self, product: Product) -> None:
        """The address stands where `bin/flask` finds it."""
        self._url = read(next(product.var.rglob("environment")))["DATABASE_URL"]

    def run(self, statement: str, *values: object) -> None:
        """Run one statement and commit."""
        connection = psycopg2.connect(self._url)
        with connection, connection.cursor() as cursor:
            cursor.execute(statement, values)
        connection.close()

    def wait_for(self, words: str) -> None:
        """Until what a customer wrote is stored."""
        with psycopg2.connect(self._url) as connection, connection.cursor() as cursor:
            connection.autocommit = True
            deadline = time.monotonic() + SOON / 1000
            while cursor.rowcount != 1:
                assert time.monotonic() < deadline, f"“{words}” did not arrive"
                time.sleep(0.1)
                cursor.execute("SELECT 1 FROM messages WHERE content ->> 'body' = %s", [words])
        connection.close()


@pytest.fixture(scope="module")
def database(product: Product) -> Database:
    """With Bob the agent beside the demo's owner."""
    database = Database(product)
    database.run(
        "WITH u AS (INSERT INTO users (email, name, password_hash) VALUES (%s, 'Bob Baker', %s) RETURNING id) "
        "INSERT INTO members (workspace_id, user_id, role) SELECT w.id, u.id, 'agent' FROM workspaces w, u WHERE w.is_demo",
        EMAIL,
        PASSWORD_HASH,
    )
    return database


@pytest.fixture
def dana(open_context: Callable[..., BrowserContext], product: Product) -> Page:
    """The owner."""
    return sign_in(open_context().new_page(), product)


@pytest.fixture
def bob(open_context: Callable[..., BrowserContext], database: Database) -> Page:
    """The agent, in a browser of his own."""
    page = open_context().new_page()
    page.goto("/app/login")
    page.get_by_label("E-mail").fill(EMAIL)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name=re.compile("log in|sign in", re.IGNORECASE)).click()
    page.wait_for_url("**/app/")
    return page


def watch_for(page: Page, words: str) -> None:
    """Let the page itself note when `words` stand in the thread; asking it again and again would measure the asking."""
    page.evaluate(
        """words => new MutationObserver((_, observer) => {
            if (!document.getElementById("entries")?.textContent.includes(words)) return;
            window.seenAt = Date.now();
            observer.disconnect();
        }).observe(document.body, {childList: true, subtree: true, characterData: true})""",
        words,
    )


def test_both_members_see_a_message_at_once_and_the_customer_the_answer(
    dana: Page, bob: Page, phone: SandboxControl
) -> None:
    for page in (dana, bob):
        open_thread(page)
        watch_for(page, "Hello, is somebody there?")
    loads = [page.evaluate("performance.timeOrigin") for page in (dana, bob)]
    began = time.time()
    write(phone, "Hello, is somebody there?")
    for page in (dana, bob):
        expect(entries(page)).to_contain_text("Hello, is somebody there?")
    seen = [page.evaluate("window.seenAt") / 1000 - began for page in (dana, bob)]
    sys.stdout.write(f"seen in both browsers after {max(seen):.2f} s\n")
    expect(dana.locator("#inbox-list li", has_text="Naledi Mokoena").first).to_contain_text("Hello, is somebody there?")

    dana.locator("#message-body").fill("Yes, *both* of us")
    dana.locator("#message-body").press("Enter")
    mine = entries(dana).locator("li", has_text="of us")
    expect(mine.locator(".wa-tx b")).to_have_text("both")
    expect(mine).to_have_count(1)
    for page in (dana, bob):
        expect(entries(page).locator("li", has_text="of us").locator(".mt")).to_contain_text("Read", timeout=SOON)
    reached(phone, "Yes, *both* of us")
    assert [page.evaluate("performance.timeOrigin") for page in (dana, bob)] == loads, "a page was reloaded"


def test_hands_notes_and_who_is_writing_are_seen_by_the_other(dana: Page, bob: Page) -> None:
    for page in (dana, bob):
        open_thread(page, "Thabo Dlamini")
    dana.locator("#message-body").press_sequentially("Let me see")
    expect(bob.locator("#thread-head")).to_contain_text("Dana Jacobs is writing…")
    expect(dana.locator("#thread-head")).not_to_contain_text("is writing")
    bob.locator("#thread-scroll").press("a")
    expect(bob.locator("#thread-head")).to_contain_text("Yours")
    expect(dana.locator("#thread-head")).to_contain_text("Bob Baker’s")
    expect(bob.locator("#thread-head")).not_to_contain_text("is writing", timeout=SOON)
    dana.get_by_label("Assign").click()
    expect(dana.locator("#thread-head").get_by_role("button", name=re.compile("Bob Baker"))).to_contain_text("Online")
    dana.keyboard.press("Escape")
    bob.locator("#thread-scroll").press("n")
    bob.get_by_label("Your note").fill("He is a regular")
    bob.get_by_label("Your note").press("Enter")
    expect(entries(dana).locator(".note")).to_contain_text("He is a regular")
    # What was being written before is still there.
    expect(dana.locator("#message-body")).to_have_value("Let me see")
    dana.reload()
    expect(dana.locator("#message-body")).to_have_value("Let me see")
    dana.locator("#message-body").fill("")
    bob.locator("#thread-scroll").press("e")
    expect(dana.locator("#thread-head")).to_contain_text("Closed")
    expect(dana.locator("#inbox-list")).not_to_contain_text("Thabo Dlamini")
    bob.locator("#thread-scroll").press("e")
    expect(dana.locator("#inbox-list")).to_contain_text("Thabo Dlamini")


def test_the_end_of_the_window_turns_the_composer_into_a_choice_of_templates(
    dana: Page, bob: Page, database: Database, phone: SandboxControl
) -> None:
    write(phone, "I am on my way", THABO)
    for page in (dana, bob):
        open_thread(page, "Thabo Dlamini")
    expect(entries(dana)).to_contain_text("I am on my way")
    expect(dana.locator("#thread-head")).to_contain_text(re.compile("Free text for 23 h"))
    number = dana.locator("#open").get_attribute("data-conversation")
    database.run("UPDATE conversations SET window_expires_at = now() + interval '4 s' WHERE id = %s", number)
    bob.get_by_role("link", name="Note", exact=True).click()
    bob.get_by_label("Your note").fill("The window closes now")
    bob.get_by_label("Your note").press("Enter")
    expect(dana.locator("#composer")).to_contain_text("WhatsApp now allows templates only", timeout=SOON)
    expect(dana.locator("#thread-head")).to_contain_text("Templates only")
    dana.locator("#composer .ib-templates a", has_text="order_update").click()
    dana.get_by_label("{{1}}").fill("Thabo")
    dana.get_by_label("{{2}}").fill("CV-2219")
    expect(dana.locator("#template-preview")).to_contain_text("Hi Thabo, your order CV-2219 is packed")
    dana.get_by_role("button", name="Send this template").click()
    expect(entries(dana)).to_contain_text("your order CV-2219 is packed")
    write(phone, "Thank you", THABO)
    expect(dana.locator("#message-body")).to_be_visible()


def test_a_picture_of_a_customer_takes_the_place_of_its_skeleton(dana: Page, phone: SandboxControl) -> None:
    open_thread(dana)
    phone.send_file(NALEDI, "fern.png", png(52), caption="It grew a leaf")
    mine = entries(dana).locator("li", has_text="It grew a leaf")
    expect(mine.locator("img")).to_have_js_property("naturalWidth", 1, timeout=SOON)
    expect(mine).to_have_count(1)
    expect(mine.locator(".ib-wait")).to_have_count(0)


def test_a_stop_is_obeyed_answered_and_named(dana: Page, phone: SandboxControl) -> None:
    open_thread(dana, "Thabo Dlamini")
    write(phone, "STOP", THABO)
    card = dana.locator("#contact-card")
    expect(card).to_contain_text("They wrote “STOP”")
    answer = entries(dana).locator("li[data-side=out]").last
    expect(answer).to_contain_text("Automatic")
    expect(answer.locator(".mt")).to_contain_text("Read", timeout=SOON)
    dana.get_by_label("Add something").click()
    dana.get_by_role("link", name="Template", exact=True).click()
    expect(dana.locator("#composer")).to_contain_text("This person opted out of your messages")
    write(phone, "START", THABO)
    expect(card).to_contain_text("They wrote “START”")
    expect(dana.locator("#contact-card").get_by_text("Agreed").first).to_be_visible()


def test_files_choices_reactions_and_saved_replies(dana: Page, phone: SandboxControl, tmp_path: Path) -> None:
    write(phone, "Show me what you have")
    open_thread(dana)
    body = dana.locator("#message-body")
    body.press_sequentially("/del")
    expect(dana.locator("#canned-list").get_by_role("option")).to_have_count(1)
    body.press("Enter")
    expect(body).to_have_value(re.compile("We deliver within Cape Town"))
    body.press("Enter")
    expect(entries(dana)).to_contain_text("We deliver within Cape Town")

    (tmp_path / "fern.png").write_bytes(png(41))
    add(dana, "Picture or file")
    dana.get_by_label("From your computer").set_input_files(tmp_path / "fern.png")
    dana.get_by_label("Words below it").fill("This is the fern")
    dana.get_by_role("button", name="Send the file").click()
    expect(entries(dana).locator("img").last).to_have_js_property("naturalWidth", 1, timeout=SOON)

    add(dana, "Buttons or a list")
    dana.get_by_label("Your question").fill("Shall we keep one?")
    dana.get_by_label("Words on button 1").fill("Yes, please")
    dana.get_by_role("button", name="Send the question").click()
    expect(entries(dana)).to_contain_text("Shall we keep one?")

    asked = entries(dana).locator("li[data-side=in]", has_text="Show me what you have").last
    asked.hover()
    asked.get_by_label("React to this message").click()
    dana.get_by_role("button", name="React with 👍").click()
    expect(asked.locator(".ib-reacts")).to_contain_text("👍")
    asked.hover()
    asked.get_by_label("Answer this message").click()
    expect(dana.locator(".ib-quoting")).to_contain_text("Show me what you have")
    body.fill("Here it is")
    body.press("Enter")
    expect(entries(dana).locator("li", has_text="Here it is").locator(".qt")).to_contain_text("Show me what you have")
    reached(phone, "Here it is")
    chat = phone.chat(NALEDI)
    assert {"image", "interactive"} <= {one["type"] for one in chat}
    assert any(one.get("reaction") == "👍" for one in chat)


def test_what_comes_while_the_page_still_loads_is_shown(dana: Page, phone: SandboxControl, database: Database) -> None:
    """The line may be open before htmx can fetch: what was missed is fetched all the same."""

    def dawdle(route: Route) -> None:
        write(phone, "Quicker than the page")
        database.wait_for("Quicker than the page")
        time.sleep(1)
        route.continue_()

    dana.route("**/js/thread.js", dawdle)
    dana.goto("/app/inbox")
    expect(dana.locator("#inbox-list")).to_contain_text("Quicker than the page", timeout=SOON)


def test_who_reads_further_up_stays_there(dana: Page, phone: SandboxControl) -> None:
    open_thread(dana)
    dana.locator("#thread-scroll").evaluate("box => { box.scrollTop = box.scrollHeight; }")
    for number in range(12):
        write(phone, f"Line {number}\n\nof a long story that goes on")
    expect(entries(dana).get_by_text("of a long story that goes on")).to_have_count(12, timeout=SOON)
    box = dana.locator("#thread-scroll")
    box.evaluate("box => { box.scrollTop = 0; }")
    first = entries(dana).locator("[data-side]").first
    first.evaluate("node => getSelection().selectAllChildren(node)")
    at, selected = box.evaluate("box => box.scrollTop"), dana.evaluate("getSelection().toString()")
    write(phone, "And one more thing")
    expect(dana.locator("#jump")).to_have_text("Jump to latest · 1 new")
    assert box.evaluate("box => box.scrollTop") == at
    assert dana.evaluate("getSelection().toString()") == selected
    dana.locator("#jump").click()
    expect(dana.locator("#jump")).to_be_hidden()
    expect(entries(dana).get_by_text("And one more thing")).to_be_in_viewport()


def test_a_search_opens_the_thread_at_the_message_and_the_keys_walk(dana: Page, phone: SandboxControl) -> None:
    write(phone, "The word of the day is rhododendron")
    dana.goto("/app/inbox")
    expect(dana.locator("#inbox-list")).to_contain_text("rhododendron", timeout=SOON)
    dana.locator("#inbox-search").press_sequentially("rhododen")
    hit = dana.locator("#inbox-list a[href*='at=']", has_text="rhododendron").first
    expect(hit).to_be_visible(timeout=SOON)
    expect(dana).to_have_url(re.compile("search=rhododen"))
    hit.click()
    expect(entries(dana).locator(".found")).to_contain_text("rhododendron")
    dana.goto("/app/inbox")
    dana.locator("#list-scroll").press("j")
    expect(dana.locator("#inbox-list [data-conversation][aria-current=true]")).to_have_count(1)
    opened = str(dana.locator("#open").get_attribute("data-conversation"))
    dana.locator("#thread-scroll").press("j")
    expect(dana.locator("#open")).not_to_have_attribute("data-conversation", opened)
    dana.locator("#thread-scroll").press("?")
    expect(dana.get_by_role("dialog")).to_contain_text("Assign to me")


def test_on_a_phone_one_pane_at_a_time(
    open_context: Callable[..., BrowserContext], product: Product, phone: SandboxControl
) -> None:
    write(phone, "Can I pick it up?")
    page = sign_in(open_context(viewport=PHONE, has_touch=True).new_page(), product)
    page.goto("/app/inbox")
    tabs = page.get_by_role("navigation", name="Main, short")
    expect(tabs).to_be_visible()
    look(page, PHONE)
    page.locator("#inbox-list a", has_text="Naledi Mokoena").first.click()
    expect(page.locator("#inbox-search")).to_be_hidden()
    expect(tabs).to_be_hidden()
    page.locator("#message-body").fill("From my phone")
    page.get_by_role("button", name="Send", exact=True).click()
    reached(phone, "From my phone")
    look(page, PHONE)
    page.get_by_role("link", name="About the person").click()
    expect(page.locator("#contact-card")).to_be_visible()
    expect(page.locator("#thread-scroll")).to_be_hidden()
    look(page, PHONE)
    page.get_by_label("Back to the messages").click()
    expect(page.locator("#thread-scroll")).to_be_visible()
    page.get_by_label("Back to the list").click()
    expect(page.locator("#inbox-search")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everybody_can_use_it(open_context: Callable[..., BrowserContext], product: Product, scheme: str) -> None:
    page = sign_in(open_context(color_scheme=scheme, reduced_motion="reduce").new_page(), product)
    page.goto("/app/inbox")
    look(page, DESKTOP)
    open_thread(page)
    here = page.url
    for query in ("", "?compose=note", "?compose=templates", "?compose=media", "?compose=choices", "?card=edit"):
        page.goto(here + query)
        look(page, DESKTOP)


def test_without_scripts_a_member_still_answers(
    open_context: Callable[..., BrowserContext], product: Product, phone: SandboxControl
) -> None:
    write(phone, "Can I pick it up?")
    page = sign_in(open_context(java_script_enabled=False).new_page(), product)
    page.goto("/app/inbox")
    page.locator("#inbox-list a", has_text="Naledi Mokoena").first.click()
    page.locator("#message-body").fill("Typed by hand")
    page.get_by_role("button", name="Send", exact=True).click()
    expect(entries(page)).to_contain_text("Typed by hand")
    reached(phone, "Typed by hand")


def add(page: Page, what: str) -> None:
    """Something other than a text."""
    page.get_by_label("Add something").click()
    page.get_by_role("link", name=what).click()


def reached(phone: SandboxControl, words: str) -> None:
    """The customer has it, once."""
    deadline = time.monotonic() + SOON / 1000
    while words not in (chat := str(phone.chat(NALEDI))):
        assert time.monotonic() < deadline, f"“{words}” did not reach the phone"
        time.sleep(0.1)
    assert chat.count(words) == 1


def look(page: Page, size: dict[str, int]) -> None:
    """Nothing that axe holds against it, and nothing wider than the screen."""
    assert not in_short(find_faults(page)), page.url
    assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
