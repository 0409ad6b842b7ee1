"""Calls that may never return."""

import os
import threading
from itertools import count

import pytest

from greeter.jobs.files import probe
from greeter.jobs.files.probe import NoAnswer, NoThread, Probe
from tests.conftest import PATIENCE, wait_for


def test_a_fresh_answer_is_of_a_call_that_ends_after_the_request() -> None:
    """Without one under way, it starts later too."""
    numbers = Probe(count().__next__)
    assert [numbers.fresh() for _ in range(3)] == [0, 1, 2]
    assert numbers.last() == 2
    assert wait_for(lambda: (number := numbers.last()) > 3 and number)


def test_a_call_that_hangs_delays_nobody_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    """There is one thread for all who ask, and the first answer afterwards is a new one."""
    released = threading.Event()
    answers = count()

    def answer() -> int:
        released.wait()
        return next(answers)

    slow = Probe(answer)
    before = set(threading.enumerate())
    with monkeypatch.context() as impatient:
        impatient.setattr(probe, "_PATIENCE", 0.3)
        for ask in (slow.fresh, slow.last, slow.fresh):
            with pytest.raises(NoAnswer):
                ask()
        slow.refresh()
        assert slow.hangs
        assert len(set(threading.enumerate()) - before) == 1
        released.set()
        wait_for(lambda: not slow.hangs)
    assert slow.fresh() == 1


def test_an_exception_is_an_answer() -> None:
    """Everyone who asks gets it."""
    broken = Probe(lambda: 1 / 0)
    for ask in (broken.fresh, broken.last):
        with pytest.raises(ZeroDivisionError):
            ask()


def test_without_a_thread_there_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """For as long as the system refuses to start one; nobody waits for it."""
    numbers = Probe(count().__next__)
    with monkeypatch.context() as refused:
        refused.setattr(threading, "_start_new_thread", _refuse)
        numbers.refresh()
        for ask in (numbers.fresh, numbers.last):
            with pytest.raises(NoThread):
                ask()
    assert not numbers.hangs
    assert numbers.fresh() == 0


def _refuse(*_: object) -> None:
    raise RuntimeError("can't start new thread")


def test_a_call_under_way_does_not_count_in_a_forked_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads do not survive a fork."""
    released = threading.Event()
    slow = Probe(released.wait)
    monkeypatch.setattr(probe, "_PATIENCE", 0.3)
    with pytest.raises(NoAnswer):
        slow.fresh()
    forked = os.fork()
    if not forked:
        released.set()
        hangs = slow.hangs
        monkeypatch.setattr(probe, "_PATIENCE", PATIENCE)
        os._exit(0 if not hangs and slow.fresh() else 1)
    released.set()
    assert os.waitpid(forked, 0)[1] == 0
