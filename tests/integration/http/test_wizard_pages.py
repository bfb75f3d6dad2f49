"""The steps of the wizard through a browser that inspects each of them."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from tests import factories as make
from tests.cast import Cast
from tests.client import Client
from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Channel, Contact, Template
from wotnot.services.whatsapp.components import list_variables

S = BroadcastState


def only_broadcast() -> Broadcast:
    db.session.expire_all()
    return db.session.scalars(select(Broadcast)).one()


def text_of(response: Any) -> str:
    return " ".join(response.get_data(as_text=True).split())


VARIABLES = {"source-1": "field:first_name", "text-1": "there", "source-2": "field:city", "text-2": ""}


def test_the_wizard_from_the_first_page_to_the_last(
    browser: Client, channel: Channel, template: Template, people: list[Contact], run_jobs: Callable[..., list[str]]
) -> None:
    page = browser.get("/app/broadcasts/new")
    assert "2 <small>of 3 contacts" in text_of(page)
    answer = browser.submit("/app/broadcasts/new", name="Spring", kind="all")
    draft = only_broadcast()
    assert answer.location == f"/app/broadcasts/{draft.id}/message"
    base = f"/app/broadcasts/{draft.id}"

    assert "Hi {{1}}, spring is in {{2}}." in text_of(browser.get(f"{base}/message"))
    chosen = browser.get(f"{base}/message?template={template.id}")
    assert "Contact’s “city”" in text_of(chosen)
    answer = browser.submit(f"{base}/message", channel=channel.id, template=template.id, **VARIABLES)
    assert answer.location == f"{base}/when"
    assert only_broadcast().variables == {"1": {"field": "first_name", "fallback": "there"}, "2": {"field": "city"}}

    assert "2 messages take about 0 s" in text_of(browser.get(f"{base}/when"))
    assert browser.submit(f"{base}/when", when="now").location == f"{base}/check"

    check = text_of(browser.get(f"{base}/check"))
    assert "2 people will get this message" in check
    assert "1 opted out" in check
    assert "1 person has no first name" in check
    assert "They will read “there”." in check
    assert "Send to 2 people" in check
    assert browser.submit(f"{base}/check").location == base
    assert only_broadcast().state is S.EXPANDING
    run_jobs("default")
    assert text_of(browser.get(base)).count("Hi Ann, spring is in Paarl.") == 2  # as text and as title


def test_a_second_press_and_a_second_tab_land_on_the_page(
    browser: Client, channel: Channel, template: Template, people: list[Contact], cast: Cast
) -> None:
    draft = make.make_broadcast(cast.workspace, channel, make.make_template(cast.workspace))
    base = f"/app/broadcasts/{draft.id}"
    assert browser.submit(f"{base}/check").location == base
    for step in ("audience", "message", "when", "check"):
        page = browser.get(f"{base}/{step}", follow_redirects=True)
        assert "moved on since" in text_of(page)
        again = browser.submit(
            f"{base}/{step}", page="/app/broadcasts", name="x", kind="all", template=template.id, **VARIABLES
        )
        assert again.location == base, step
    assert db.session.scalars(select(Broadcast.name)).all() == [draft.name]


def test_what_is_typed_is_kept_when_something_is_missing(
    browser: Client, channel: Channel, template: Template, people: list[Contact], cast: Cast
) -> None:
    answer = browser.submit("/app/broadcasts/new", name="", kind="tags", exclude="VIP")
    assert answer.status_code == 422
    page = text_of(answer)
    assert "Choose at least one tag" in page
    answer = browser.submit("/app/broadcasts/new", name="", kind="tags", tags="VIP")
    assert "Give the broadcast a name" in text_of(answer)
    assert 'value="VIP" checked' in text_of(answer)
    draft = make.make_broadcast(cast.workspace, channel, template, variables={})
    typed = {**VARIABLES, "source-2": "text", "text-2": ""}
    answer = browser.submit(f"/app/broadcasts/{draft.id}/message", channel=channel.id, template=template.id, **typed)
    assert answer.status_code == 422
    assert "Write the text, or choose a field." in text_of(answer)
    assert 'value="there"' in text_of(answer)


def test_the_count_follows_the_choice(browser: Client, people: list[Contact]) -> None:
    assert "1 <small>of 3 contacts" in text_of(browser.fragment("/app/broadcasts/_count?kind=tags&tags=vip"))
    assert "1 <small>of 3 contacts" in text_of(browser.fragment("/app/broadcasts/_count?kind=all&exclude=VIP"))
    assert "Choose one or more tags" in text_of(browser.fragment("/app/broadcasts/_count?kind=tags"))


def test_the_preview_walks_through_real_people(
    browser: Client, channel: Channel, template: Template, people: list[Contact], cast: Cast
) -> None:
    draft = make.make_broadcast(
        cast.workspace, channel, template, variables={"1": {"field": "name", "fallback": "you"}}
    )
    base = f"/app/broadcasts/{draft.id}/preview"
    first = text_of(browser.fragment(f"{base}?row=1"))
    assert "Ann Archer" in first
    assert 'value="1"' in first
    second = text_of(browser.fragment(f"{base}?row=2"))
    assert '<span class="wa-fallback">you</span>' in second
    assert 'value="2"' in text_of(browser.fragment(f"{base}?row=99"))
    typed = text_of(browser.fragment(f"{base}?row=1&template={template.id}&source-1=text&text-1=%3Cb%3Eall%3C/b%3E"))
    assert "&lt;b&gt;all&lt;/b&gt;" in typed


def test_a_plan_in_the_workspaces_time_zone(
    browser: Client, channel: Channel, people: list[Contact], cast: Cast
) -> None:
    cast.workspace.timezone = "Africa/Johannesburg"
    db.session.commit()
    draft = make.make_broadcast(cast.workspace, channel, make.make_template(cast.workspace))
    base = f"/app/broadcasts/{draft.id}"
    day = (clock.now() + timedelta(days=30)).date().isoformat()
    assert browser.submit(f"{base}/when", when="at", date=day, time="10:00").location == f"{base}/check"
    moment = only_broadcast().scheduled_at
    assert moment is not None
    assert moment.isoformat() == f"{day}T08:00:00+00:00"
    check = text_of(browser.get(f"{base}/check"))
    assert "Schedule for 2 people" in check
    assert "Johannesburg time" in check
    browser.submit(f"{base}/check")
    assert only_broadcast().state is S.SCHEDULED
    assert "at 10:00" in text_of(browser.get(base))
    assert browser.submit(f"{base}/reopen", page=base).location == f"{base}/audience"
    assert only_broadcast().state is S.DRAFT


@pytest.mark.parametrize(
    ("day", "time", "words"),
    [("2026-03-29", "02:30", "does not exist on 29 March 2026"), ("", "", "Give a date and a time")],
)
def test_times_that_are_none(browser: Client, cast: Cast, day: str, time: str, words: str) -> None:
    cast.workspace.timezone = "Europe/Berlin"
    db.session.commit()
    draft = make.make_broadcast(cast.workspace)
    answer = browser.submit(f"/app/broadcasts/{draft.id}/when", when="at", date=day, time=time)
    assert answer.status_code == 422
    assert words in text_of(answer)


def test_now_with_a_date_is_asked_about(browser: Client, cast: Cast) -> None:
    draft = make.make_broadcast(cast.workspace)
    answer = browser.submit(f"/app/broadcasts/{draft.id}/when", when="now", date="2099-01-01", time="10:00")
    assert answer.status_code == 422
    assert "You chose Now, but" in text_of(answer)


def test_what_blocks_stands_instead_of_the_button(browser: Client, cast: Cast) -> None:
    template = make.make_template(cast.workspace, status="pending")
    draft = make.make_broadcast(cast.workspace, template=template)
    check = text_of(browser.get(f"/app/broadcasts/{draft.id}/check"))
    assert "is in review" in check or "in review" in check
    assert "Nobody would get this message" in check
    assert "disabled" in check
    answer = browser.submit(f"/app/broadcasts/{draft.id}/check")
    assert answer.status_code == 422
    assert only_broadcast().state is S.DRAFT


def test_the_numbers_of_the_check_page_open_their_people(
    browser: Client, channel: Channel, people: list[Contact], cast: Cast
) -> None:
    draft = make.make_broadcast(cast.workspace, channel)
    page = text_of(browser.get(f"/app/broadcasts/{draft.id}/people?why=opted_out"))
    assert "Dan" in page
    assert "Ann Archer" not in page
    assert browser.get(f"/app/broadcasts/{draft.id}/people?why=nonsense").status_code == 422


def golden_parts(name: str) -> list[dict[str, Any]]:
    path = Path(__file__).parents[2] / "golden" / "graph" / f"template_{name}.json"
    parts: list[dict[str, Any]] = json.loads(path.read_text())["template"]["components"]
    return parts


def test_the_wizard_asks_for_every_part_of_a_carousel(
    browser: Client, channel: Channel, cast: Cast, people: list[Contact]
) -> None:
    template = make.make_template(cast.workspace, name="new_harvest", components=golden_parts("carousel"))
    draft = make.make_broadcast(cast.workspace, channel, template, state=S.DRAFT, audience={"all": True})
    page = text_of(browser.get(f"/app/broadcasts/{draft.id}/message"))
    for label in ("Picture in the header on card 1", "{{2}} on card 2", "Link or code of button 2 on card 2"):
        assert f"{label} is" in page
    assert "2 cards, side by side" in page


@pytest.mark.parametrize(
    ("kind", "values", "words"),
    [
        ("offer", {"text-offer.expires_at": "Sunday"}, "Give the moment with its offset from UTC"),
        ("location", {"text-header.latitude": "north"}, "A latitude is a number from -90 to 90"),
    ],
)
def test_the_wizard_refuses_what_is_no_moment_and_no_place(  # noqa: PLR0917 — fixtures and a table
    browser: Client,
    channel: Channel,
    cast: Cast,
    people: list[Contact],
    kind: str,
    values: dict[str, str],
    words: str,
) -> None:
    template = make.make_template(cast.workspace, name=kind, components=golden_parts(kind))
    draft = make.make_broadcast(cast.workspace, channel, template, state=S.DRAFT, audience={"all": True})
    keys = [variable.key for variable in list_variables(template.components)]
    typed = {f"source-{key}": "text" for key in keys} | {f"text-{key}": "https://shop.example/a" for key in keys}
    address = f"/app/broadcasts/{draft.id}/message"
    chosen = {"channel": str(channel.id), "template": str(template.id)}
    answer = browser.submit(address, **chosen | typed | values)
    assert answer.status_code == 422
    assert words in text_of(answer)
