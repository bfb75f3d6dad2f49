"""Who is writing an answer: everybody who is, news only when it is news."""

import time

import pytest
from redis import Redis

from wotnot.services import events, presence

THREAD, ANN, BEN = 5, 1, 2


def test_two_who_write_in_turn_are_both_named_and_told_once(redis: "Redis[bytes]") -> None:
    heard = events.listen(1, [f"answering:{THREAD}"], heartbeat_seconds=0.3, rest_seconds=0)
    assert next(heard) == []
    for user in (ANN, BEN):
        presence.note_answering(1, THREAD, user)
        assert next(heard) == [f"answering:{THREAD}"]
    for user in (ANN, BEN, ANN):
        presence.note_answering(1, THREAD, user)
        assert presence.who_answers(THREAD) == {ANN, BEN}
    assert next(heard) == []
    heard.close()


def test_who_has_sent_it_writes_no_more_and_the_others_hear_of_it(redis: "Redis[bytes]") -> None:
    presence.note_answering(1, THREAD, ANN)
    presence.note_answering(1, THREAD, BEN)
    heard = events.listen(1, [f"answering:{THREAD}"], heartbeat_seconds=0.3, rest_seconds=0)
    assert next(heard) == []
    for _ in range(2):
        presence.forget_answering(1, THREAD, ANN)
    assert presence.who_answers(THREAD) == {BEN}
    assert [next(heard), next(heard)] == [[f"answering:{THREAD}"], []]
    heard.close()


def test_who_stopped_writing_is_forgotten_while_another_goes_on(
    redis: "Redis[bytes]", monkeypatch: pytest.MonkeyPatch
) -> None:
    presence.note_answering(1, THREAD, ANN)
    later = time.time() + presence.ANSWERING_SECONDS + 1
    monkeypatch.setattr(time, "time", lambda: later)
    presence.note_answering(1, THREAD, BEN)
    assert presence.who_answers(THREAD) == {BEN}
