"""A request with an Idempotency-Key happens once, however often and however fast it comes."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import func, select

from tests.cast import Cast
from wotnot.errors import Conflict, Invalid
from wotnot.models import Contact, IdempotencyKey
from wotnot.services import contacts
from wotnot.services.idempotency import Answer, run_once


def once(cast: Cast, work, *, key="k", body="hash", operation="messages"):
    return run_once(cast.workspace.id, operation, key, body, work)


def test_the_second_time_gets_the_first_answer(cast: Cast):
    ran = []

    def work() -> Answer:
        ran.append(1)
        return Answer(202, {"id": len(ran)})

    assert once(cast, work) == once(cast, work) == Answer(202, {"id": 1})
    assert once(cast, work, operation="broadcasts").body == {"id": 2}
    assert once(cast, work, key="other").body == {"id": 3}


def test_another_body_is_a_conflict(cast: Cast):
    once(cast, lambda: Answer(202, {}))
    with pytest.raises(Conflict) as refused:
        once(cast, lambda: Answer(202, {}), body="other")
    assert refused.value.code == "idempotency_mismatch"


def test_what_failed_may_be_tried_again(cast: Cast):
    def fail() -> Answer:
        raise Invalid({"to": "No."})

    with pytest.raises(Invalid):
        once(cast, fail)
    assert once(cast, lambda: Answer(202, {"id": 1})).body == {"id": 1}


@pytest.mark.parametrize("key", ["", "x" * 256, "a\x00b"])
def test_a_key_that_cannot_be_kept_is_refused(cast: Cast, key):
    with pytest.raises(Invalid):
        once(cast, lambda: Answer(202, {}), key=key)


def test_keys_belong_to_a_workspace(cast: Cast):
    once(cast, lambda: Answer(202, {"id": 1}))
    answer = run_once(cast.other_workspace.id, "messages", "k", "hash", lambda: Answer(202, {"id": 2}))
    assert answer.body == {"id": 2}


def test_the_work_and_its_answer_are_one_commit(cast: Cast, session):
    """A process that dies after the work and before the answer is kept must not leave the work behind without its key."""

    def die_after_the_work() -> Answer:
        contacts.create_contact(cast.workspace.id, phone="+27825550142")
        raise SystemExit

    with pytest.raises(SystemExit):
        once(cast, die_after_the_work)
    assert session.scalar(select(func.count()).select_from(Contact)) == 0
    assert session.scalar(select(func.count()).select_from(IdempotencyKey)) == 0


def test_of_many_at_once_one_works(committed_cast: Cast, app):
    workspace_id, ran, start = committed_cast.workspace.id, [], threading.Barrier(8)

    def work() -> Answer:
        ran.append(1)
        return Answer(202, {"id": 1})

    def request() -> Answer:
        with app.app_context():
            start.wait()
            return run_once(workspace_id, "messages", "same", "hash", work)

    with ThreadPoolExecutor(8) as pool:
        outcomes = list(pool.map(lambda _: request(), range(8)))
    assert len(ran) == 1
    assert outcomes == [Answer(202, {"id": 1})] * 8
