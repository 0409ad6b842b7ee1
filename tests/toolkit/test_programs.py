"""The programs of a job, without a worker or Redis."""

import os
import re
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import psutil
import pytest

from greeter.toolkit import Job, ProgramError, SoftTimeLimitExceeded
from tests.conftest import refusing, wait_for

CORES = ["OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS"]


def programs() -> list[psutil.Process]:
    """Return the guards that this process has started, and their descendants."""
    children = [one for one in psutil.Process().children() if one.status() != psutil.STATUS_ZOMBIE]
    guards = [one for one in children if any("process_guard" in word for word in one.cmdline())]
    return [*guards, *(program for guard in guards for program in guard.children(recursive=True))]


@pytest.mark.parametrize(
    ("limits", "succeeds"), [({}, True), ({"memory": 50_000_000}, False), ({"file_size": 10}, False)]
)
def test_a_program_runs_in_a_clean_environment_within_its_limits(
    tmp_path: Path, limits: dict[str, Any], succeeds: bool
) -> None:
    """Its output is a result file, it does not inherit the worker's environment, and it fails beyond a limit."""
    job = Job(tmp_path)
    program = [
        sys.executable,
        "-c",
        "import os; x = bytearray(60_000_000); print(*sorted(os.environ), input if 0 else 1)",
    ]
    if not succeeds:
        with pytest.raises(MemoryError if "memory" in limits else ProgramError):
            job.run(program, stdout="output.txt", **limits)
        return
    job.run(program, stdout="output.txt")
    with job.open("output.txt", "r") as output:
        assert set(output.read().split()) - {"LC_CTYPE"} == {"HOME", "LC_ALL", "PATH", "TMPDIR", "1", *CORES}


@pytest.mark.parametrize(
    ("message", "error"),
    [
        ("Allocation error( 11710 int vec )", MemoryError),  # mafft
        ("Cannot allocate 1000 character vector.", MemoryError),  # mafft
        ("failed to allocate 12 bytes", MemoryError),
        ("/usr/bin/x: libx.so: failed to map segment from shared object", MemoryError),  # the dynamic linker
        ("location error in line 3", ProgramError),
    ],
)
def test_what_programs_say_about_memory_is_understood(tmp_path: Path, message: str, error: type[Exception]) -> None:
    """Each has its own words."""
    with pytest.raises(error):
        Job(tmp_path).run(["sh", "-c", 'echo "$0" >&2; exit 1', message])


@pytest.mark.parametrize(("asked", "given"), [(None, 200_000_000), (10**12, 200_000_000), (10**8, 10**8)])
def test_a_program_cannot_have_more_memory_than_its_job(tmp_path: Path, asked: int | None, given: int) -> None:
    """The memory of the job is the default, and a tool can only lower it."""
    job = Job(tmp_path, memory=200_000_000)
    job.run(["sh", "-c", "ulimit -v"], stdout="output.txt", memory=asked)
    assert int((tmp_path / "outputs/output.txt").read_text()) == given // 1024


def test_a_closed_job_starts_no_program(tmp_path: Path) -> None:
    """A thread of a tool cannot start one after the end of its job."""
    job = Job(tmp_path)
    job.close()
    with pytest.raises(RuntimeError, match="the job has ended"):
        job.run(["true"], stdout="output.txt")


def test_a_program_cannot_exceed_the_limits_of_its_worker(tmp_path: Path) -> None:
    """A lower limit of the worker applies even if the tool allows more."""
    code = (
        "import resource, sys; from pathlib import Path; from greeter.toolkit import Job;"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000));"
        "Job(Path(sys.argv[1])).run(['sh', '-c', 'ulimit -f'], stdout='output.txt')"
    )
    environ = os.environ | {"COVERAGE_PROCESS_CONFIG": ""}  # its data file would exceed the limit
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env=environ, check=True)
    assert (tmp_path / "outputs/output.txt").read_text() == "1\n"


def test_a_program_gets_the_number_of_cores_and_more_variables(tmp_path: Path) -> None:
    """Libraries such as OpenMP read it; a tool can set other variables, and these too."""
    job = Job(tmp_path, cores=3)
    job.run(["sh", "-c", "echo $OMP_NUM_THREADS $MKL_NUM_THREADS $DB"], "o", env={"DB": "/db", "MKL_NUM_THREADS": "1"})
    assert (tmp_path / "outputs/o").read_text() == "3 1 /db\n"


def test_a_text_is_no_command(tmp_path: Path) -> None:
    """There is no shell that would divide it into words."""
    message = "The words of a command cannot be the string 'echo hello'. Write a list: ['echo', 'hello']."
    with pytest.raises(TypeError, match=re.escape(message)):
        Job(tmp_path).run("echo hello")


