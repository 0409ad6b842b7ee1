"""Jobs that name a reference database, in a real Redis."""

from pathlib import Path

import pytest

from greeter.jobs.databases import Databases
from greeter.jobs.errors import DatabaseRemoved
from greeter.jobs.records.store import Store
from greeter.jobs.runner import Runner
from greeter.jobs.staging import staged
from greeter.jobs.submission import Submission
from greeter.toolkit import ToolError
from greeter.toolkit.database import Database
from tests.conftest import Installation

pytestmark = pytest.mark.redis
JOBS = [letter * 32 for letter in "abcd"]


@pytest.fixture
def store(with_redis: Installation) -> Store:
    """An empty store, with no worker to take its jobs."""
    return with_redis.store


@pytest.fixture
def database(store: Store) -> Database:
    """A database of the site."""
    with staged(store.inputs.databases.root) as folder:
        (folder / "words").write_text("one")
        made = Database(id="words", version="1", title="Words", kind="words", file="words", files={"words": "sum"})
        return store.inputs.databases.publish(folder, made)


def create(store: Store, number: int, database: Database | None, token: str = "") -> str:
    """Create a job that names a database."""
    return store.create(JOBS[number], "read_words", {"words": database, "n": 1}, Submission(token=token))


def test_a_job_gets_the_version_that_it_was_submitted_with(store: Store, database: Database) -> None:
    """The record has all that is known of it, except where its files are on this machine."""
    create(store, 0, database)
    assert store.provenance(JOBS[0]).databases == {"words": database.recorded}
    assert not {"folder", "paused", "default"} & set(database.recorded)
    assert store.params(JOBS[0]) == {"words": database, "n": 1}
    claimed = store.runs.claim(JOBS[0], Runner("w", 1), {})
    assert claimed
    assert claimed.params == {"words": database, "n": 1}
    assert claimed.params["words"].path.read_text() == "one"
    create(store, 1, None)
    assert store.params(JOBS[1]) == {"words": None, "n": 1}


def test_the_same_form_with_another_database_is_another_job(store: Store, database: Database) -> None:
    """Submitting a form twice creates one job only if nothing was changed."""
    create(store, 0, database, "token")
    assert create(store, 1, database, "token") == JOBS[0]
    assert create(store, 2, None, "token") == JOBS[2]
    assert store.inputs.count_jobs(database.name) == 1


def test_a_version_stays_while_a_job_names_it(store: Store, database: Database) -> None:
    """While the job waits, and after its end too, because its input can be used again."""
    create(store, 0, database)
    create(store, 1, database)
    assert (store.inputs.count_jobs(database.name), store.inputs.forbid(database.name)) == (2, 2)
    store.cancel(JOBS[0])
    assert store.inputs.forbid(database.name) == 2
    store.delete(JOBS[0])
    assert store.inputs.forbid(database.name) == 1
    create(store, 2, database)  # so that it is still offered
    store.redis.delete(f"job:{JOBS[2]}")  # by hand
    store.cancel(JOBS[1])
    store.delete(JOBS[1])
    assert store.inputs.forbid(database.name) == 0
    assert list(store.redis.scan_iter("named:*")) == []


def test_no_job_names_a_version_that_is_being_removed(store: Store, database: Database) -> None:
    """Its form may have been checked just before. When the version is added again, jobs can name it again."""
    assert store.inputs.forbid(database.name) == 0
    with pytest.raises(DatabaseRemoved):
        create(store, 0, database)
    assert not store.redis.exists(f"job:{JOBS[0]}")
    assert not store.files.folder(JOBS[0]).exists()
    store.inputs.allow(database.name)
    assert create(store, 0, database) == JOBS[0]


def test_the_files_of_a_removed_version_are_gone(store: Store, database: Database) -> None:
    """A job that named it all the same, after a backup was restored without it, says what to do."""
    create(store, 0, database)
    store.inputs.databases.remove(database)
    assert [path.name for path in store.inputs.databases.root.iterdir()] == [".lock"]
    with pytest.raises(ToolError, match="Words version 1 is no longer here"):
        assert store.params(JOBS[0])["words"].path


def test_a_path_differs_from_host_to_host(store: Store, database: Database, tmp_path: Path) -> None:
    """The record has no path, so hosts may mount the folder at different places."""
    elsewhere = Databases(tmp_path / "elsewhere").from_record({"words": database.recorded})
    assert elsewhere["words"].folder == tmp_path / "elsewhere/databases/words/1"
