"""Looking at a page as the journeys do: with axe, at a desk and on a phone."""

from typing import Any

from playwright.sync_api import Page

from tests.browser.conftest import DESKTOP, PHONE

EVERY_RULE = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


def look(page: Page) -> None:
    """Nothing that axe holds against it, and nothing wider than a phone."""
    for size in (DESKTOP, PHONE):
        page.set_viewport_size(size)  # type: ignore[arg-type]
        faults = in_short(find_faults(page))
        assert not faults, f"{page.url}: {faults}"
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"], page.url
    page.set_viewport_size(DESKTOP)  # type: ignore[arg-type]


def find_faults(page: Page, rules: object = None) -> list[dict[str, Any]]:
    """What axe holds against the page, by `rules` (as its `runOnly`) or all of them."""
    page.wait_for_load_state()  # a click does not wait until the page that it leads to is whole
    page.evaluate("'axe' in window || bringAxe()")
    options = {"resultTypes": ["violations"]} | ({"runOnly": rules} if rules else {})
    found: list[dict[str, Any]] = page.evaluate("options => axe.run(options).then(found => found.violations)", options)
    return found


def in_short(faults: list[dict[str, Any]]) -> list[str]:
    """Each fault with the first elements that have it."""
    return [f"{one['id']}: {one['help']}: {[node['html'][:160] for node in one['nodes'][:3]]}" for one in faults]
