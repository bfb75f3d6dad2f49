"""Looking at a page as the journeys do: with axe, at a desk and on a phone."""

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page

from tests.browser.conftest import DESKTOP, PHONE


def look(page: Page) -> None:
    """Nothing that axe holds against it, and nothing wider than a phone."""
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        found = Axe().run(page, options={"resultTypes": ["violations"]}).response["violations"]
        assert not [(one["id"], [node["html"][:160] for node in one["nodes"]]) for one in found], page.url
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], page.url
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]
