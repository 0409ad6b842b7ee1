"""Tools that use reference databases."""

import subprocess
import time
from pathlib import Path
from typing import Any

from wtforms import FloatField, Form

from greeter.toolkit import Database, DatabaseField, Job, ToolError, tool


def write_index(path: Path) -> None:
    """Write the names of the sequences into a second file, as makeblastdb would."""
    names = [line.split()[0] for line in path.read_text().splitlines() if line.startswith(">")]
    path.with_suffix(".names").write_text("\n".join(names))


def index_words(path: Path) -> None:
    """Write an index in a folder, or do what the first word says: "wait", "fail", or the name of a JSON file."""
    name = path.read_text().split()[0]
    if name == "wait":
        time.sleep(3600)
    if name == "fail":
        subprocess.run(["false"], check=True)
    index = path.parent / (name if name.endswith(".json") else "index/words")
    index.parent.mkdir(exist_ok=True)
    index.write_text(name)


def check_words(path: Path) -> None:
    """Refuse a file with digits."""
    if any(character.isdigit() for character in path.read_text()):
        raise ToolError("There is a digit. Remove it.")


class CountForm(Form):
    """A database of proteins, or none."""

    database = DatabaseField("Proteins", kind="protein", none="None", longest=1000, index=write_index)
    seconds = FloatField("Seconds", default=0.0)


@tool("Counts a database", form=CountForm)
def count_database(job: Job, database: Database | None, seconds: float) -> dict[str, Any]:
    """Return what the tool got, after some time."""
    if database is None:
        return {"name": None}
    for _ in job.track(range(int(seconds * 20)), unit="step"):
        time.sleep(0.05)
    records = database.path.read_text().count(">")
    with job.open("records.txt") as file:
        file.write(f"{records}\n")
    names = database.path.with_suffix(".names")
    return {
        "name": database.name,
        "longest": database.longest,
        "records": records,
        "index": names.read_text().split() if names.exists() else None,
    }


class WordsForm(Form):
    """A database of a kind of its own, which is needed."""

    words = DatabaseField("Words", kind="words", check=check_words, index=index_words)


@tool("Reads words", form=WordsForm)
def read_words(job: Job, words: Database) -> dict[str, Any]:
    """Return the words."""
    return {"words": words.path.read_text().split()}
