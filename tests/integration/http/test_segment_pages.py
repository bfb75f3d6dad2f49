"""The pages of segments: as plain forms, as htmx's parts, and from contacts, reports and the wizard."""

from typing import Any

import pytest

from tests import factories as make
from tests.cast import Cast
from tests.client import Client
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState, Segment

EDITOR = "/app/segments/new"


@pytest.fixture
def alice(cast: Cast, client: Client) -> Client:
    """Alice's browser; Ann is a VIP in Paarl, Ben is a VIP who opted out, Cid is neither."""
    vip = make.make_tag(cast.workspace, "VIP")
    make.tag_contact(make.make_contact(cast.workspace, name="Ann", attributes={"city": "Paarl"}), vip)
    make.tag_contact(make.make_contact(cast.workspace, name="Ben", consent="opted_out"), vip)
    make.make_contact(cast.workspace, name="Cid")
    client.sign_in(cast.alice)
    return client


def row(key: int, field: str, op: str, value: str = "", **more: Any) -> dict[str, Any]:
    fields = {"field": field, "op": op, "value": value} | more
    return {f"{name}-{key}": given for name, given in fields.items()}


def text_of(response: Any) -> str:
    return " ".join(response.get_data(as_text=True).split())


VIP_ROW = row(1, "tags", "any", tags=["VIP"])
IN_PAARL = {"match": "all", "conditions": [{"field": "attribute:city", "type": "text", "op": "is", "value": "Paarl"}]}


def test_a_segment_is_made_with_plain_forms_alone(alice: Client, cast: Cast) -> None:
    """Each button answers the whole page with what was typed; nothing is saved before the end."""
    form: dict[str, Any] = {"name": "Paarl VIPs", "match": "all", "item": ["r1"], **VIP_ROW}
    page = alice.submit("/app/segments/editor", page=EDITOR, **form, act="group")
    assert 'value="g2.r3"' in text_of(page)
    form |= {"item": ["r1", "g2", "g2.r3"], "match-2": "any", **row(3, "attribute:city", "is", "")}
    page = alice.submit("/app/segments/editor", page=EDITOR, **form, act="show:f-field-3")
    assert 'id="f-type-3"' in text_of(page)
    page = alice.submit("/app/segments/editor", page=EDITOR, **form, act="add:2")
    assert 'value="g2.r4"' in text_of(page)
    assert db.session.query(Segment).count() == 0
    form |= {**row(3, "attribute:city", "is", "Paarl", type="text"), **row(4, "name", "is", "Zoe")}
    form["item"] = ["r1", "g2", "g2.r3", "g2.r4"]
    saved = alice.submit(EDITOR, **form)
    assert saved.status_code == 303
    segment = db.session.query(Segment).one()
    assert segment.definition == {
        "match": "all",
        "conditions": [
            {"field": "tags", "op": "any", "value": ["VIP"]},
            {
                "match": "any",
                "conditions": [*IN_PAARL["conditions"], {"field": "name", "op": "is", "value": "Zoe"}],
            },
        ],
    }
    page = alice.get(saved.location)
    assert "1 person is in it now" in text_of(page)
    assert "Tags include one of VIP and (“city” is “Paarl” or name is “Zoe”)." in text_of(page)


def test_what_is_opened_and_saved_unchanged_stays_what_it_is(alice: Client, cast: Cast) -> None:
    conditions = [
        {"field": "tags", "op": "none", "value": ["VIP", "gone from everybody"]},
        {"field": "phone", "op": "starts_with", "value": "2782"},
        {"field": "country", "op": "is", "value": "ZA"},
        {"field": "created", "op": "on", "value": "2026-11-05"},
        {"field": "last_in", "op": "never"},
        {
            "match": "any",
            "conditions": [{"field": "attribute:p", "type": "number", "op": "between", "value": [1, 2.5]}],
        },
    ]
    segment = make.make_segment(cast.workspace, *conditions)
    page = alice.get(f"/app/segments/{segment.id}/edit")
    # On the way the rows are drawn anew, as without scripts.
    page = alice.submit("/app/segments/editor", page=EDITOR, **_fields_of(page) | {"act": "show:"})
    assert alice.submit(f"/app/segments/{segment.id}/edit", **_fields_of(page)).status_code == 303
    db.session.refresh(segment)
    assert segment.definition == {"match": "all", "conditions": conditions}


def test_errors_stand_beside_their_condition_and_nothing_typed_is_lost(alice: Client) -> None:
    form = {"name": "", "match": "any", "item": ["r1", "r7"], **VIP_ROW, **row(7, "created", "last_days", "soon")}
    page = alice.submit(EDITOR, **form)
    assert page.status_code == 422
    assert 'href="#f-value-7"' in text_of(page)
    assert "Give whole days" in text_of(page)
    assert 'value="soon"' in text_of(page)
    assert "Give the segment a name." in text_of(page)


