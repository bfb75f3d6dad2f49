"""Conversations over the JSON API."""

from datetime import timedelta
from typing import Any

import pytest

from tests import factories
from tests.cast import Cast
from tests.client import ApiClient, Client
from wotnot import clock
from wotnot.models import Channel, ChannelState, Conversation
from wotnot.services import workspaces


@pytest.fixture
def api(client: Client, cast: Cast) -> ApiClient:
    return client.api(cast.bob)


@pytest.fixture
def channel(cast: Cast, session: Any) -> Channel:
    return factories.make_channel(cast.workspace)


@pytest.fixture
def thread(cast: Cast, channel: Channel) -> Conversation:
    contact = factories.make_contact(cast.workspace, name="Naledi", phone="27825550101")
    message = factories.make_inbound(channel, contact, "Do you ship to Namibia?")
    return factories.make_conversation(channel, contact, unread_count=1, last_message_id=message.id)


def test_the_list_says_who_wrote_what(api: ApiClient, channel: Channel, thread: Conversation) -> None:
    (item,) = api.get("/conversations?state=open").json["items"]
    assert (item["id"], item["channel_id"], item["state"], item["unread_count"]) == (thread.id, channel.id, "open", 1)
    assert (item["contact"]["name"], item["contact"]["phone"]) == ("Naledi", "+27825550101")
    assert item["window_expires_at"]
    last = item["last_message"]
    assert (last["direction"], last["type"], last["text"]) == ("in", "text", "Do you ship to Namibia?")
    assert api.get("/conversations?state=closed").json["items"] == []
    assert api.get("/conversations?state=strange").status_code == 422


def test_a_list_of_somebody_or_some_number_that_is_not_here_is_not_found(
    api: ApiClient, cast: Cast, channel: Channel, thread: Conversation
) -> None:
    (charlie,) = workspaces.list_members(cast.other_workspace.id)
    theirs = factories.make_channel(cast.other_workspace)
    for wanted in (f"assignee_id={charlie.id}", "assignee_id=999999999", f"channel_id={theirs.id}", "channel_id=0"):
        assert api.get(f"/conversations?{wanted}").status_code == 404, wanted
        assert api.get(f"/conversations?search=naledi&{wanted}").status_code == 404, wanted
    assert [one["id"] for one in api.get(f"/conversations?channel_id={channel.id}").json["items"]] == [thread.id]
    assert api.get(f"/conversations?assignee_id={workspaces.list_members(cast.workspace.id)[0].id}").json["items"] == []


def test_the_threads_of_a_removed_number_can_still_be_listed(
    api: ApiClient, channel: Channel, thread: Conversation, session: Any
) -> None:
    channel.state = ChannelState.REMOVED
    session.commit()
    assert [one["id"] for one in api.get(f"/conversations?channel_id={channel.id}").json["items"]] == [thread.id]


@pytest.mark.parametrize("path", ["/conversations", "/templates", "/analytics"])
def test_no_list_is_narrowed_to_a_strangers_number(api: ApiClient, cast: Cast, path: str) -> None:
    theirs = factories.make_channel(cast.other_workspace)
    assert api.get(path).status_code == 200
    for number in (theirs.id, 0, 999_999_999):
        assert api.get(f"{path}?channel_id={number}").status_code == 404, number


def test_the_number_of_statements_does_not_grow_with_the_list(
    api: ApiClient, cast: Cast, channel: Channel, thread: Conversation, count_queries: Any
) -> None:
    with count_queries() as few:
        api.get("/conversations")
    for _ in range(5):
        contact = factories.make_contact(cast.workspace)
        message = factories.make_inbound(channel, contact)
        factories.make_conversation(channel, contact, last_message_id=message.id)
    with count_queries() as many:
        assert len(api.get("/conversations").json["items"]) == 6
    assert len(many) == len(few)


def test_an_answer_stands_in_the_thread(api: ApiClient, thread: Conversation) -> None:
    asked = api.get(f"/conversations/{thread.id}/messages").json["items"][0]
    body = {"type": "text", "text": {"body": "Yes, we do."}, "reply_to": asked["id"]}
    answer = api.post(f"/conversations/{thread.id}/messages", body)
    assert (answer.status_code, answer.json["state"]) == (202, "queued")
    newest = api.get(f"/conversations/{thread.id}/messages").json["items"][0]
    assert (newest["id"], newest["text"], newest["reply_to"]) == (answer.json["id"], "Yes, we do.", asked["id"])


def test_what_was_said_elsewhere_cannot_be_quoted(
    api: ApiClient, cast: Cast, channel: Channel, thread: Conversation
) -> None:
    elsewhere = factories.make_inbound(channel, factories.make_contact(cast.workspace), "Hi")
    stranger = factories.make_channel(cast.other_workspace)
    theirs = factories.make_inbound(stranger, factories.make_contact(cast.other_workspace), "Hi")
    path = f"/conversations/{thread.id}/messages"
    for message_id, status in ((elsewhere.id, 422), (theirs.id, 404), (2**40, 404)):
        body = {"type": "text", "text": {"body": "Yes"}, "reply_to": message_id}
        assert api.post(path, body).status_code == status
    assert len(api.get(path).json["items"]) == 1


def test_the_same_request_twice_answers_once(api: ApiClient, thread: Conversation) -> None:
    body = {"type": "text", "text": {"body": "Yes"}}
    path, headers = f"/conversations/{thread.id}/messages", {"Idempotency-Key": "one"}
    first, second = (api.post(path, body, headers=headers) for _ in range(2))
    assert first.json == second.json
    assert len(api.get(path).json["items"]) == 2


def test_after_the_window_only_a_template_goes_out(api: ApiClient, cast: Cast, thread: Conversation) -> None:
    thread.window_expires_at = clock.now() - timedelta(seconds=1)
    factories.save(thread)
    answer = api.post(f"/conversations/{thread.id}/messages", {"type": "text", "text": {"body": "Hello?"}})
    assert (answer.status_code, answer.json["code"]) == (409, "window_closed")
    assert "template" in answer.json["detail"]
    factories.make_template(cast.workspace, name="news")
    template = {"type": "template", "template": {"name": "news", "variables": {"1": "Naledi"}}}
    assert api.post(f"/conversations/{thread.id}/messages", template).status_code == 202


def test_reading_handing_on_and_closing(api: ApiClient, cast: Cast, thread: Conversation) -> None:
    assert api.post(f"/conversations/{thread.id}/read").json["unread_count"] == 0
    carla = factories.make_member(cast.workspace, factories.make_user(name="Carla"))
    assert api.post(f"/conversations/{thread.id}/assign", {"member_id": carla.id}).json["assignee_id"] == carla.id
    assert api.post(f"/conversations/{thread.id}/assign", {"member_id": None}).json["assignee_id"] is None
    assert api.post(f"/conversations/{thread.id}/assign", {"auto": True}).status_code == 422
    assert api.post(f"/conversations/{thread.id}/close").json["state"] == "closed"
    assert api.post(f"/conversations/{thread.id}/reopen").json["state"] == "open"


@pytest.mark.parametrize(
    "body",
    [{"type": "text"}, {"type": "hologram"}, {"type": "reaction", "reaction": {"emoji": "👍"}}, {"text": {"body": ""}}],
)
def test_what_cannot_be_sent_is_said(api: ApiClient, thread: Conversation, body: dict[str, Any]) -> None:
    answer = api.post(f"/conversations/{thread.id}/messages", body)
    assert answer.status_code == 422
    assert answer.json["errors"]
