"""Sample results: finished jobs that are kept forever, each in a folder with its record and files."""

import json
import shutil
from dataclasses import asdict, replace
from pathlib import Path
from typing import NamedTuple

from kombu.utils.json import dumps, loads

from greeter.jobs.errors import JobNotFound
from greeter.jobs.files.folders import JobFiles
from greeter.jobs.record import Record
from greeter.jobs.records.reader import Provenance
from greeter.jobs.records.store import Store
from greeter.toolkit.database import Database
from greeter.toolkit.json_types import JSONObject
from greeter.toolkit.tool import Params

_RECORD = "record.json"
PREFIX = "sample-"


class _Kept(NamedTuple):
    """What the file of a sample has."""

    snapshot: JSONObject
    provenance: Provenance


class Samples:
    """The sample of each tool, a JobReader. The id of a sample is `sample-` and the name of its tool."""

    def __init__(self, root: Path) -> None:
        self.files = JobFiles(root)

    def id_for_tool(self, tool: str) -> str | None:
        """Return the id of a tool's sample, or None if it has none."""
        sample_id = PREFIX + tool
        return sample_id if self.files.folder(sample_id).exists() else None

    def keep(self, store: Store, job_id: str) -> str:
        """Make a finished job the sample of its tool, and return the id of the sample. Raises JobNotFound.

        The sample has no label and no names of files, because the user of the job chose these.
        """
        record = store.find(job_id)
        sample_id = PREFIX + record.tool
        self.files.remove(sample_id)
        shutil.copytree(store.files.folder(job_id), self.files.folder(sample_id), symlinks=True)
        kept = {
            "snapshot": json.loads(record.snapshot) | {"label": ""},
            "provenance": asdict(replace(store.provenance(job_id), filenames={})),
        }
        (self.files.folder(sample_id) / _RECORD).write_text(dumps(kept, indent=1) + "\n")
        return sample_id

    def find(self, job_id: str) -> Record:
        """Read a sample. Raises JobNotFound."""
        return Record(job_id, json.dumps(self._read(job_id).snapshot).encode(), None)

    def provenance(self, job_id: str) -> Provenance:
        """Read how a sample was made. Raises JobNotFound."""
        return self._read(job_id).provenance

    def params(self, job_id: str, provenance: Provenance | None = None) -> Params:
        """Read the parameters of a sample, or take them from its provenance. Raises JobNotFound."""
        provenance = provenance or self.provenance(job_id)
        # A sample without input files has no folder for them, because git keeps no empty folders.
        files = self.files.inputs(job_id, provenance.checksums) if provenance.checksums else {}
        databases = {name: Database.from_description(about, Path()) for name, about in provenance.databases.items()}
        return {**provenance.params, **databases, **files}

    def _read(self, job_id: str) -> _Kept:
        try:
            kept = loads((self.files.folder(job_id) / _RECORD).read_text())
        except FileNotFoundError:
            raise JobNotFound(job_id) from None
        return _Kept(kept["snapshot"], Provenance(**kept["provenance"]))
