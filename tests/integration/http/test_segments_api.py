"""Segments over the API: kept, counted, their people, and as an audience."""

from typing import Any

import pytest

from tests import factories as make
from tests.cast import Cast
from tests.client import ApiClient, Client

VIP = {"field": "tags", "op": "any", "value": ["VIP"]}
DEFINITION = {"match": "all", "conditions": [VIP]}


@pytest.fixture
def api(cast: Cast, client: Client) -> ApiClient:
    """Alice's; Ann and Ben are VIPs, Ben opted out, Cid is not."""
    vip = make.make_tag(cast.workspace, "VIP")
    make.tag_contact(make.make_contact(cast.workspace, name="Ann"), vip)
    make.tag_contact(make.make_contact(cast.workspace, name="Ben", consent="opted_out"), vip)
    make.make_contact(cast.workspace, name="Cid")
    return client.api(cast.alice)


def test_from_first_to_last(api: ApiClient) -> None:
    made = api.post("/segments", {"name": "VIPs", "definition": DEFINITION})
    assert made.status_code == 201
    segment = made.json
    assert (segment["name"], segment["definition"]) == ("VIPs", DEFINITION)
    assert segment["created_at"].endswith("+00:00")
    path = f"/segments/{segment['id']}"
    assert api.get(path).json == segment
    assert [one["id"] for one in api.get("/segments").json["items"]] == [segment["id"]]
    assert api.get(f"{path}/count").json == {"people": 2, "reachable": 1}
    people = api.get(f"{path}/people?limit=1").json
    assert [(one["name"], one["tags"]) for one in people["items"]] == [("Ben", ["VIP"])]
    rest = api.get(f"{path}/people?cursor={people['next_cursor']}").json
    assert [one["name"] for one in rest["items"]] == ["Ann"]
    changed = api.patch(path, {"name": "Best"}).json
    assert (changed["name"], changed["definition"]) == ("Best", DEFINITION)
    assert api.delete(path).status_code == 204
    assert api.get(path).status_code == 404


def test_a_filter_is_counted_without_being_saved(api: ApiClient) -> None:
    wanted = {"match": "any", "conditions": [VIP, {"field": "name", "op": "is", "value": "cid"}]}
    assert api.post("/segments/count", {"definition": wanted}).json == {"people": 3, "reachable": 2}
    assert api.get("/segments").json["items"] == []


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        ({}, {"name", "definition"}),
        ({"name": "x", "definition": []}, {"definition"}),
        ({"name": "x", "definition": {}}, {"definition.conditions"}),
        ({"name": "", "definition": {"conditions": [{"field": "y"}]}}, {"name", "definition.conditions.0.field"}),
        ({"name": "x", "definition": DEFINITION, "colour": "red"}, {"colour"}),
    ],
)
def test_what_is_wrong_is_named_by_its_path(api: ApiClient, body: dict[str, Any], fields: set[str]) -> None:
    answer = api.post("/segments", body)
    assert answer.status_code == 422
    assert set(answer.json["errors"]) == fields


def test_a_taken_name_is_a_conflict(api: ApiClient) -> None:
    api.post("/segments", {"name": "VIPs", "definition": DEFINITION})
    answer = api.post("/segments", {"name": "vips", "definition": DEFINITION})
    assert (answer.status_code, answer.json["code"]) == (409, "name_taken")


def test_agents_look_and_do_not_touch(api: ApiClient, cast: Cast, client: Client) -> None:
    segment = make.make_segment(cast.workspace)
    bob = client.api(cast.bob)
    assert bob.get(f"/segments/{segment.id}/count").status_code == 200
    assert bob.post("/segments", {"name": "x", "definition": DEFINITION}).status_code == 403
    assert bob.patch(f"/segments/{segment.id}", {"name": "x"}).status_code == 403
    assert bob.delete(f"/segments/{segment.id}").status_code == 403


def test_a_broadcast_goes_to_a_segment_and_leaves_one_out(api: ApiClient, cast: Cast) -> None:
    channel, template = make.make_channel(cast.workspace), make.make_template(cast.workspace)
    chosen = make.make_segment(cast.workspace)
    staff = make.make_segment(cast.workspace, {"field": "name", "op": "is", "value": "Ann"})
    body = {
        "name": "News",
        "channel_id": channel.id,
        "template_id": template.id,
        "audience": {"segment_id": chosen.id},
        "exclude": {"tags": ["Staff"], "segment_ids": [staff.id]},
        "variables": {"1": {"text": "there"}},
    }
    made = api.post("/broadcasts", body)
    assert made.status_code == 201, made.json
    assert made.json["audience"] == body["audience"]
    assert made.json["exclude"] == body["exclude"]
    filtered = api.post("/broadcasts", body | {"audience": {"filter": DEFINITION}, "exclude": {}})
    assert filtered.json["audience"] == {"filter": DEFINITION}


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"audience": {"segment_id": 987654321}}, "audience"),
        ({"audience": {"segment_id": "5"}}, "audience"),
        ({"audience": {"segment_id": True}}, "audience"),
        ({"audience": {"segment_id": 5, "all": True}}, "audience"),
        ({"audience": {"filter": {"conditions": []}}}, "audience.filter.conditions"),
        ({"exclude": {"segment_ids": [987654321]}}, "exclude"),
        ({"exclude": {"segment_ids": "5"}}, "exclude"),
        ({"exclude": {"segment_ids": [1.5]}}, "exclude"),
        ({"exclude": {"segments": [5]}}, "exclude"),
        ({"exclude": {"segment_ids": list(range(1, 60))}}, "exclude"),
    ],
)
def test_an_audience_that_is_none_is_refused(api: ApiClient, cast: Cast, change: dict[str, Any], field: str) -> None:
    draft = make.make_broadcast(cast.workspace)
    answer = api.patch(f"/broadcasts/{draft.id}", change)
    assert answer.status_code == 422
    assert list(answer.json["errors"]) == [field]
