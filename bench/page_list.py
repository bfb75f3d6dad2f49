"""Every list, search and report page, with its partials, and the same over the API: what `bench.pages` asks for."""

from dataclasses import dataclass
from urllib.parse import quote

from bench.ledger import Ledger
from wotnot.services.pages import encode_cursor

WORDS = {
    "common word": "patel",
    "rare word": "featherstonehaugh",
    "word that nobody has": "zzyzx",
    "two words": "naledi mokoena",
    "one letter": "a",
    "two letters": "th",
    "digits": "0820004",
    "a whole number": "+27 82 000 4711",
    "part of an e-mail": "person4711@",
    "a sign": "%",
}
COUNTRIES = {"a common country": "ZA", "one in a hundred": "NA", "a rare country": "CA", "a country of nobody": "FR"}
STATES = ("all", "waiting", "on_the_way", "failed", "skipped", "read", "got_delivered", "replied")


@dataclass(frozen=True)
class Page:
    """A page by what it shows. `is_partial` is fetched as htmx does, `is_api` with a key."""

    name: str
    path: str
    is_partial: bool = False
    is_api: bool = False


def list_pages(ledger: Ledger) -> list[Page]:
    """All of them, about the rows of `ledger`."""
    return [
        *_contacts(ledger),
        *_broadcasts(ledger),
        *_recipients(ledger),
        *_wizard(ledger),
        *_inbox(ledger),
        *_reports(),
        *_small_lists(ledger),
        *_api(ledger),
    ]


