"""End a worker's leftover processes and their descendants: those of a job, its programs or their guards.

As elsewhere, to kill is to send KILL at once, and to terminate is to send TERM, and KILL a moment later.
"""

import os
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from pathlib import Path

import psutil

from greeter.toolkit.process_guard import kill, terminate


def terminate_orphans(spared: Collection[int]) -> None:
    """Terminate the children of this process, with their descendants, except those whose ids are spared.

    It gives up after a second, because a process that waits for a disk cannot be killed. Call it again later.
    """
    if not (orphans := _orphans(spared)):  # the usual case
        return
    terminate(_with_descendants(orphans))
    end = time.monotonic() + 1
    while orphans := _orphans(spared):
        kill(_with_descendants(orphans)[::-1])
        for orphan in orphans:
            with suppress(ChildProcessError):
                os.waitpid(orphan.pid, os.WNOHANG)
        if time.monotonic() > end:
            break
        time.sleep(0.001)


def kill_trees(*pids: int) -> None:
    """Kill processes, then terminate their descendants.

    Those that they start in the meantime are adopted by the subreaper.
    """
    roots = _processes(pids)
    descendants = [process for process in _with_descendants(roots) if process not in roots]
    kill(roots)  # first, so that a tool does not report that its program was terminated
    terminate(descendants)


def _orphans(spared: Collection[int]) -> list[psutil.Process]:
    return _processes(set(_children()).difference(spared))


def _processes(pids: Iterable[int]) -> list[psutil.Process]:
    found = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            found.append(psutil.Process(pid))
    return found


def _children() -> list[int]:
    """Return the ids of the children of this process. psutil would read the files of all processes of the machine."""
    try:
        listed = [(thread / "children").read_text() for thread in Path("/proc/self/task").iterdir()]
        return [int(pid) for pid in " ".join(listed).split()]
    except OSError:  # this is not Linux, or a thread has ended
        return [child.pid for child in psutil.Process().children()]


def _with_descendants(roots: Iterable[psutil.Process]) -> list[psutil.Process]:
    found = []
    for root in roots:
        with suppress(psutil.NoSuchProcess):
            found += [root, *root.children(recursive=True)]
    return found
