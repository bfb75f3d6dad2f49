"""The browser of the tests. Its windows are kept from test to test: an empty one of its own costs each half a second of both
cores.
"""

import shutil
from collections.abc import Sequence

from playwright.sync_api import Browser, BrowserContext, Page, Playwright

from launcher.paths import ROOT

# The first is Debian's without a screen to draw on: pages are the same, and it asks a third less of the machine.
_NAMES = ("chromium-headless-shell", "chromium", "chromium-browser", "google-chrome")
# No page lives long enough for what its scripts would gain by being optimised.
_ARGUMENTS = ["--no-sandbox", "--disable-background-networking", "--js-flags=--no-opt"]
_AXE = (ROOT / "var/node/node_modules/axe-core/axe.min.js").read_text()  # bin/vendor --with-tests
# Half a megabyte: a window is told of it once, and its pages read it when they are looked at.
_AXE_AT_HAND = f"window.bringAxe = () => {{ {_AXE} }}"


def start_chromium(playwright: Playwright) -> Browser:
    """The machine's Chromium where there is one, else Playwright's own."""
    path = next((found for name in _NAMES if (found := shutil.which(name))), None)
    return playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)


class Windows:
    """Contexts by their options. What a test may leave behind in one is taken away; what it has loaded stays in its cache."""

    def __init__(self, browser: Browser) -> None:
        """They are the `browser`'s."""
        self._browser = browser
        self._idle: dict[str, list[BrowserContext]] = {}
        self._used: dict[BrowserContext, str] = {}

    def open(self, **options: object) -> BrowserContext:
        """One with these options that nobody uses: no page, no cookie, nothing stored."""
        kind = repr(sorted(options.items()))
        idle = self._idle.setdefault(kind, [])
        context = idle.pop() if idle else self._open_new(**options)
        self._used[context] = kind
        return context

    def _open_new(self, **options: object) -> BrowserContext:
        context = self._browser.new_context(**options)  # type: ignore[arg-type]
        context.add_init_script(_AXE_AT_HAND)
        return context

    def take_back(self, context: BrowserContext, origins: Sequence[str]) -> None:
        """Empty it, as far as pages of `origins` filled it, and keep it."""
        context.unroute_all()
        context.set_offline(False)
        for page in context.pages[1:]:
            page.close()
        for page in context.pages:
            _forget(page, origins)
            page.close()
        context.clear_cookies()
        context.clear_permissions()
        self._idle[self._used.pop(context)].append(context)


def _forget(page: Page, origins: Sequence[str]) -> None:
    session = page.context.new_cdp_session(page)
    for origin in origins:
        session.send("Storage.clearDataForOrigin", {"origin": origin, "storageTypes": "local_storage"})
