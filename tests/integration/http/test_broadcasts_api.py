"""Broadcasts over the JSON API."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select

from tests import factories as make
from tests.cast import Cast
from tests.client import ApiClient, Client
from wotnot import clock
from wotnot.extensions import db
from wotnot.models import Broadcast, BroadcastState

S = BroadcastState


@pytest.fixture
def api(client: Client, cast: Cast) -> ApiClient:
    """Alice's."""
    return client.api(cast.alice)


@pytest.fixture
def body(cast: Cast) -> dict[str, Any]:
    """What makes a broadcast to everybody."""
    return {
        "name": "Spring",
        "channel_id": make.make_channel(cast.workspace).id,
        "template_id": make.make_template(cast.workspace).id,
        "audience": {"all": True},
        "variables": {"1": {"field": "name", "fallback": "there"}},
    }


def count_broadcasts() -> int:
    return db.session.scalar(select(func.count()).select_from(Broadcast)) or 0


def test_from_draft_to_messages(
    api: ApiClient, cast: Cast, body: dict[str, Any], run_jobs: Callable[..., list[str]]
) -> None:
    make.make_contacts(cast.workspace, 3)
    gone = make.make_contact(cast.workspace, consent="opted_out")
    made = api.post("/broadcasts", body)
    assert made.status_code == 201
    draft = made.json
    assert (draft["name"], draft["state"], draft["scheduled_at"]) == ("Spring", "draft", None)
    assert set(draft["funnel"]) == {"audience", "attempted", "accepted", "sent", "delivered", "read", "replied", "failed", "skipped", "unknown"}  # fmt: skip
    assert set(draft["states"]) == {"queued", "sending", "accepted", "sent", "delivered", "read", "failed", "skipped", "unknown", "cancelled"}  # fmt: skip
    path = f"/broadcasts/{draft['id']}"
    assert api.post(f"{path}/start").json["state"] == "expanding"
    again = api.post(f"{path}/start")
    assert (again.status_code, again.mimetype) == (409, "application/problem+json")
    assert (again.json["code"], again.json["state"]) == ("wrong_state", "expanding")
    run_jobs("default")
    now = api.get(path).json
    assert (now["state"], now["funnel"]["audience"], now["states"]["queued"], now["states"]["skipped"]) == ("sending", 4, 3, 1)  # fmt: skip
    items = api.get(f"{path}/messages?state=skipped").json["items"]
    assert [(one["contact_id"], one["skip_reason"], one["error"]) for one in items] == [(gone.id, "opted_out", None)]
    assert items[0]["phone"] == f"+{gone.phone}"
    assert api.post(f"{path}/pause").json["state"] == "paused"
    assert api.post(f"{path}/resume").json["state"] == "sending"
    cancelled = api.post(f"{path}/cancel").json
    assert (cancelled["state"], cancelled["states"]["cancelled"]) == ("cancelled", 3)
    report = api.get(f"{path}/report.csv")
    assert report.mimetype == "text/csv"
    assert len(report.get_data(as_text=True).strip().splitlines()) == 5


def test_scheduled_at_creation_or_not_at_all(api: ApiClient, body: dict[str, Any]) -> None:
    moment = (clock.now() + timedelta(days=1)).replace(microsecond=0)
    made = api.post("/broadcasts", body | {"scheduled_at": moment.isoformat()})
    assert (made.status_code, made.json["state"]) == (201, "scheduled")
    assert made.json["scheduled_at"] == moment.isoformat()
    refused = api.post("/broadcasts", body | {"scheduled_at": "2020-01-01T00:00:00Z"})
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["scheduled_at"])
    naive = api.post("/broadcasts", body | {"scheduled_at": "2099-01-01T00:00:00"})
    assert naive.status_code == 422
    assert count_broadcasts() == 1


