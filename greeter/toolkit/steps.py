"""How far a job is: its stage, and the steps of the loop that its page shows."""

import time
from collections.abc import Iterable, Iterator, Sized
from typing import NotRequired, TypedDict, TypeVar

Item = TypeVar("Item")
_LONGEST_NAME = 80  # characters of a unit or a stage; every poll of the job's page reads them


class Stage(TypedDict):
    """One of the stages of a job."""

    name: str
    number: int | None  # counted from 1; None: unknown
    total: int | None


class Progress(TypedDict):
    """The progress of a job, or of its current stage."""

    current: int  # the number of items that are done
    total: int | None  # None: unknown
    unit: str  # one item, in the singular
    stage: NotRequired[Stage]


class _Loop:
    """The progress of one loop."""

    __slots__ = ("done", "ended", "started", "total", "unit")

    def __init__(self, total: int | None, unit: str, ended: bool = False) -> None:
        # NumPy's integers, for example, are not JSON.
        self.total, self.unit = None if total is None else int(total), str(unit)[:_LONGEST_NAME]
        self.done, self.ended, self.started = 0, ended, time.monotonic()


class Steps:
    """Counts the steps of a job."""

    def __init__(self) -> None:
        self._shown: _Loop | None = None
        self._stage: Stage | None = None

    def track(self, iterable: Iterable[Item], total: int | None = None, unit: str = "step") -> Iterator[Item]:
        """Show the progress of a loop on the job's page. Wraps an iterable as `tqdm` does.

        An item counts as done when the loop requests the next one. In nested loops, only the outermost is shown.

        Args:
            iterable: The items to loop over.
            total: The number of items, if `iterable` has no length. Without it, the page shows only a count.
            unit: The name of one item in the singular, such as "query".

        Yields:
            The items of `iterable`.
        """
        # The loop only counts; a thread of the worker reads the count a few times a second. This costs less per step
        # than reading the clock here, and shows the last step of a loop that has become slow.
        if total is None and isinstance(iterable, Sized):
            total = len(iterable)
        loop = _Loop(total, unit)
        if not self._is_in_loop():
            self._shown = loop
        try:
            for item in iterable:
                yield item
                loop.done += 1
        finally:
            loop.ended = True

    def at(self, done: int, total: int | None = None, unit: str = "step") -> None:
        """Show how much is done where there is no loop to track, as in a function that gets the lines of a program.

        Inside a loop over `track`, this does nothing.

        Args:
            done: The number of items that are done.
            total: The number of all items. Without it, the page shows only a count.
            unit: The name of one item in the singular, such as "sequence".
        """
        if self._is_in_loop():
            return
        loop, shown = _Loop(total, unit, ended=True), self._shown
        if shown and (shown.total, shown.unit) == (loop.total, loop.unit) and shown.done <= done:
            loop.started = shown.started
        loop.done = int(done)
        self._shown = loop

    def stage(self, name: str, number: int | None = None, total: int | None = None) -> None:
        """Start a stage of the job. From now on, `track` and `at` show the progress of this stage.

        Args:
            name: The name of the stage, such as "Searching".
            number: Which one it is, counted from 1, if that is known.
            total: How many stages there are, if that is known.
        """
        numbers = [None if one is None else int(one) for one in (number, total)]
        self._stage = {"name": str(name)[:_LONGEST_NAME], "number": numbers[0], "total": numbers[1]}
        self._shown = None

    def _is_in_loop(self) -> bool:
        return self._shown is not None and not self._shown.ended

    @property
    def progress(self) -> Progress | None:
        """The progress of the outermost loop over `track`, or of `at`; None at the start."""
        shown, stage = self._shown, self._stage
        if shown:
            progress: Progress = {"current": shown.done, "total": shown.total, "unit": shown.unit}
        elif stage:
            progress = {"current": 0, "total": None, "unit": "step"}
        else:
            return None
        return {**progress, "stage": stage} if stage else progress

    @property
    def seconds(self) -> float:
        """The time in seconds since the steps that `progress` describes started."""
        return round(time.monotonic() - self._shown.started, 1) if self._shown else 0
