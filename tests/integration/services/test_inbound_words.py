"""What the search knows of messages that were edited or taken back, in whatever order that comes."""

import itertools
from typing import Any

import pytest

from tests.cast import Cast
from tests.deliveries import deliver, message
from tests.factories import make_channel
from wotnot.models import Channel
from wotnot.services import thread_search


@pytest.fixture
def channel(cast: Cast) -> Channel:
    return make_channel(cast.workspace, phone_number_id="800000000000001")


def found(cast: Cast, words: str) -> list[str]:
    return [hit.words for hit in thread_search.search_messages(cast.workspace.id, words).items]


def said(words: str, ago: float) -> dict[str, Any]:
    return message("text", words, id="wamid.said", ago=ago)


def edit(words: str, ago: float) -> dict[str, Any]:
    new = {"type": "text", "text": {"body": words}}
    return message("edit", {"original_message_id": "wamid.said", "message": new}, ago=ago)


def revoke(ago: float) -> dict[str, Any]:
    return message("revoke", {"original_message_id": "wamid.said"}, ago=ago)


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_the_newest_wording_is_found_and_no_older_one(
    cast: Cast, channel: Channel, order: tuple[int, ...], together: bool
) -> None:
    written = [said("A red tulip", 60), edit("A blue tulip", 40), edit("A yellow rose", 20)]
    arrived = [written[place] for place in order]
    for group in [arrived] if together else [[one] for one in arrived]:
        deliver(*group)
    assert found(cast, "yellow") == ["A yellow rose"]
    assert found(cast, "tulip") == []


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_nothing_is_found_of_what_was_taken_back(cast: Cast, channel: Channel, order: tuple[int, ...]) -> None:
    written = [said("My card is 4111", 60), edit("My card is 4222", 40), revoke(20)]
    for place in order:
        deliver(written[place])
    assert found(cast, "card") == []


def test_a_hit_leads_to_the_message_and_not_to_its_edit(cast: Cast, channel: Channel, session: Any) -> None:
    deliver(said("A red tulip", 60))
    (before,) = thread_search.search_messages(cast.workspace.id, "tulip").items
    deliver(edit("A blue tulip", 40))
    (after,) = thread_search.search_messages(cast.workspace.id, "tulip").items
    assert (after.message_id, after.words) == (before.message_id, "A blue tulip")


def test_a_caption_is_edited_and_the_rest_of_the_picture_stays(cast: Cast, channel: Channel) -> None:
    deliver(message("image", {"id": "1", "caption": "My fern"}, id="wamid.said", ago=60))
    new = {"type": "image", "image": {"caption": "My palm"}}
    deliver(message("edit", {"original_message_id": "wamid.said", "message": new}, ago=40))
    assert (found(cast, "palm"), found(cast, "fern")) == (["My palm"], [])


def test_nobody_changes_what_somebody_else_said(cast: Cast, channel: Channel) -> None:
    deliver(said("A red tulip", 60))
    deliver(edit("A blue tulip", 40) | {"from": "27825550199"}, revoke(20) | {"from": "27825550199"})
    assert found(cast, "red") == ["A red tulip"]
