"""A real Chromium, and all of WotNot as bin/start runs it, with data of its own.

A page's console must stay free of errors (a refused script, a failed request), and a journey ends with looking at that.
"""

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, WebError, expect, sync_playwright

from launcher.paths import ROOT, Paths
from tests.browser.api import Api
from tests.browser.windows import Windows, start_chromium
from tests.meta_bodies import check_bodies
from tests.sandbox_control import SandboxControl
from tests.servers import free_port, wait_until

DESKTOP = {"width": 1280, "height": 900}
PHONE = {"width": 390, "height": 844}
LOG_LINES = 15
_owners_cookies: dict[str, Any] = {}

# All of WotNot and a browser share a machine's two cores here: what is right comes, but not always within the usual five seconds.
expect.set_options(timeout=15_000)


@dataclass(frozen=True, slots=True)
class Product:
    """A running WotNot: where it is, who may log in, where the customer's phone is, and its first process."""

    url: str
    email: str
    password: str
    phone_url: str
    var: Path
    pid: int


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """One for all tests of this lane."""
    with sync_playwright() as playwright:
        browser = start_chromium(playwright)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def product(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Product]:
    """`bin/start` on an empty data folder and a free port; stopped with Ctrl-C, which must leave nothing behind."""
    var = tmp_path_factory.mktemp("product")
    _let_others_walk_in(var)
    _give_own_ports(var)
    output = var / "terminal.txt"
    environment = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    with output.open("wb") as terminal:
        process = subprocess.Popen(
            [sys.executable, "-m", "launcher", "start"],
            cwd=ROOT,
            env=environment | {"WOTNOT_VAR": str(var), "PORT": str(free_port())},
            stdout=terminal,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
    try:
        wait_until(lambda: "Ctrl-C stops it" in output.read_text() or process.poll() is not None, 120, "the banner")
        yield _read_banner(output.read_text(), var, process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(40)


@pytest.fixture(scope="session")
def windows(browser: Browser) -> Windows:
    """The browser's windows that tests use one after the other."""
    return Windows(browser)


@pytest.fixture
def open_context(windows: Windows, product: Product) -> Iterator[Callable[..., BrowserContext]]:
    """Call it with `viewport=PHONE`, `color_scheme="dark"` …; consoles are looked at when the test ends.

    With `forgive`, a pattern, a test says what it makes go wrong itself.
    """
    contexts: list[tuple[BrowserContext, Listener]] = []
    complaints: list[str] = []

    def open_one(forgive: str = "$^", **options: object) -> BrowserContext:
        listener = Listener(forgive, complaints)
        context = windows.open(**{"base_url": product.url, "viewport": DESKTOP} | options)
        context.on("weberror", listener.hear_error)
        context.on("console", listener.hear_words)
        contexts.append((context, listener))
        return context

    yield open_one
    heard = _hear_out([context for context, _ in contexts], complaints)
    for context, listener in contexts:
        context.remove_listener("weberror", listener.hear_error)
        context.remove_listener("console", listener.hear_words)
        windows.take_back(context, (product.url, product.phone_url))
    assert not heard, heard
    check_bodies(SandboxControl(product.phone_url).bodies())


@dataclass(eq=False)  # Playwright writes its own name for a listener into it
class Listener:
    """Writes what a console complains of down, unless the test forgives it."""

    forgive: str
    complaints: list[str]

    def hear_error(self, error: WebError) -> None:
        """An exception that nobody caught."""
        self._note(str(error.error))

    def hear_words(self, message: ConsoleMessage) -> None:
        """A line in the console."""
        if message.type == "error":
            self._note(message.text)

    def _note(self, words: str) -> None:
        if not re.search(self.forgive, words):
            self.complaints.append(words)


def _hear_out(contexts: list[BrowserContext], complaints: list[str]) -> list[str]:
    """What was complained of until now: the end of a test itself breaks off what pages still ask for."""
    for page in [page for context in contexts for page in context.pages]:
        page.title()  # a question to the page, so that what it has said before has arrived
    return list(complaints)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A journey that failed shows what WotNot said meanwhile."""
    report = yield
    product = getattr(item, "funcargs", {}).get("product")
    if report.failed and product is not None:
        for log in sorted((product.var / "log").glob("*")):
            report.sections.append((f"end of {log.name}", "\n".join(log.read_text().splitlines()[-LOG_LINES:])))
    return report


@pytest.fixture
def member(open_context: Callable[..., BrowserContext], product: Product) -> Page:
    """An empty page at 1280 pixels of the demo workspace's owner, signed in."""
    return sign_in(open_context().new_page(), product)


@pytest.fixture
def quick_number(product: Product) -> Iterator[None]:
    """The demo's number at 80 a second instead of 20, for journeys to the last receipt."""
    api = Api(product.url, product.email, product.password)
    channel = api.ask("GET", "/channels")["items"][0]
    api.ask("PATCH", f"/channels/{channel['id']}", rate_per_second=80)
    yield
    api.ask("PATCH", f"/channels/{channel['id']}", rate_per_second=channel["rate_per_second"])


@pytest.fixture
def phone(product: Product) -> SandboxControl:
    """The customer's phone."""
    return SandboxControl(product.phone_url.rstrip("/"))


def sign_in(page: Page, product: Product) -> Page:
    """As the owner of the demo workspace, without opening a page: only one journey looks at the log-in page itself.

    With the cookies of the last log-in as long as they are good: each takes a quarter of a second, as it has to.
    """
    page.context.add_cookies(_owners_cookies.get(product.url, []))
    if page.request.get("/app/settings/profile", max_redirects=0).status != 200:
        _log_in(page, product)
        _owners_cookies[product.url] = page.context.cookies(product.url)
    return page


def _log_in(page: Page, product: Product) -> None:
    log_in_page = page.request.get("/app/login").text()
    token = re.search(r'name="csrf_token"[^>]*value="([^"]+)"', log_in_page)
    assert token is not None, log_in_page
    form = {"csrf_token": token[1], "email": product.email, "password": product.password}
    assert page.request.post("/app/login", form=form, max_redirects=0).status == 302


def _read_banner(text: str, var: Path, pid: int) -> Product:
    found = {
        name: re.search(rf"^\s+{name}\s{{2,}}(\S.*)$", text, re.MULTILINE)
        for name in ("WotNot", "Log in", "Customer's phone")
    }
    missing = [name for name, match in found.items() if match is None]
    assert not missing, f"bin/start did not print {missing}:\n{text}"
    address, log_in, phone = (match.group(1).strip() for match in found.values() if match)
    email, password = log_in.split(", password ", 1)
    return Product(address.removesuffix("/app/"), email, password, phone, var, pid)


def _give_own_ports(var: Path) -> None:
    """Two products that start at the same moment would both find the sandbox's usual port free."""
    ports = Paths(var).ports
    ports.parent.mkdir()
    ports.write_text(json.dumps({"sandbox": free_port()}))


def _let_others_walk_in(var: Path) -> None:
    """pytest's own folder is private, and as root the database runs as another user."""
    for folder in (var, *var.parents[:3]):
        if os.geteuid() == 0 and folder != Path(folder.root):
            folder.chmod(folder.stat().st_mode | 0o011)