@pytest.mark.parametrize("stream", ["stderr", "stdout"])
def test_a_tool_gets_each_line_as_it_comes(tmp_path: Path, stream: str) -> None:
    """The program waits until the tool has got its first line. A result file has the complete output."""
    lines: list[str] = []

    def on_line(line: str) -> None:
        lines.append(line)
        (tmp_path / "outputs/got").touch()

    program = f"exec 3>&{1 if stream == 'stdout' else 2}; echo 1 of 2 >&3; until [ -e got ]; do sleep 0.05; done; "
    program += "printf '\\r2 of 2\\rbad: \\377\\n\\nend' >&3"
    Job(tmp_path).run(["sh", "-c", program], stdout="result", on_line=on_line, lines=stream)  # type: ignore[arg-type]
    assert lines == ["1 of 2", "2 of 2", "bad: \ufffd", "end"]
    written = b"1 of 2\n\r2 of 2\rbad: \xff\n\nend"
    streams = {"stdout": tmp_path / "outputs/result", "stderr": tmp_path / "log"}
    assert {name: path.read_bytes() for name, path in streams.items()} == dict.fromkeys(streams, b"") | {
        stream: written
    }


def test_long_lines_are_shortened_and_output_may_go_nowhere(tmp_path: Path) -> None:
    """A line of many megabytes costs no memory, and without a name there is no result file."""
    lines: list[str] = []
    program = "head -c 20000000 /dev/zero | tr '\\0' x; echo; echo end"
    Job(tmp_path).run(["sh", "-c", program], on_line=lines.append, lines="stdout")
    assert lines == ["x" * 1000, "end"]
    assert not list((tmp_path / "outputs").iterdir())


def test_an_exception_while_a_line_is_read_ends_the_program(tmp_path: Path) -> None:
    """It goes on to the tool, and no process is left."""

    def on_line(line: str) -> None:
        raise LookupError(line)

    with pytest.raises(LookupError, match="go"):
        Job(tmp_path).run(["sh", "-c", "sleep 300 & echo go >&2; sleep 300"], on_line=on_line)
    assert programs() == []


def test_a_failed_program_raises_an_error_for_the_user(tmp_path: Path) -> None:
    """It has the status and the last lines, without folders of the server, and without replaced lines of a progress."""
    inputs = tmp_path / "my jobs/1/inputs/query"
    job = Job(tmp_path / "my jobs/1/attempts/1")
    job.folder.mkdir(parents=True)
    message = "cannot read $0, /usr/lib/x/y or https://a.org/b/c"
    program = f"seq 30 >&2; printf '1 %%\\r2 %%\\r' >&2; echo \"{message}\" >&2; exit 3"
    with pytest.raises(ProgramError) as raised:
        job.run(["sh", "-c", program, inputs], stdout="output.txt")
    error = raised.value
    numbers = [str(number) for number in range(12, 31)]
    assert error.output.splitlines() == [*numbers, "cannot read query, y or https://a.org/b/c"]
    assert job.last_lines == error.output
    assert (error.program, error.status) == ("sh", 3)
    assert str(error).startswith("The program sh failed with exit status 3. The end of its output is below. If")
    assert (job.folder / "log").read_text().startswith("1\n2\n")


def test_a_program_whose_status_is_lost_has_not_succeeded(tmp_path: Path) -> None:
    """A tool that ignores SIGCHLD, or a library that it uses, makes the kernel forget it."""
    before = signal.signal(signal.SIGCHLD, signal.SIG_IGN)
    try:
        with pytest.raises(ChildProcessError):
            Job(tmp_path).run(["true"])
    finally:
        signal.signal(signal.SIGCHLD, before)


def test_the_errors_of_a_program_can_be_kept_from_the_user(tmp_path: Path) -> None:
    """They are in the log file of the job, which only operators can read."""
    job = Job(tmp_path)
    with pytest.raises(ProgramError) as raised:
        job.run(["sh", "-c", "echo secret >&2; exit 1"], show_errors=False)
    assert (raised.value.output, job.last_lines) == ("", "")
    assert str(raised.value) == (
        "The program sh failed with exit status 1. "
        "Check your input; if it seems right, write to the operators of this site."
    )
    assert (tmp_path / "log").read_text() == "secret\n"


def test_what_the_user_sees_of_the_output_is_short(tmp_path: Path) -> None:
    """It is at most 2,000 characters, however long the lines are."""
    job = Job(tmp_path)
    job.log("x" * 5000)
    with pytest.raises(ProgramError) as raised:
        job.run(["sh", "-c", "head -c 9000 /dev/zero | tr '\\0' y >&2; exit 1"])
    assert raised.value.output == "y" * 1000
    assert len(job.last_lines) == 2000


