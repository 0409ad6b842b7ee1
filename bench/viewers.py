"""Benchmark of the CPU time of the whole stack while 200 people watch their jobs.

    python -m bench.viewers

Each viewer polls every second as the page does: with the tag that it has, over a connection of its own. For comparison,
as many clients request routes of a bare Flask from the same worker of gunicorn, while the stack is idle. And as many
sessions of Gradio receive a message every second: the first two start jobs, and the others watch these or wait.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from importlib.util import find_spec

import psutil

from bench.support.gradio_sessions import RUN, WATCH, gradio_server, messages
from bench.support.servers import server
from bench.support.stack import ALL, stack
from bench.support.table import Line, print_table
from tests.conftest import wait_for

VIEWERS, WARM_UP, SECONDS = 200, 4, 15
HOUR = 3600


async def _poll(port: int, path: str, until: float) -> int:
    """Request a path every second, as a page does, and return how many answers had a change."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    tag, changes, due = "", 0, time.monotonic()
    while due < until:
        request = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nHX-Request: true\r\nHX-PTag: {tag}\r\n"
        writer.write(f"{request}Accept: text/html\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n\r\n".encode())
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        fields = dict(line.split(": ", 1) for line in head.lower().splitlines()[1:] if line)
        await reader.readexactly(int(fields.get("content-length", 0)))
        if " 200 " in head.partition("\r\n")[0]:
            tag, changes = fields.get("hx-ptag", ""), changes + 1
        due += 1  # also after a late answer: in a page, setInterval keeps the time
        await asyncio.sleep(max(0, due - time.monotonic()))
    writer.close()
    return changes


def _cpu_seconds() -> float:
    """Return the CPU time of all servers, which are the children of this process."""
    times = [process.cpu_times() for process in psutil.Process().children(recursive=True)]
    return sum(one.user + one.system for one in times)


async def _share_of_a_core(watch: Callable[[int, float], Awaitable[int]]) -> tuple[float, float]:
    """Let viewers watch, each of whom comes a little after the one before.

    Args:
        watch: What the viewer with a number does until a time; it returns how many changes that viewer saw.

    Returns:
        The CPU time in percent of a core, and the changes for each viewer and second.
    """
    end = time.monotonic() + WARM_UP + SECONDS

    async def come(number: int) -> int:
        await asyncio.sleep(number / VIEWERS)
        return await watch(number, end)

    viewers = asyncio.gather(*map(come, range(VIEWERS)))
    await asyncio.sleep(WARM_UP)
    before, began = _cpu_seconds(), time.monotonic()
    await asyncio.sleep(SECONDS - 1)
    used, seconds = _cpu_seconds() - before, time.monotonic() - began
    changes = sum(await viewers)
    return 100 * used / seconds, changes / VIEWERS / (WARM_UP + SECONDS)


def _of_polls(port: int, paths: Sequence[str]) -> tuple[float, float]:
    """Return the share of a core, and that of the polls that found a change."""
    return asyncio.run(_share_of_a_core(lambda number, end: _poll(port, paths[number % len(paths)], end)))


def _of_gradio() -> list[tuple[float, float]]:
    """Return the shares of a core, and the messages a second, while others watch the two jobs and while they wait."""
    if not find_spec("gradio"):
        print("Gradio is not installed: run make bench, or install bench/requirements.txt.")
        return []
    found = []
    for others in (WATCH, RUN):
        with gradio_server() as port:
            found.append(asyncio.run(_share_of_a_core(partial(_session, port, others))))
    return found


async def _session(port: int, others: int, number: int, end: float) -> int:
    """Start a job of Gradio or, if both run, call another function; return how many messages there were."""
    return await messages(port, RUN if number < 2 else others, f"job {number % 2}", end)


def lines() -> list[Line]:
    """Return the lines of the table."""
    with stack(*ALL, max_waiting=10_000) as installation:
        running = [installation.submit("expensive_greet", person="Ada", total=9000) for _ in range(2)]
        wait_for(lambda: all(installation.store.find(job).phase == "running" for job in running))
        waiting = [installation.submit("expensive_greet", person="Ada", total=9) for _ in range(VIEWERS)]
        for job_id in waiting:  # from then on, the page counts minutes
            installation.redis.hincrbyfloat(f"job:{job_id}", "submitted", -HOUR)

        polls = [[f"/jobs/{job_id}/progress" for job_id in jobs] for jobs in (running, waiting)]
        port = installation.settings.web_port
        (changed, share), (unchanged, rest) = [_of_polls(port, paths) for paths in polls]
        installation.redis.set("bench", b"x" * 300)
        with server(installation, "bench.peers.bare:app") as port:
            (hello, _), (get, _) = [_of_polls(port, [path]) for path in ("/hello", "/get")]
    of_gradio = _of_gradio()
    core, cores = "{:.0f} % of a core".format, f"{psutil.cpu_count()} cores"
    of_running, of_waiting = (f"CPU, {VIEWERS} viewers of {jobs} jobs" for jobs in ("2 running", "as many waiting"))
    found = [
        Line(of_running, core(changed), f"{share:.0%} changed; {cores}", None, "<= 20 %"),
        Line(of_waiting, core(unchanged), f"{rest:.0%} changed; {cores}", None, "<= 12 %"),
        Line(of_waiting, core(unchanged), f"bare Flask hello, {core(hello)}", unchanged / hello),
        Line(of_waiting, core(unchanged), f"bare Flask with one Redis GET, {core(get)}", unchanged / get),
    ]
    ours = ((of_running, changed, "a function for each viewer"), (of_waiting, unchanged, "sessions in its queue"))
    for (figure, value, kind), (gradio, news) in zip(ours, of_gradio, strict=False):  # none if it is not installed
        beside = f"Gradio, {kind}, {core(gradio)}; {news:.1f} messages a second"
        found.append(Line(figure, core(value), beside, value / gradio))
    return found


def main() -> None:
    """Print the CPU time."""
    print_table(lines())


if __name__ == "__main__":
    main()
