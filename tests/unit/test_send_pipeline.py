"""The pace inside one sender: late parcels keep their distance, a short delay is made up for, a long one is lost."""

import time
from typing import Any

import pytest

from wotnot.services.outbox import Claim
from wotnot.services.send_pipeline import BURST_SECONDS, CATCH_UP, Lane, Parcel, SendPipeline
from wotnot.services.whatsapp.dispatch import Answer, Result

INTERVAL = 0.05


def claim(number: int) -> Claim:
    return Claim(number, 1, 1, 1, number, "27825550101", None, "template", None, 0)


def parcel(lane: Lane, slot: float, number: int = 1, *, stopped: bool = False) -> Parcel:
    return Parcel(claim(number), lane, b"{}", slot, lambda: stopped)


@pytest.fixture
def lane() -> Lane:
    return Lane(1, "800000000000001", "token", interval=INTERVAL)


def test_on_time_a_parcel_goes_at_its_slot(lane: Lane) -> None:
    lane.waiting.append(parcel(lane, 100.0))
    assert lane.next_moment() == 100.0


def test_a_late_lane_closes_up_by_a_few_per_cent_only(lane: Lane) -> None:
    lane.note_release(200.0)
    lane.waiting.append(parcel(lane, 100.0))
    assert lane.next_moment() == pytest.approx(200.0 - BURST_SECONDS + CATCH_UP * INTERVAL)


def test_waking_a_moment_late_costs_nothing(lane: Lane) -> None:
    lane.note_release(100.0)
    first = lane.paced_to
    lane.note_release(first + CATCH_UP * INTERVAL + BURST_SECONDS / 2)
    assert lane.paced_to == pytest.approx(first + CATCH_UP * INTERVAL)


def test_a_long_pause_is_not_made_up_for(lane: Lane) -> None:
    lane.note_release(100.0)
    lane.note_release(500.0)
    assert lane.paced_to == pytest.approx(500.0 - BURST_SECONDS)


class Recording:
    """Stands where the network would be: notes what is posted and accepts it."""

    def __init__(self) -> None:
        self.posted: list[bytes] = []

    def post(self, phone_number_id: str, token: str, body: bytes, on_leaving: Any) -> Answer:
        del phone_number_id, token
        on_leaving()
        self.posted.append(body)
        return Answer(Result.ACCEPTED, wamid="wamid.1")


def run(parcels: list[Parcel], lane: Lane) -> tuple[Recording, list[int], list[Any]]:
    network, marked = Recording(), []
    pipeline = SendPipeline(network, marked.append, threads=2)  # type: ignore[arg-type]
    pipeline.put(lane, parcels)
    returned = [pipeline.results.get(timeout=5) for _ in parcels]
    pipeline.close()
    return network, marked, returned


def test_every_parcel_comes_back_and_is_marked_before_it_leaves(lane: Lane) -> None:
    network, marked, returned = run([parcel(lane, 0.0, n) for n in (1, 2, 3)], Lane(1, "1", "t"))
    # Slots this far in the past are stale: their claims may look abandoned to others by now.
    assert network.posted == []
    assert marked == []
    assert [item.answer for item in returned] == [None] * 3


def test_a_stopped_broadcast_takes_its_parcels_back(lane: Lane) -> None:
    soon = time.monotonic()
    parcels = [parcel(lane, soon, 1, stopped=True), parcel(lane, soon, 2)]
    network, marked, returned = run(parcels, Lane(1, "1", "t"))
    assert len(network.posted) == 1
    assert marked == [2]
    assert sorted((item.parcel.claim.id, item.answer is None) for item in returned) == [(1, True), (2, False)]


def test_closing_returns_what_has_not_left(lane: Lane) -> None:
    pipeline = SendPipeline(Recording(), lambda _: None, threads=2)  # type: ignore[arg-type]
    pipeline.put(lane, [parcel(lane, time.monotonic() + 60, n) for n in (1, 2)])
    pipeline.close()
    assert [pipeline.results.get(timeout=5).answer for _ in range(2)] == [None, None]
