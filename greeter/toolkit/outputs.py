"""The result files of a job: where they are, what their names may be, and a sentence about each."""

import json
import re
from contextlib import suppress
from pathlib import Path

RESULT_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")
_SENTENCES = "about.jsonl"  # in the job's folder: a line [name, sentence] for each call of `describe`
_LONGEST_SENTENCE = 300  # characters
_MOST_BYTES = 1_000_000  # of all sentences


class Outputs:
    """The result files of a job, in the subfolder `outputs` of its own folder."""

    def __init__(self, job_folder: Path) -> None:
        self._job_folder = job_folder

    @property
    def folder(self) -> Path:
        """Their folder, which is created."""
        outputs = self._job_folder / "outputs"
        for folder in (self._job_folder, outputs):  # not its parents: if they are gone, the disk is not mounted
            folder.mkdir(exist_ok=True)
        return outputs

    def path(self, name: str) -> Path:
        """Return the path of the file with a name. Raises ValueError if the name is not valid."""
        if not RESULT_NAME.fullmatch(name.removeprefix("_")):
            rule = "Use up to 80 letters, digits and ._- and start with a letter, digit or underscore."
            raise ValueError(f"{name!r} is not a valid name for a result file. {rule}")
        return self.folder / name

    def describe(self, name: str, sentence: str) -> None:
        """Store a sentence about a file. Raises ValueError if the name is not valid."""
        line = json.dumps([self.path(name).name, sentence[:_LONGEST_SENTENCE]]) + "\n"
        with (self._job_folder / _SENTENCES).open("a", encoding="utf-8") as file:
            file.write(line)


def read_sentences(job_folder: Path) -> dict[str, str]:
    """Return the last sentence about each file, by name. A program may have written anything there."""
    path = job_folder / _SENTENCES
    if not path.is_file() or path.is_symlink():
        return {}
    sentences = {}
    with path.open("rb") as file:
        for line in file.read(_MOST_BYTES).splitlines():
            with suppress(ValueError, TypeError, RecursionError):
                name, sentence = json.loads(line)
                sentences[str(name)] = str(sentence)[:_LONGEST_SENTENCE]
    return sentences