def test_a_form_without_conditions_is_asked_for_one(alice: Client) -> None:
    page = alice.submit(EDITOR, name="All", match="all")
    assert page.status_code == 422
    assert "Add at least one condition." in text_of(page)


@pytest.mark.parametrize("item", ["x1", "r", "r1.r2", "g1.g2", "r9999999", "", "g5.r1"])
def test_a_form_that_was_tampered_with_breaks_nothing(alice: Client, item: str) -> None:
    answer = alice.submit("/app/segments/editor", page=EDITOR, name="x", item=[item], act="remove:1")
    assert answer.status_code == 200
    odd = {"field-1": "no such field", "type-1": "colour", "op-1": "<>", "value-1": "\x00"}
    assert alice.submit(EDITOR, name="x", item=[item, "r1"], **odd).status_code == 422


def test_the_count_follows_the_form(alice: Client) -> None:
    form = {"match": "all", "item": ["r1"], **VIP_ROW}
    part = alice.submit("/app/segments/count", page=EDITOR, headers={"HX-Request": "true"}, **form)
    assert "2 <small>of 3 contacts" in text_of(part)
    assert "1 can be messaged, 1 opted out." in text_of(part)
    unfinished = form | row(1, "name", "is")
    part = alice.submit("/app/segments/count", page=EDITOR, headers={"HX-Request": "true"}, **unfinished)
    assert "Finish the conditions" in text_of(part)
    part = alice.submit("/app/segments/count", page=EDITOR, headers={"HX-Request": "true"}, match="all")
    assert "Add a condition" in text_of(part)


def test_with_scripts_only_the_rows_and_the_count_are_drawn_anew(alice: Client) -> None:
    form = {"match": "all", "item": ["r1"], **VIP_ROW, "act": "add"}
    part = alice.submit("/app/segments/editor", page=EDITOR, headers={"HX-Request": "true"}, **form)
    assert "<h1" not in text_of(part)
    assert 'data-focus="f-field-2"' in text_of(part)
    assert 'hx-swap-oob="true"' in text_of(part)


def test_the_filter_of_the_contacts_page_becomes_a_segment(alice: Client) -> None:
    page = text_of(alice.get("/app/contacts?tag=VIP&search=ann"))
    assert "/app/segments/new?search=ann&amp;tag=VIP" in page
    editor = alice.get("/app/segments/new?search=ann&tag=VIP")
    saved = alice.submit(EDITOR, **_fields_of(editor) | {"name": "Ann"})
    assert "1 person is in it now" in text_of(alice.get(saved.location))
    assert "Save as segment" not in text_of(alice.get("/app/contacts"))
    assert "Save as segment" not in text_of(alice.get("/app/contacts?search=an"))


def test_the_list_and_its_numbers(alice: Client, cast: Cast) -> None:
    assert "No segments yet" in text_of(alice.get("/app/segments"))
    segment = make.make_segment(cast.workspace, name="Our VIPs")
    page = text_of(alice.get("/app/segments"))
    assert "Our VIPs" in page
    assert "Tags include one of VIP" in page
    part = alice.fragment(f"/app/segments/{segment.id}/count")
    assert ">2 <" in text_of(part) or ">2<" in text_of(part)


def test_agents_see_segments_and_cannot_change_them(cast: Cast, client: Client) -> None:
    segment = make.make_segment(cast.workspace)
    client.sign_in(cast.bob)
    page = text_of(client.get(f"/app/segments/{segment.id}"))
    assert "Send to this segment" not in page
    assert "Delete" not in page
    assert client.get(EDITOR).status_code == 403
    refused = client.submit(f"/app/segments/{segment.id}/delete", page="/app/segments")
    assert refused.status_code == 403


def test_deleting_says_what_waits_for_it(alice: Client, cast: Cast) -> None:
    segment = make.make_segment(cast.workspace, name="Our VIPs")
    broadcast = make.make_broadcast(cast.workspace, name="Spring", audience={"segment_id": segment.id})
    address = f"/app/segments/{segment.id}"
    assert "need other people first: Spring." in text_of(alice.get(address))
    broadcast.state = BroadcastState.SCHEDULED
    db.session.commit()
    alice.submit(f"{address}/delete", page=address)
    assert "A scheduled broadcast uses it: “Spring”" in text_of(alice.get(address))
    broadcast.state = BroadcastState.DRAFT
    db.session.commit()
    assert alice.submit(f"{address}/delete", page=address).location == "/app/segments"
    page = text_of(alice.get(f"/app/broadcasts/{broadcast.id}/audience"))
    assert "The segment of this draft was deleted." in page
    check = text_of(alice.get(f"/app/broadcasts/{broadcast.id}/check"))
    assert "The segment it goes to was deleted." in check
    assert "disabled" in check


