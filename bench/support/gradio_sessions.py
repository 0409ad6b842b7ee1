"""A server of Gradio, and sessions that receive its messages as its page does."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial

from tests.conftest import ROOT, free_port, listens, wait_for

RUN, WATCH = 0, 1
"""The numbers of the functions in bench/peers/gradio_progress.py."""

_NEWS = {"estimation", "progress"}
_TOTAL = 9000


@contextmanager
def gradio_server() -> Iterator[int]:
    """Serve bench/peers/gradio_progress.py with the server that Gradio starts, and yield the port."""
    port = free_port()
    environ = os.environ | {"GRADIO_SERVER_PORT": str(port), "GRADIO_ANALYTICS_ENABLED": "False"}
    command = [sys.executable, "-m", "bench.peers.gradio_progress"]
    with tempfile.TemporaryDirectory() as folder:
        process = subprocess.Popen(command, cwd=ROOT, env=environ | {"TMPDIR": folder})
        try:
            wait_for(partial(listens, port))
            yield port
        finally:
            process.terminate()
            process.wait()


async def messages(port: int, function: int, job: str, until: float) -> int:
    """Call a function in a new session, and receive the messages of the session.

    Args:
        port: The port of the server.
        function: RUN or WATCH.
        job: The name of the job.
        until: When to leave, on the monotonic clock, in seconds.

    Returns:
        How many messages had a place in the queue or the progress.
    """
    session, news = uuid.uuid4().hex, 0
    body = json.dumps({"data": [job, _TOTAL], "fn_index": function, "session_hash": session})
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    with suppress(TimeoutError):
        async with asyncio.timeout(until - time.monotonic()):
            head = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
            fields = await _request(reader, writer, "POST /gradio_api/queue/join", head, body)
            await reader.readexactly(int(fields["content-length"]))
            await _request(reader, writer, f"GET /gradio_api/queue/data?session_hash={session}")
            async for line in reader:  # other lines are those of HTTP's chunks
                news += line.startswith(b"data: ") and json.loads(line[6:])["msg"] in _NEWS
    writer.close()
    return news


async def _request(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: str, head: str = "", body: str = ""
) -> dict[str, str]:
    """Send a request, and return the headers of the response, which must be 200."""
    accept = "Accept: text/event-stream\r\nAccept-Encoding: gzip, deflate, br, zstd\r\n"
    writer.write(f"{line} HTTP/1.1\r\nHost: localhost\r\n{accept}{head}\r\n{body}".encode())
    status, *fields = (await reader.readuntil(b"\r\n\r\n")).decode().lower().splitlines()
    if " 200 " not in status:
        raise RuntimeError(f"Gradio answers {status} to {line}")
    return dict(field.split(": ", 1) for field in fields if field)