@pytest.mark.parametrize(
    ("changes", "fields"),
    [
        ({"name": ""}, {"name"}),
        ({"audience": {"tags": "vip"}}, {"audience"}),
        ({"audience": None}, {"audience"}),
        ({"audience": {"phones": ["12"]}, "variables": {"1": {}}}, {"audience", "variables.1"}),
        ({"channel_id": 999999999, "template_id": 999999999}, {"channel_id", "template_id"}),
        ({"channel_id": "x"}, {"channel_id"}),
        ({"audiense": {"all": True}}, {"audiense"}),
    ],
)
def test_wrong_fields_are_named(
    api: ApiClient, body: dict[str, Any], changes: dict[str, Any], fields: set[str]
) -> None:
    answer = api.post("/broadcasts", body | changes)
    assert answer.status_code == 422
    assert set(answer.json["errors"]) == fields
    assert count_broadcasts() == 0


def test_a_repeated_request_makes_one(api: ApiClient, body: dict[str, Any]) -> None:
    headers = {"Idempotency-Key": "k1"}
    first = api.post("/broadcasts", body, headers=headers)
    again = api.post("/broadcasts", body, headers=headers)
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.json == again.json
    assert api.post("/broadcasts", body | {"name": "Other"}, headers=headers).status_code == 409
    assert count_broadcasts() == 1


def test_the_list_pages_and_filters(api: ApiClient, cast: Cast) -> None:
    channel = make.make_channel(cast.workspace)
    for state in (S.DRAFT, S.FINISHED, S.FINISHED, S.FINISHED):
        make.make_broadcast(cast.workspace, channel, state=state)
    make.make_broadcast(cast.other_workspace)
    first = api.get("/broadcasts?state=finished&limit=2").json
    assert len(first["items"]) == 2
    second = api.get(f"/broadcasts?state=finished&limit=2&cursor={first['next_cursor']}").json
    assert (len(second["items"]), second["next_cursor"]) == (1, None)
    assert api.get("/broadcasts?state=nonsense").status_code == 422
    assert api.get("/broadcasts?cursor=nonsense").status_code == 422


def test_changing(api: ApiClient, cast: Cast, body: dict[str, Any]) -> None:
    path = f"/broadcasts/{api.post('/broadcasts', body).json['id']}"
    assert api.patch(path, {"name": "Summer", "audience": {"tags": ["vip"]}}).json["audience"] == {"tags": ["vip"]}
    moment = (clock.now() + timedelta(days=2)).replace(microsecond=0).isoformat()
    planned = api.post("/broadcasts", body | {"scheduled_at": moment}).json
    later = (clock.now() + timedelta(days=3)).replace(microsecond=0).isoformat()
    changed = api.patch(f"/broadcasts/{planned['id']}", {"scheduled_at": later, "name": "Later"}).json
    assert (changed["state"], changed["scheduled_at"], changed["name"]) == ("scheduled", later, "Later")
    refused = api.patch(f"/broadcasts/{planned['id']}", {"name": "No", "audience": {"all": True}})
    assert refused.status_code == 409
    assert api.get(f"/broadcasts/{planned['id']}").json["name"] == "Later"
    assert api.patch(path, {}).status_code == 422


def test_retry(api: ApiClient, cast: Cast) -> None:
    broadcast = make.make_broadcast(cast.workspace, state=S.FINISHED)
    assert broadcast.channel is not None
    make.make_message(
        broadcast.channel, make.make_contact(cast.workspace), broadcast, state="failed", error_code=131026
    )
    path = f"/broadcasts/{broadcast.id}"
    item = api.get(f"{path}/messages").json["items"][0]
    assert item["error"]["code"] == 131026
    assert item["error"]["title"]
    answer = api.post(f"{path}/retry", {"scope": "failed"})
    assert (answer.status_code, answer.json["retried"], answer.json["broadcast"]["state"]) == (202, 1, "sending")
    assert api.post(f"{path}/retry", {"scope": "failed"}).status_code == 409
    assert api.post(f"{path}/retry", {"scope": "everyone"}).status_code == 422
    assert sorted(one["attempt"] for one in api.get(f"{path}/messages").json["items"]) == [1, 2]


