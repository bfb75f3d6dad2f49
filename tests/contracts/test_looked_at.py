"""Every page of the dashboard is looked at with axe: in the walk over all pages, or on a journey that makes it first."""

import re

from flask import Flask
from werkzeug.exceptions import HTTPException

from launcher.paths import ROOT
from tests.browser.test_every_page import AFTER_A_ROW, FIRST_OF, LINKS, PAGES, SIGNED_OUT

BROWSER = ROOT / "tests" / "browser"
# Pages of things that the demo workspace lacks, and the journey that looks at them.
ON_A_JOURNEY = {
    "assistant.show": "test_assistant_journey.py",
    "auth.choose_password": "test_team_journey.py",
    "auth.invitation": "test_team_journey.py",
    "broadcast_wizard.audience_step": "test_main_job.py",
    "broadcast_wizard.check_step": "test_preflight_journey.py",
    "broadcast_wizard.message_step": "test_wizard_file_journey.py",
    "broadcast_wizard.when_step": "test_main_job.py",
    "channel_sign_up.show": "test_accounts_journey.py",
    "conversations.show": "test_inbox.py",
    "exports.show": "test_reports_journey.py",
    "imports.check_page": "test_main_job.py",
    "imports.columns": "test_main_job.py",
    "imports.show": "test_main_job.py",
    "media.show": "test_media_journey.py",
    "promotions.edit": "test_shop_promotion_journey.py",
    "promotions.index": "test_shop_promotion_journey.py",
    "promotions.new": "test_shop_promotion_journey.py",
    "promotions.show": "test_shop_promotion_journey.py",
    "second_step.show": "test_accounts_journey.py",
    "shop_customers.show": "test_shop_promotion_journey.py",
    "shop_rules.edit": "test_shop_journey.py",
    "shop_rules.new": "test_shop_journey.py",
    "shops.products": "test_shop_promotion_journey.py",
    "shops.show": "test_shop_journey.py",
}
NO_PAGES = {
    "assistant.turn": "a part",
    "broadcast_wizard.count": "a part",
    "broadcast_wizard.people": "a part",
    "broadcast_wizard.preview": "a part",
    "broadcast_wizard.submitted": "a part",
    "broadcasts.confirm": "a part",
    "broadcasts.progress": "a part",
    "broadcasts.report": "a file",
    "channel_history.recent": "a part",
    "channel_profiles.picture": "a picture",
    "channel_sign_up.back": "leads on",
    "channel_sign_up.start": "leads on",
    "channels.pace": "a part",
    "contacts.export": "a file",
    "conversations.unread": "a part",
    "costs_cards.download": "a file",
    "exports.content": "a file",
    "imports.errors": "a file",
    "imports.index": "leads on",
    "media.content": "a file",
    "overview.detail": "a part",
    "overview.numbers": "a part",
    "overview.recent": "a part",
    "overview.sending": "a part",
    "profile_pictures.show": "a picture",
    "segments.count_saved": "a part",
    "shops.back": "leads on",
    "shops.picture": "a picture",
    "stream.stream": "does not end",
}


def test_every_page_is_looked_at(app: Flask) -> None:
    known = walked(app) | ON_A_JOURNEY.keys() | NO_PAGES.keys()
    new = dashboard(app) - known
    assert not new, f"put these into the walk of tests/browser/test_every_page.py: {sorted(new)}"


def test_what_is_said_of_pages_is_so(app: Flask) -> None:
    lists = (walked(app), set(ON_A_JOURNEY), set(NO_PAGES))
    named = [endpoint for one in lists for endpoint in one]
    assert sorted(set(named)) == sorted(named), "each page stands in one list"
    assert set().union(*lists[1:]) <= dashboard(app), "each of them still exists"


def test_the_journeys_look() -> None:
    blind = {
        name
        for name in set(ON_A_JOURNEY.values())
        if not re.search(r"find_faults\(|faults_of\(|\blook\(", text_of(name))
    }
    assert blind == set()


def walked(app: Flask) -> set[str]:
    """The endpoints of all that the walk opens; the id of a row may be any."""
    rows = [f"{address.partition('?')[0]}/1" for address, _ in FIRST_OF]
    parts = [f"{address}/1/{part}" for address, _, names in AFTER_A_ROW for part in names]
    links = [pattern.replace(r"\d+$", "1") for _, pattern in LINKS]
    found = {endpoint_of(app, address.partition("?")[0]) for address in (*SIGNED_OUT, *PAGES, *rows, *parts, *links)}
    return found & dashboard(app)


def dashboard(app: Flask) -> set[str]:
    """What a browser may open below /app."""
    rules = app.url_map.iter_rules()
    return {rule.endpoint for rule in rules if rule.rule.startswith("/app") and "GET" in (rule.methods or ())}


def endpoint_of(app: Flask, address: str) -> str:
    """What answers the address."""
    try:
        endpoint: str = app.url_map.bind("localhost").match(address)[0]
    except HTTPException:
        raise AssertionError(f"the walk opens {address}, which is nothing") from None
    return endpoint


def text_of(name: str) -> str:
    return (BROWSER / name).read_text()
