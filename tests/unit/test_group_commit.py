"""What arrives while a write is under way is written together, and everybody learns what became of their own."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.servers import wait_until
from wotnot.services.group_commit import GroupCommit


class Store:
    """Takes groups; the first write waits until `go` is set, the group numbered `fails` is refused."""

    def __init__(self, fails: int | None = None) -> None:
        self.groups: list[list[int]] = []
        self.go = threading.Event()
        self.fails = fails

    def write(self, items: list[int]) -> None:
        self.groups.append(items)
        if len(self.groups) == 1:
            assert self.go.wait(10)
        if len(self.groups) - 1 == self.fails:
            raise OSError("the disk is full")


def add_while_the_first_waits(group: GroupCommit[int], store: Store) -> list[bool | OSError]:
    """Item 0 is being written when 1 to 9 arrive; what each `add` answered or raised."""

    def add(item: int) -> bool | OSError:
        try:
            return group.add(item)
        except OSError as error:
            return error

    with ThreadPoolExecutor(10) as pool:
        first = pool.submit(add, 0)
        wait_until(lambda: store.groups, what="the first write")
        rest = [pool.submit(add, item) for item in range(1, 10)]
        wait_until(lambda: len(group._waiting) == 9, what="nine waiting")
        assert not any(future.done() for future in [first, *rest])
        store.go.set()
        return [future.result(10) for future in [first, *rest]]


def test_those_who_wait_are_written_by_one_of_them() -> None:
    store = Store()
    answers = add_while_the_first_waits(GroupCommit(store.write), store)
    assert store.groups[0] == [0]
    assert sorted(store.groups[1]) == list(range(1, 10))
    assert len(store.groups) == 2
    assert answers[0] is True
    assert answers[1:].count(True) == 1
    assert answers[1:].count(False) == 8


def test_a_refused_group_is_refused_to_each_of_it_and_to_nobody_else() -> None:
    store = Store(fails=1)
    group = GroupCommit(store.write)
    answers = add_while_the_first_waits(group, store)
    assert answers[0] is True
    assert all(isinstance(answer, OSError) for answer in answers[1:])
    assert group.add(10)
    assert store.groups[-1] == [10]


def test_many_threads_lose_nothing_and_double_nothing() -> None:
    written: list[int] = []
    group = GroupCommit(written.extend)
    with ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(group.add, range(5000)))
    assert sorted(written) == list(range(5000))
    assert any(answers)


def test_alone_it_raises_what_the_write_raised() -> None:
    store = Store(fails=0)
    store.go.set()
    with pytest.raises(OSError, match="disk is full"):
        GroupCommit(store.write).add(1)
