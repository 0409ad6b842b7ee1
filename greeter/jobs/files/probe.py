"""Calls that may never return, such as those that use a network disk: their callers wait for a limited time."""

import time
from collections.abc import Callable
from concurrent.futures import Future
from errno import EAGAIN
from threading import Lock, Thread
from typing import Generic, TypeVar

Answer = TypeVar("Answer")

_PATIENCE = 5  # seconds that a call may take, and for which its answer is used
_INTERVAL = 2  # seconds between two calls of refresh()


class NoAnswer(OSError):
    """The function has not returned in time."""


class NoThread(NoAnswer):
    """The system refuses to start a thread for the call."""


class Probe(Generic[Answer]):
    """Calls a function in a thread, one call at a time. Threads that ask during a call share its answer.

    The methods raise what the function raises.
    """

    def __init__(self, function: Callable[[], Answer]) -> None:
        self._function = function
        self._lock = Lock()
        self._call: _Call[Answer] | None = None
        self._previous: _Call[Answer] | None = None

    def fresh(self) -> Answer:
        """Wait for the call in progress, or start one, and return its answer.

        Raises NoAnswer if the call takes more than 5 seconds.
        """
        call = self._start()
        try:
            return call.answer.result(max(0.0, _PATIENCE - call.age))
        except TimeoutError:
            raise NoAnswer from None

    def last(self) -> Answer:
        """Return the answer of the last call without waiting, and start the next one.

        Waits, as fresh() does, if the last call started more than 5 seconds ago, or if there was none.
        """
        self._start()
        previous = self._previous
        return previous.answer.result() if previous and previous.age < _PATIENCE else self.fresh()

    def refresh(self) -> None:
        """Start a call, without waiting, if the last one started more than 2 seconds ago."""
        if self._call is None or self._call.age > _INTERVAL:
            self._start()

    @property
    def hangs(self) -> bool:
        """Whether the current call has taken more than 5 seconds."""
        return self._call is not None and self._call.is_under_way and self._call.age > _PATIENCE

    def _start(self) -> "_Call[Answer]":
        with self._lock:
            if self._call is None or not self._call.is_under_way:
                # A call that did not survive a fork has no answer.
                self._previous = self._call if self._call and self._call.answer.done() else None
                self._call = _Call(self._function)
            return self._call


class _Call(Generic[Answer]):
    """One call of a function, in a thread of its own."""

    def __init__(self, function: Callable[[], Answer]) -> None:
        self.answer: Future[Answer] = Future()
        self._function = function
        self._began = time.monotonic()
        self._thread = Thread(target=self._run, name="probe", daemon=True)
        try:
            self._thread.start()
        except RuntimeError as error:  # the limit of processes, or of memory, is reached
            self.answer.set_exception(NoThread(EAGAIN, str(error)))

    @property
    def age(self) -> float:
        """The seconds since the start."""
        return time.monotonic() - self._began

    @property
    def is_under_way(self) -> bool:
        """Whether there will be an answer: after a fork, the child does not have the thread."""
        return self._thread.is_alive() and not self.answer.done()

    def _run(self) -> None:
        try:
            self.answer.set_result(self._function())
        except Exception as error:
            self.answer.set_exception(error)
