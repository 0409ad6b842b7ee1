"""The programs that are installed, and their versions."""

import os
from pathlib import Path

import pytest

from greeter.toolkit import installed
from tests.conftest import PATIENCE


@pytest.fixture
def program(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A program on PATH, which the test has to write, and which has a minute to answer."""
    monkeypatch.setattr(installed, "_TIMEOUT", PATIENCE)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    path = tmp_path / "aligner"
    path.touch(0o755)
    return path


def test_missing_programs_are_named() -> None:
    """Those that are installed are left out."""
    assert installed.missing_programs(["sh", "no-such-program", "nor-this"]) == ["no-such-program", "nor-this"]


@pytest.mark.parametrize(
    ("script", "version"),
    [
        ("echo; echo aligner 1.2.3; echo more", "1.2.3"),
        ("echo aligner: 2.12.0+", "2.12.0+"),
        ("echo v7.505 >&2; exit 1", "v7.505"),
        ("echo $1 $2", "-v two words"),
        ("yes 1 | head -c 1000000", "1"),
        ("head -c 200 /dev/zero | tr '\\0' 1", "1" * 80),
        ("true", "unknown"),
    ],
)
def test_a_version_is_the_first_line_that_a_program_prints(program: Path, script: str, version: str) -> None:
    """It is without the name of the program, and short."""
    program.write_text(f"#!/bin/sh\n{script}")
    assert installed.program_version("aligner", "-v 'two words'") == version


def test_a_program_that_was_replaced_is_asked_again(program: Path) -> None:
    """Otherwise it is asked only once."""
    program.write_text(f"#!/bin/sh\necho asked >> {program}.log; echo 1")
    assert [installed.program_version("aligner", "") for _ in range(3)] == ["1"] * 3
    assert Path(f"{program}.log").read_text() == "asked\n"
    program.write_text("#!/bin/sh\necho 2")
    os.utime(program, (1, 1))
    assert installed.program_version("aligner", "") == "2"
    program.unlink()
    assert installed.program_version("aligner", "") == "unknown"


def test_a_program_that_cannot_be_executed_has_no_version(program: Path) -> None:
    """It has the wrong format, or its interpreter is missing."""
    for content in (b"\x7fELF\0", b"#!/no/such/interpreter\n"):
        program.write_bytes(content)
        os.utime(program, (len(content), len(content)))
        assert installed.program_version("aligner", "") == "unknown"


def test_a_program_that_does_not_answer_has_no_version(program: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is killed with its processes, even if these keep its output open."""
    monkeypatch.setattr(installed, "_TIMEOUT", 0.5)
    program.write_text("#!/bin/sh\nsleep 301 & sleep 301")
    assert installed.program_version("aligner", "") == "unknown"


def test_the_release_of_data_is_the_first_line_of_its_file(tmp_path: Path) -> None:
    """It is read for each job, because the data may be updated."""
    file = tmp_path / "reldate.txt"
    assert installed.data_release(file) == "unknown"
    file.write_text("Swiss-Prot 2026_04 of 14-Oct-2026\nmore\n")
    assert installed.data_release(file) == "Swiss-Prot 2026_04 of 14-Oct-2026"
    file.write_text("x" * 200)
    assert installed.data_release(file) == "x" * 80
    file.write_text("")
    assert installed.data_release(file) == "unknown"