def test_the_wizard_goes_to_a_segment_and_leaves_one_out(alice: Client, cast: Cast) -> None:
    vips = make.make_segment(cast.workspace, name="Our VIPs")
    paarl = make.make_segment(cast.workspace, *IN_PAARL["conditions"], name="In Paarl")
    page = alice.get(f"/app/broadcasts/new?segment={vips.id}")
    assert f'value="{vips.id}" selected' in text_of(page)
    assert "1 <small>of 3 contacts" in text_of(page)
    query = f"kind=segment&segment={vips.id}&exclude_segments={paarl.id}"
    part = text_of(alice.fragment(f"/app/broadcasts/_count?{query}"))
    assert "Left out by tag or segment" in part
    form = {"name": "News", "kind": "segment", "segment": str(vips.id), "exclude_segments": [str(paarl.id)]}
    assert alice.submit("/app/broadcasts/new", **form).status_code == 303
    draft = db.session.query(Broadcast).one()
    assert (draft.audience, draft.exclude) == ({"segment_id": vips.id}, {"segment_ids": [paarl.id]})
    assert "Our VIPs, 1 contact<" in text_of(alice.get(f"/app/broadcasts/{draft.id}/check"))
    again = text_of(alice.get(f"/app/broadcasts/{draft.id}/audience"))
    assert f'value="{vips.id}" selected' in again
    assert f'name="exclude_segments" value="{paarl.id}" checked' in again


@pytest.mark.parametrize(
    ("segment", "status"), [("", 200), ("x", 422), ("-5", 422), ("0", 404), ("99999999999999999999", 404)]
)
def test_an_address_that_names_no_segment_is_not_everybody(alice: Client, segment: str, status: int) -> None:
    page = alice.get(f"/app/broadcasts/new?segment={segment}")
    assert page.status_code == status
    assert ("Choose a segment, or everybody." in text_of(page)) == (status == 422)


def test_a_segment_that_is_gone_or_elsewhere_is_not_everybody(alice: Client, cast: Cast) -> None:
    theirs = make.make_segment(cast.other_workspace)
    assert alice.get(f"/app/broadcasts/new?segment={theirs.id}").status_code == 404
    assert alice.get(f"/app/broadcasts/new?segment={theirs.id + 1}").status_code == 404


@pytest.mark.parametrize("segment", ["", "0", "x", "-5", "99999999999999999999"])
def test_no_segment_chosen_is_asked_about_and_never_everybody(alice: Client, segment: str) -> None:
    page = alice.submit("/app/broadcasts/new", name="News", kind="segment", segment=segment)
    assert page.status_code == 422
    assert "Choose a segment, or everybody." in text_of(page)
    assert "Choose one or more tags, or a segment." in text_of(
        alice.fragment(f"/app/broadcasts/_count?kind=segment&segment={segment}")
    )


def test_everybody_and_a_segment_at_once_is_asked_about(alice: Client, cast: Cast) -> None:
    segment = make.make_segment(cast.workspace)
    page = alice.submit("/app/broadcasts/new", name="News", kind="all", segment=str(segment.id))
    assert page.status_code == 422
    assert "You chose Everybody, but there is a segment too." in text_of(page)
    assert db.session.query(Broadcast).count() == 0


def test_two_tabs_do_not_undo_each_other_unnoticed(alice: Client, cast: Cast) -> None:
    segment = make.make_segment(cast.workspace, name="First")
    address = f"/app/segments/{segment.id}/edit"
    first, second = (_fields_of(alice.get(address)) for _ in range(2))
    assert alice.submit(address, **first | {"name": "From the first tab"}).status_code == 303
    page = alice.submit(address, **second | {"name": "From the second tab"})
    assert page.status_code == 422
    assert "Somebody changed this segment meanwhile. Save again" in text_of(page)
    assert "From the second tab" in text_of(page)
    assert alice.submit(address, **_fields_of(page)).status_code == 303
    db.session.refresh(segment)
    assert segment.name == "From the second tab"


