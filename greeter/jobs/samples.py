"""The samples: jobs that ended well and are kept for ever, each as a folder with its record beside the files."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from greeter.jobs.errors import JobNotFound
from greeter.jobs.files import Folders
from greeter.jobs.record import Record
from greeter.jobs.store import Store

_RECORD = "record.json"
PREFIX = "sample-"


class Samples:
    """The sample of each tool. Its id is `sample-` and the name of the tool; it is read as a job in the Store is."""

    def __init__(self, folder: Path) -> None:
        self.folders = Folders(folder)

    def of(self, tool: str) -> str | None:
        """The id of the sample of a tool, if it has one."""
        sample_id = PREFIX + tool
        return sample_id if self.folders.of(sample_id).exists() else None

    def keep(self, store: Store, job_id: str) -> str:
        """Make a job that has ended the sample of its tool, and return the sample's id. Raises JobNotFound."""
        record = store.find(job_id)
        sample_id = PREFIX + record.tool
        self.folders.remove(sample_id)
        shutil.copytree(store.folders.of(job_id), self.folders.of(sample_id))
        kept = {"shown": json.loads(record.shown) | {"label": ""}, "details": store.details(job_id)}
        (self.folders.of(sample_id) / _RECORD).write_text(json.dumps(kept, indent=1) + "\n")
        return sample_id

    def find(self, job_id: str) -> Record:
        """Read a sample as `Store.find` reads a record. Raises JobNotFound."""
        return Record(job_id, json.dumps(self._kept(job_id)["shown"]).encode(), None)

    def details(self, job_id: str) -> dict[str, Any]:
        """What `Store.details` tells."""
        return dict(self._kept(job_id)["details"])

    def params(self, job_id: str) -> dict[str, Any]:
        """What `Store.params` tells."""
        details = self.details(job_id)
        # Without files there is no folder for them: git keeps none that is empty.
        return {**details["params"], **(self.folders.inputs(job_id) if details["sums"] else {})}

    def _kept(self, job_id: str) -> dict[str, Any]:
        try:
            return dict(json.loads((self.folders.of(job_id) / _RECORD).read_text()))
        except FileNotFoundError:
            raise JobNotFound(job_id) from None
