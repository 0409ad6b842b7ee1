"""Make the files of a reference database: a checked copy of a file, its counts, its indexes and its checksums."""

import sys
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from shutil import copyfile, copyfileobj
from typing import BinaryIO

from greeter.toolkit.alphabets import ALPHABETS
from greeter.toolkit.checksums import sha256_of
from greeter.toolkit.database import ABOUT
from greeter.toolkit.database_field import DatabaseField
from greeter.toolkit.errors import ToolError
from greeter.toolkit.fasta import FastaCheck, Limits
from greeter.toolkit.file_rules import FileRules
from greeter.toolkit.sequence_files import measure_sequences
from greeter.toolkit.text import text_blocks
from greeter.toolkit.upload import Upload


def file_name(path: Path, kind: str) -> str:
    """Return the name of the main file of a database: "sequences.fa", or for other kinds that of the unpacked file.

    Raises ToolError if the description needs this name, or if it is hidden or cannot be printed.
    """
    if kind in ALPHABETS:
        return "sequences.fa"
    name = path.name.removesuffix(".gz").removesuffix(".bgz")
    if name in ("", ABOUT) or name.startswith(".") or not name.isprintable():
        raise ToolError(f"A file of a database cannot be called {name!r}. Give it another name, and add it again.")
    return name


def receive(stream: BinaryIO, path: Path) -> Path:
    """Write a download that arrives through a pipe to a file.

    Args:
        stream: What arrives.
        path: The new file.

    Returns:
        The path.

    Raises:
        ToolError: It is not a gzip file. Only a gzip file shows whether its end is missing.
        OSError: The disk is full.
    """
    with path.open("xb") as file:
        copyfileobj(stream, file)
    if not Upload(path).is_packed:
        problem = "Standard input must be a gzip file, because only gzip reveals an incomplete transfer."
        raise ToolError(f"{problem} Check the command before the |, or save the file, and give its path.")
    return path


def build(source: Path, folder: Path, kind: str, fields: Iterable[DatabaseField]) -> dict[str, object]:
    """Write the files of a database.

    Args:
        source: A file, which may be a gzip file. It is unpacked and checked as an upload is, in bounded memory except
            for the names of its sequences.
        folder: The empty folder for the files.
        kind: The kind of database.
        fields: The fields of all tools that take this kind, with their limits, checks and indexes.

    Returns:
        The attributes of `Database` that follow from the files.

    Raises:
        ToolError: The file is not suitable, and the message names the line; or an index would replace another file.
        OSError: The disk is full.
    """
    fields = list(fields)
    target = folder / file_name(source, kind)
    contents = partial(_sequences, kind, fields) if kind in ALPHABETS else None
    rules = FileRules((), sys.maxsize, lambda name: Upload(target, name), contents, partial(_check, fields))
    accepted = rules.accept(Upload(source, source.name))
    if accepted.path == source:  # it needed no change
        copyfile(source, target)
    files = _sums(folder)
    for index in dict.fromkeys(field.index for field in fields if field.index):
        index(target)
        files = _with_new(files, _sums(folder), getattr(index, "__qualname__", repr(index)))
    counts = measure_sequences(target)._asdict() if kind in ALPHABETS else {}
    return {**counts, "file": target.name, "files": files}


def _with_new(before: Mapping[str, str], after: dict[str, str], index: str) -> dict[str, str]:
    """Return the sums of all files after an index was made. Raises ToolError if it changed one that was there."""
    changed = [name for name in before if after.get(name) != before[name]]
    if changed or ABOUT in after:
        name = changed[0] if changed else ABOUT
        problem = f"The index function {index} has written {name!r}, which belongs to another index or the database."
        advice = "Correct its tool: other names for its files, or one function for all tools that need the same index."
        raise ToolError(f"{problem} {advice}")
    return after


def _check(fields: list[DatabaseField], path: Path) -> None:
    for field in fields:
        if field.check:
            field.check(path)


def _sequences(kind: str, fields: list[DatabaseField], source: BinaryIO) -> Iterator[bytes]:
    longest = min((field.longest for field in fields if field.longest), default=None)
    check = FastaCheck(Limits(sys.maxsize, sys.maxsize), kind, longest=longest, bare=False)
    return (text.encode() for text in check.check(text_blocks(source)))


def _sums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file in a folder by its name."""
    return {str(path.relative_to(folder)): sha256_of(path) for path in sorted(folder.rglob("*")) if path.is_file()}
