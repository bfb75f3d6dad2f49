"""The files that Meta's reviewers see as samples: chosen from the library, checked at once, uploaded at the last moment."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from wotnot.errors import Invalid, NotFound
from wotnot.models import Channel, MediaFile
from wotnot.services import media
from wotnot.services.whatsapp.components import (
    Component,
    cards_of,
    find,
    text_of,
    with_card_samples,
    with_header_sample,
)

_SOME_SAMPLE = "sample"  # stands for the handle while the rest is checked


@dataclass(frozen=True, slots=True)
class SampleFiles:
    """The file of the header, if any, and those of the cards by their place."""

    header: MediaFile | None = None
    cards: Mapping[int, MediaFile] = field(default_factory=dict)

    def stand_in(self, components: Sequence[Component]) -> list[dict[str, Any]]:
        """The components as if the files were uploaded, to check the rest of them."""
        return _with(components, _SOME_SAMPLE if self.header else None, dict.fromkeys(self.cards, _SOME_SAMPLE))

    def upload(self, channel: Channel, components: Sequence[Component]) -> list[dict[str, Any]]:
        """Upload them in the name of the channel and answer the components with the handles; outside a transaction.

        Raises Invalid (by the file's field), NotFound, Unavailable.
        """
        header = media.header_handle_for(channel, self.header) if self.header else None
        # A handle is used once, so a file that stands on two cards is uploaded twice.
        cards = {
            index: media.header_handle_for(channel, file, field=f"card-{index}") for index, file in self.cards.items()
        }
        return _with(components, header, cards)


def find_sample_files(
    workspace_id: int, components: Sequence[Component], header_file_id: int | None, card_file_ids: Sequence[int | None]
) -> SampleFiles:
    """The files that stand for samples of these components; `card_file_ids` go by the cards' places.

    Raises Invalid for a file that is not in the library (any more) or is of another kind than its header.
    """
    header = None
    if header_file_id is not None:
        header = _file(workspace_id, find(components, "HEADER"), header_file_id, "header_file_id")
    cards = cards_of(components)
    if len(card_file_ids) > len(cards):
        raise Invalid({"card_file_ids": f"There are {len(card_file_ids)} files for {len(cards)} cards."})
    chosen = {
        index: _file(workspace_id, find(cards[index], "HEADER"), file_id, f"card-{index}")
        for index, file_id in enumerate(card_file_ids)
        if file_id is not None
    }
    return SampleFiles(header, chosen)


def _file(workspace_id: int, header: Component, file_id: int, field_name: str) -> MediaFile:
    shape = text_of(header, "format").upper()
    try:
        file = media.get_file(workspace_id, file_id)
    except NotFound:
        raise Invalid({field_name: "This file is not in the library any more. Choose another one."}) from None
    if shape != file.kind.upper():
        raise Invalid({field_name: f"“{file.filename}” does not fit this header. Choose a file of its kind."})
    return file


def _with(components: Sequence[Component], header: str | None, cards: Mapping[int, str]) -> list[dict[str, Any]]:
    sampled = with_header_sample(components, header) if header else [dict(part) for part in components]
    return with_card_samples(sampled, cards) if cards else sampled