def test_messages_to_a_country(api: ApiClient, cast: Cast) -> None:
    broadcast = make.make_broadcast(cast.workspace, state=S.FINISHED)
    assert broadcast.channel is not None
    for phone in ("12125550001", "14165550001", "99955500001"):
        person = make.make_contact(cast.workspace, phone=phone)
        make.make_message(broadcast.channel, person, broadcast, state="read", reached=5)
    path = f"/broadcasts/{broadcast.id}"
    by_country = {one["country"]: one["read"] for one in api.get(f"{path}/report").json["by_country"]}
    assert by_country == {"US": 1, "CA": 1, "": 1}
    for country, phone in (("US", "12125550001"), ("ca", "14165550001"), ("none", "99955500001")):
        items = api.get(f"{path}/messages?country={country}&state=read").json["items"]
        assert [one["phone"] for one in items] == [f"+{phone}"]
    assert api.get(f"{path}/messages?country=US&state=failed").json["items"] == []
    wrong = api.get(f"{path}/messages?country=USA")
    assert (wrong.status_code, list(wrong.json["errors"])) == (422, ["country"])
    asked = {"kind": "broadcast", "broadcast_id": broadcast.id, "country": "USA"}
    assert api.post("/exports", asked).status_code == 422
    assert api.post("/exports", asked | {"country": "US"}).status_code in {201, 202}


def test_a_stranger_finds_nothing(client: Client, cast: Cast) -> None:
    broadcast = make.make_broadcast(cast.workspace, state=S.SENDING)
    api = client.api(cast.charlie)
    path = f"/broadcasts/{broadcast.id}"
    for call in (
        api.get(path),
        api.get(f"{path}/messages"),
        api.get(f"{path}/report.csv"),
        api.patch(path, {"name": "Mine"}),
        api.delete(path),
        *(api.post(f"{path}/{verb}") for verb in ("start", "pause", "resume", "cancel")),
        api.post(f"{path}/retry", {"scope": "failed"}),
    ):
        assert call.status_code == 404, call.request.path
    assert api.get("/broadcasts").json["items"] == []


def test_agents_only_look(client: Client, cast: Cast, body: dict[str, Any]) -> None:
    broadcast = make.make_broadcast(cast.workspace)
    api = client.api(cast.bob)
    assert api.get(f"/broadcasts/{broadcast.id}").status_code == 200
    assert api.post("/broadcasts", body).status_code == 403
    assert api.post(f"/broadcasts/{broadcast.id}/start").status_code == 403


def test_an_audience_of_nothing_is_refused(api: ApiClient, body: dict[str, Any]) -> None:
    refused = api.post("/broadcasts", body | {"audience": {}})
    assert (refused.status_code, list(refused.json["errors"])) == (422, ["audience"])
    assert count_broadcasts() == 0


def test_the_report_tells_countries_and_how_soon_it_was_read(api: ApiClient, cast: Cast) -> None:
    channel = make.make_channel(cast.workspace)
    broadcast = make.make_broadcast(cast.workspace, channel, state=S.FINISHED)
    sent_at = clock.now()
    make.make_message(
        channel,
        make.make_contact(cast.workspace, phone="27825550001"),
        broadcast,
        state="read",
        reached=5,
        sent_at=sent_at,
        read_at=sent_at + timedelta(minutes=3),
    )
    make.make_message(
        channel,
        make.make_contact(cast.workspace, phone="4915155500001"),
        broadcast,
        state="failed",
        reached=1,
        error_code=131026,
    )
    body = api.get(f"/broadcasts/{broadcast.id}/report").json
    assert [(one["country"], one["sent"], one["read"], one["failed"]) for one in body["by_country"]] == [
        ("DE", 0, 0, 1),
        ("ZA", 1, 1, 0),
    ]
    assert [one["step"] for one in body["read_after"] if one["count"]] == ["1 to 5 min"]
    assert [(one["code"], one["count"]) for one in body["errors"]] == [(131026, 1)]
    assert body["errors"][0]["advice"]


def test_marketing_from_a_number_rated_low_needs_a_word(api: ApiClient, cast: Cast) -> None:
    make.make_contacts(cast.workspace, 1)
    channel = make.make_channel(cast.workspace, quality_rating="RED")
    draft = make.make_broadcast(cast.workspace, channel, make.make_template(cast.workspace, category="marketing"))
    path = f"/broadcasts/{draft.id}"
    refused = api.post(f"{path}/start")
    assert (refused.status_code, refused.json["code"]) == (409, "low_quality")
    assert api.post(f"{path}/start", {"despite_quality": "perhaps"}).status_code == 422
    assert api.post(f"{path}/start", {"despite_quality": True}).json["state"] == "expanding"