def test_a_report_leads_to_a_draft_for_those_who_did_not_read(alice: Client, cast: Cast) -> None:
    channel = make.make_channel(cast.workspace)
    broadcast = make.make_broadcast(cast.workspace, channel, name="Spring", state=BroadcastState.FINISHED)
    for state, reached in (("read", 5), ("delivered", 4), ("sent", 3)):
        person = make.make_contact(cast.workspace)
        make.make_message(channel, person, broadcast, state=state, reached=reached)
    address = f"/app/broadcasts/{broadcast.id}"
    assert "Write to the 2 who did not read it" in text_of(alice.get(address))
    made = alice.submit(f"{address}/follow-up", page=address, who="not_read")
    page = text_of(alice.get(made.location))
    assert "Did not read “Spring”" in page
    assert "2 <small>of 6 contacts" in page
    kept = alice.submit(made.location, name="Again", kind="kept")
    assert kept.status_code == 303
    draft = db.session.query(Broadcast).order_by(Broadcast.id.desc()).first()
    assert draft.audience == {
        "filter": {"match": "all", "conditions": [{"field": "broadcast", "op": "not_read", "value": broadcast.id}]}
    }
    draft.state = BroadcastState.FINISHED
    db.session.commit()
    shown = text_of(alice.get(f"/app/broadcasts/{draft.id}"))
    assert "audience: did not read “Spring”" in shown
    refused = alice.submit(f"{address}/follow-up", page=address, who="everybody")
    assert refused.location == address


def test_a_report_leads_to_drafts_for_those_who_read_and_those_who_replied(alice: Client, cast: Cast) -> None:
    channel = make.make_channel(cast.workspace)
    broadcast = make.make_broadcast(cast.workspace, channel, name="Spring", state=BroadcastState.FINISHED)
    fates: tuple[dict[str, Any], ...] = ({}, {}, {"replied": True}, {"replied": True}, {"replied": True})
    for fate in fates:
        make.make_message(channel, make.make_contact(cast.workspace), broadcast, state="read", reached=5, **fate)
    address = f"/app/broadcasts/{broadcast.id}"
    page = text_of(alice.get(address))
    offered = {
        "read_not_replied": ("Write to the 2 who read it and did not reply", "Read “Spring” and did not reply", 2),
        "replied": ("Write to the 3 who replied", "Replied to “Spring”", 3),
    }
    for who, (button, audience, count) in offered.items():
        assert button in page
        draft = text_of(alice.get(alice.submit(f"{address}/follow-up", page=address, who=who).location))
        assert audience in draft
        assert f"{count} <small>of 8 contacts" in draft
    assert "who did not read it" not in page
    assert "could not be reached for now" not in page


def test_the_page_of_a_broadcast_names_its_segment(alice: Client, cast: Cast) -> None:
    segment = make.make_segment(cast.workspace, name="Our VIPs")
    broadcast = make.make_broadcast(
        cast.workspace,
        state=BroadcastState.SENDING,
        audience={"segment_id": segment.id},
        frozen={"names": {segment.id: "Our VIPs"}},
    )
    address = f"/app/broadcasts/{broadcast.id}"
    assert f'<a href="/app/segments/{segment.id}">Our VIPs</a>' in text_of(alice.get(address))
    db.session.delete(segment)
    db.session.commit()
    page = text_of(alice.get(address))
    assert "to Our VIPs" in page
    assert f"/app/segments/{segment.id}" not in page


def _fields_of(response: Any) -> dict[str, Any]:
    """What a browser would send of the editor as it was answered."""
    import html5lib

    root = html5lib.HTMLParser(namespaceHTMLElements=False).parse(response.get_data(as_text=True))
    form = next(one for one in root.iter("form") if one.get("id") == "segment")
    fields: dict[str, Any] = {}
    for control in form.iter():
        name, kind = control.get("name"), control.get("type")
        if not name or control.tag == "button" or (kind == "checkbox" and control.get("checked") is None):
            continue
        if control.tag == "select":
            chosen = [one.get("value") for one in control.iter("option") if one.get("selected") is not None]
            fields.setdefault(name, []).extend(chosen)
        else:
            fields.setdefault(name, []).append(control.get("value"))
    fields.pop("csrf_token", None)
    return fields


def test_what_people_ordered_can_be_asked_in_the_editor(alice: Client) -> None:
    page = text_of(alice.get(EDITOR))
    assert "What they ordered in your shops" in page
    for field in ("ordered", "bought", "order_count", "spent"):
        assert f'<option value="{field}"' in page
    form: dict[str, Any] = {"name": "Buyers", "match": "all", "item": ["r1"], **row(1, "bought", "in_order", "102")}
    assert alice.submit(EDITOR, **form).status_code == 303
    form |= {"name": "Wrong", **row(1, "bought", "in_order", "plants")}
    wrong = alice.submit(EDITOR, **form)
    assert wrong.status_code == 422
    assert "101 completed, processing" in text_of(wrong)
