"""Windows of a browser that are kept from test to test: an empty one of its own costs each a second of both cores."""

from collections.abc import Sequence

from playwright.sync_api import Browser, BrowserContext, Page


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
        context = idle.pop() if idle else self._browser.new_context(**options)  # type: ignore[arg-type]
        self._used[context] = kind
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
