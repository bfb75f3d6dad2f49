"""Every page again on a phone. A file of its own, so that it can run beside the walk at a desk, which takes as long."""

from collections.abc import Callable

from playwright.sync_api import BrowserContext

from tests.browser.conftest import PHONE, Product
from tests.browser.test_every_page import NARROW, faults_of, walk

TALL = {"width": PHONE["width"], "height": 7600}


def test_everybody_can_use_every_page_on_a_phone(open_context: Callable[..., BrowserContext], product: Product) -> None:
    """As tall as the longest list, because what the tab bar half covers at rest is no fault; and nothing is too wide."""
    page = open_context(viewport=TALL, reduced_motion="reduce").new_page()
    faults: list[str] = []
    for address in walk(page, product):
        faults += [f"{address}: {fault}" for fault in faults_of(page)]
        page.set_viewport_size({"width": NARROW, "height": 740})
        width = page.evaluate("document.documentElement.scrollWidth")
        faults += [f"{address} is {width} pixels wide"] if width > NARROW else []
        page.set_viewport_size(TALL)  # type: ignore[arg-type]
    assert not faults, "\n".join(faults)
