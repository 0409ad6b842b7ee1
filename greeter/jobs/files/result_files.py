"""The result files of a job, each with the sentence that its tool says about it."""

from dataclasses import dataclass
from pathlib import Path

from greeter.jobs.files.folders import JobFiles
from greeter.jobs.files.media_types import PDF, Kind, format_of, kind_of, media_type
from greeter.jobs.files.pictures import Picture, find_picture
from greeter.toolkit.outputs import read_sentences


@dataclass(frozen=True)
class ResultFile:
    """A result file."""

    path: Path
    about: str = ""  # a sentence about it; may be empty

    @property
    def name(self) -> str:
        """The name that the tool gave it."""
        return self.path.name

    @property
    def size(self) -> int:
        """Its size in bytes."""
        return self.path.stat().st_size

    @property
    def media_type(self) -> str:
        """Its media type, which no browser would run."""
        return media_type(self.name)

    @property
    def format(self) -> str:
        """What people call its format, such as `FASTA`."""
        return format_of(self.name)

    @property
    def kind(self) -> Kind:
        """How a page can show it."""
        return Kind.IMAGE if self.picture else kind_of(self.media_type)

    @property
    def picture(self) -> Picture | None:
        """The picture of the first page, if this is a PDF file that could be drawn."""
        return find_picture(self.path) if self.media_type == PDF else None


def result_files(files: JobFiles, job_id: str, attempt: int) -> list[ResultFile]:
    """Return the result files of an attempt, sorted by name, with what its tool says about them.

    Raises FileNotFoundError if the disk is not mounted. If only the folder of the job is lost, there are no files.
    """
    folder = files.attempt(job_id, attempt)  # raises NoAnswer if DATA_DIR hangs, where the next line would wait
    files.root.stat()
    outputs = files.outputs(job_id, attempt)
    sentences = read_sentences(folder) if outputs else {}  # its tool may have made the folder unreadable
    return [ResultFile(path, sentences.get(path.name, "")) for path in outputs]
