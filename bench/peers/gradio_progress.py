"""Gradio with jobs that report their progress every second, two at a time, as its documentation sets it up.

    python -m bench.peers.gradio_progress

Gradio sends the messages of a job to the session that started it, and to no other. So a page that shows a job of
another session calls a function of its own, which reports what the job has reported. This costs less than a generator
that yields it. By default, Gradio sends all places in the queue only when a job starts, and calls 40 functions at once.
"""

import asyncio
import time

import gradio as gr

_steps: dict[str, int] = {}


def run(job: str, total: int, progress: gr.Progress = gr.Progress()) -> str:  # noqa: B008  as Gradio needs it
    """Take a step every second, and report it."""
    for step in range(total):
        _steps[job] = step
        progress((step, total), unit="steps")
        time.sleep(1)
    return "done"


async def watch(job: str, total: int, progress: gr.Progress = gr.Progress()) -> str:  # noqa: B008
    """Report the steps of a job every second."""
    while (step := _steps.get(job, 0)) + 1 < total:
        progress((step, total), unit="steps")
        await asyncio.sleep(1)
    return "done"


with gr.Blocks() as demo:
    inputs, output = [gr.Textbox(), gr.Number(precision=0)], gr.Textbox()
    gr.Button("Run").click(run, inputs, output, concurrency_limit=2)
    gr.Button("Watch").click(watch, inputs, output, concurrency_limit=None)

if __name__ == "__main__":
    demo.queue(status_update_rate=1)  # second
    demo.launch(max_threads=250, quiet=True)  # functions at once: one for each viewer, and more