def _contacts(ledger: Ledger) -> list[Page]:
    middle = encode_cursor("o", ledger.first_contact_id + ledger.contacts // 2)
    back = encode_cursor("n", ledger.first_contact_id + ledger.contacts // 2)
    path = "/app/contacts"
    pages = [
        Page("contacts", path),
        Page("contacts, the middle", f"{path}?cursor={middle}"),
        Page("contacts, back from the middle", f"{path}?cursor={back}"),
        Page("contacts, partial", path, is_partial=True),
        Page("contacts, opted out", f"{path}?consent=opted_out"),
        Page("contacts, opted out, the middle", f"{path}?consent=opted_out&cursor={middle}"),
        Page("contacts, opted out and a word", f"{path}?consent=opted_out&search=patel"),
        Page("contacts, opted in: nobody", f"{path}?consent=opted_in"),
        Page("contacts, a tag and a rare word", f"{path}?tag=vip&search=featherstonehaugh"),
        Page("contacts, a tag and opted out", f"{path}?tag=press&consent=opted_out"),
        Page("a contact", f"{path}/{ledger.first_contact_id + 4711 % ledger.contacts}"),
        Page("a contact, to edit", f"{path}/{ledger.first_contact_id}/edit"),
    ]
    pages += [Page(f"contacts, tag {tag}", f"{path}?tag={tag}") for tag in ("newsletter", "vip", "press")]
    pages.append(Page("contacts, tag, the middle", f"{path}?tag=newsletter&cursor={middle}"))
    pages += [
        Page(f"contacts, {name}", f"{path}?search={quote(words)}", is_partial=True) for name, words in WORDS.items()
    ]
    return pages


def _broadcasts(ledger: Ledger) -> list[Page]:
    path = "/app/broadcasts"
    return [
        Page("broadcasts", path),
        Page("broadcasts, partial", path, is_partial=True),
        Page("broadcasts, the middle", f"{path}?cursor={encode_cursor('o', ledger.whole_id // 2)}"),
        *(Page(f"broadcasts, {tab}", f"{path}?state={tab}") for tab in ("sending", "finished", "draft")),
        Page("broadcasts, search", f"{path}?search=Offer"),
        Page("broadcasts, search in vain", f"{path}?search=zzyzx"),
        Page("the whole broadcast", f"{path}/{ledger.whole_id}"),
        Page("the whole broadcast, progress", f"{path}/{ledger.whole_id}/_progress", is_partial=True),
        Page("the live broadcast", f"{path}/{ledger.live_id}"),
        Page("the live broadcast, progress", f"{path}/{ledger.live_id}/_progress", is_partial=True),
    ]


def _recipients(ledger: Ledger) -> list[Page]:
    path = f"/app/broadcasts/{ledger.whole_id}/recipients"
    middle = encode_cursor("o", ledger.whole_middle_id)
    pages = [Page(f"recipients, {state}", f"{path}?state={state}", is_partial=True) for state in STATES]
    pages += [
        Page(f"recipients, {name}", f"{path}?search={quote(words)}", is_partial=True) for name, words in WORDS.items()
    ]
    return [
        *pages,
        Page("recipients, the middle", f"{path}?cursor={middle}", is_partial=True),
        Page("recipients, read, the middle", f"{path}?state=read&cursor={middle}", is_partial=True),
        Page("recipients, a cause", f"{path}?state=failed&cause=131026", is_partial=True),
        Page("recipients, a rare cause", f"{path}?state=failed&cause=1", is_partial=True),
        *(
            Page(f"recipients, {name}", f"{path}?state=got_accepted&country={code}", is_partial=True)
            for name, code in COUNTRIES.items()
        ),
        Page("recipients, a rare country, all", f"{path}?country=CA", is_partial=True),
        Page("recipients, a rare country, failed", f"{path}?state=failed&country=CA", is_partial=True),
        Page("recipients, a rare country and a word", f"{path}?country=CA&search=patel", is_partial=True),
        Page("recipients, failed and a word", f"{path}?state=failed&search=patel", is_partial=True),
        Page("recipients, replied and a word", f"{path}?state=replied&search=featherstonehaugh", is_partial=True),
        Page("recipients, live", f"/app/broadcasts/{ledger.live_id}/recipients", is_partial=True),
    ]


def _wizard(ledger: Ledger) -> list[Page]:
    path = f"/app/broadcasts/{ledger.draft_id}"
    count = "/app/broadcasts/_count"
    return [
        Page("count, all", f"{count}?kind=all", is_partial=True),
        Page("count, a tag", f"{count}?kind=tags&tags=newsletter", is_partial=True),
        Page("count, two tags", f"{count}?kind=tags&tags=newsletter&tags=vip", is_partial=True),
        Page("count, all without a tag", f"{count}?kind=all&exclude=vip", is_partial=True),
        Page("count, a tag without a tag", f"{count}?kind=tags&tags=newsletter&exclude=vip", is_partial=True),
        Page("the wizard's audience", f"{path}/audience"),
        Page("the wizard's message", f"{path}/message"),
        Page("the wizard's preview, person 100", f"{path}/preview?row=100", is_partial=True),
        Page("the wizard's preview, a late person", f"{path}/preview?row={ledger.contacts * 8 // 10}", is_partial=True),
        Page("the wizard's time", f"{path}/when"),
        Page("the wizard's check", f"{path}/check"),
        Page("the wizard's people, opted out", f"{path}/people?why=opted_out"),
        Page("the wizard's people, left out", f"{path}/people?why=excluded"),
        Page("the wizard's people, a value is missing", f"{path}/people?why=missing_value"),
        Page("the wizard's people, everybody", f"{path}/people"),
    ]


def _inbox(ledger: Ledger) -> list[Page]:
    path, words = "/app/inbox", ("patel", "featherstonehaugh", "rhododendron", "please", "zzyzx")
    busy = f"{path}/{ledger.busy_thread_id}"
    return [
        Page("inbox", path),
        *(Page(f"inbox, {view}", f"{path}?view={view}") for view in ("mine", "unassigned", "all", "unread")),
        *(Page(f"inbox, {state}", f"{path}?view=all&state={state}") for state in ("open", "closed", "expired")),
        Page("inbox, a label", f"{path}?view=all&label=refund"),
        Page("inbox, a common tag", f"{path}?view=all&tag=newsletter"),
        Page("inbox, a rare tag", f"{path}?view=all&tag=press"),
        *(Page(f"inbox, search {word}", f"{path}?view=all&search={word}") for word in words),
        Page("a busy thread", busy),
        Page("a thread and a search", f"{busy}?view=all&search=please"),
        Page("how many are unread", f"{path}/_unread", is_partial=True),
    ]


def _reports() -> list[Page]:
    return [
        Page("overview", "/app/"),
        Page("overview, 90 days", "/app/?days=90"),
        Page("overview, this month", "/app/?period=this-month"),
        Page("overview, numbers", "/app/_numbers?days=90", is_partial=True),
        Page("overview, charts and tables", "/app/_detail?days=90", is_partial=True),
        Page("overview, what a number is made of", "/app/numbers?days=90&what=read"),
        Page("overview, what a cause is made of", "/app/numbers?days=90&what=failed&cause=131026"),
        Page("exports", "/app/exports"),
        Page("overview, recent", "/app/_recent", is_partial=True),
        Page("overview, sending", "/app/_sending", is_partial=True),
        Page("cost", "/app/cost"),
        Page("budget", "/app/cost/budget"),
        Page("purchases", "/app/cost/purchases"),
        Page("rate cards", "/app/cost/cards"),
    ]


def _small_lists(ledger: Ledger) -> list[Page]:
    return [
        Page("templates", "/app/templates"),
        Page("templates, approved", "/app/templates?status=approved"),
        Page("templates, search", "/app/templates?search=offer_2"),
        Page("a template", f"/app/templates/{ledger.template_id}"),
        Page("numbers", "/app/channels"),
        Page("a number", f"/app/channels/{ledger.channel_id}"),
        Page("an import", f"/app/imports/{ledger.done_import_id}"),
        Page("an import's check", f"/app/imports/{ledger.checked_import_id}/check"),
        Page("an import's doubles, later", f"/app/imports/{ledger.checked_import_id}/check?show=duplicate&after=600"),
        Page("segments", "/app/segments"),
        Page("a segment", f"/app/segments/{ledger.segment_id}"),
        Page("a new segment", "/app/segments/new"),
        Page("members", "/app/settings/members"),
        Page("keys", "/app/settings/keys"),
        Page("settings", "/app/settings"),
    ]


def _api(ledger: Ledger) -> list[Page]:
    root = "/api/v1"
    paths = {
        "contacts": "contacts?limit=200",
        "contacts, search": "contacts?search=patel",
        "contacts, tag": "contacts?tag=press",
        "contacts, opted out": "contacts?consent=opted_out",
        "a contact": f"contacts/{ledger.first_contact_id}",
        "broadcasts": "broadcasts",
        "the whole broadcast": f"broadcasts/{ledger.whole_id}",
        "its messages": f"broadcasts/{ledger.whole_id}/messages?limit=200",
        "its failed messages": f"broadcasts/{ledger.whole_id}/messages?state=failed",
        "its messages to a rare country": f"broadcasts/{ledger.whole_id}/messages?state=read&country=CA",
        "conversations": "conversations?limit=50",
        "conversations, unread": "conversations?unread=true",
        "conversations, search": "conversations?search=patel",
        "a busy thread": f"conversations/{ledger.busy_thread_id}/messages",
        "segments": "segments",
        "a segment's people": f"segments/{ledger.segment_id}/people",
        "templates": "templates",
        "channels": "channels",
        "analytics": "analytics",
        "exports": "exports",
        "imports": "imports",
        "me": "me",
    }
    return [Page(f"API: {name}", f"{root}/{path}", is_api=True) for name, path in paths.items()]