def test_a_missing_program_is_named(tmp_path: Path) -> None:
    """The message names it."""
    with pytest.raises(FileNotFoundError, match="no program 'nothing-like-it'"):
        Job(tmp_path).run(["nothing-like-it"], stdout="output.txt")


def test_commands_are_kept_with_their_exit_status(tmp_path: Path) -> None:
    """They are quoted as for a shell, and have file names instead of the folders of the server."""
    job = Job(tmp_path / "my jobs/1/attempts/1")
    job.folder.mkdir(parents=True)
    job.run(["true", tmp_path / "my jobs/1/inputs/query", "--in=/x/y"])
    with suppress(ProgramError):
        job.run(["sh", "-c", "exit 3"])
    with suppress(ZeroDivisionError):
        job.run(["sh", "-c", "echo >&2; echo a >&2; sleep 300"], on_line=lambda line: 1 / 0)
    assert (job.folder / "commands").read_text().splitlines() == [
        "true query --in=y  # exit status 0",
        "sh -c 'exit 3'  # exit status 3",
        "sh -c 'echo >&2; echo a >&2; sleep 300'  # stopped",
    ]


def test_stopping_ends_the_programs_of_threads(tmp_path: Path) -> None:
    """Those that wait for a free thread do not start; the main thread can still run one, to save what there is."""
    job = Job(tmp_path)
    with ThreadPoolExecutor(2) as pool:
        runs = [pool.submit(job.run, ["sleep", "300"]) for _ in range(5)]
        try:
            wait_for(lambda: sum(one.name() == "sleep" for one in programs()) == 2)
        finally:
            job.stop_programs()
        assert [type(run.exception()) for run in runs] == [SoftTimeLimitExceeded] * 5
    assert programs() == []
    job.run(["true"])


def test_the_last_output_is_read_although_this_process_was_suspended(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program writes and ends after it was found to write nothing, and before it is found to have ended."""
    monkeypatch.setattr("greeter.toolkit.program._TIME_TO_END", 0.01)
    monkeypatch.setattr(subprocess.Popen, "poll", lambda process: process.wait())
    job = Job(tmp_path)
    job.run(["sh", "-c", "sleep 0.5; echo last >&2"])
    assert job.last_lines == "last"


@pytest.mark.slow
def test_a_process_that_keeps_the_output_open_does_not_block_the_job(tmp_path: Path) -> None:
    """It escapes only if the guard is killed; the worker kills it after the job."""
    job = Job(tmp_path)
    escaped: list[int] = []

    def on_line(line: str) -> None:
        escaped.append(int(line))
        programs()[0].kill()

    try:
        with pytest.raises(ProgramError, match="status 137"):
            job.run(["sh", "-c", "setsid sleep 300 & echo $! >&2; sleep 300"], on_line=on_line)
    finally:
        psutil.Process(escaped[0]).kill()


def test_the_log_has_no_control_characters(tmp_path: Path) -> None:
    """Codes for colours, titles and links, NUL and others are left out of what the user and the tool get."""
    job, lines = Job(tmp_path), list[str]()
    text = r"\033[1;31mred\033[0m\tend\0\a\n\033]0;title\007\033(Bplain\033]8;;x\033\\link\033\n\033[0m\n"
    with pytest.raises(ProgramError) as raised:
        job.run(["sh", "-c", f"printf '{text}' >&2; exit 1"], on_line=lines.append)
    job.log("\33[32mgreen\33[0m\0")
    assert lines == ["red\tend", "plainlink"]
    assert raised.value.output.splitlines() == lines
    assert job.last_lines.splitlines() == [*lines, "green"]


def test_anything_can_be_logged(tmp_path: Path) -> None:
    """Such as a number, or a file name that is not UTF-8."""
    job = Job(tmp_path)
    job.log(3)
    job.log("file \udcff")
    assert job.last_lines == "3\nfile ?"
    assert (tmp_path / "log").read_text() == "3\nfile ?\n"


def test_a_program_that_the_system_refuses_to_start_has_not_failed(tmp_path: Path) -> None:
    """The limit of processes is reached in the guard, which has no way to report it but its own end."""
    environ = refusing(tmp_path)
    job = Job(tmp_path / "a" / "b" / "job")
    job.folder.parent.mkdir(parents=True)
    Path(environ["REFUSES"]).touch()
    with pytest.raises(BlockingIOError):
        job.run(["touch", "started"], env=environ)
    Path(environ["REFUSES"]).unlink()
    job.run(["touch", "started"], env=environ)
