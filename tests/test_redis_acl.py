"""The ACL user of docs/redis.md can do what an installation does, and nothing else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from redis.exceptions import NoPermissionError

from greeter.jobs.mail.mails import MailState
from greeter.jobs.submission import Submission
from tests.conftest import ROOT, Installation, wait_for
from tests.http import fetch, post, submit, wait_for_end
from tests.mail import MailServer
from tests.servers import DURABLE, documented, server, use
from tests.test_redis_copy import copy_redis
from tests.test_redis_tls import flower_page


@pytest.mark.slow
@pytest.mark.unmeasured
def test_an_installation_runs_as_the_documented_user(
    own_installation: Installation, mail_server: MailServer, tmp_path: Path
) -> None:
    """Nothing is denied while jobs run, are cancelled, lost, requeued and deleted, and Flower shows them."""
    site = own_installation
    with server(tmp_path / "server", f"{DURABLE}requirepass admin\n") as running:
        running.redis.execute_command(*documented("ACL").replace("PASSWORD", "secret").split())
        url = f"redis://greeter:secret@127.0.0.1:{running.port}/0"
        use(site, redis_url=url, metrics_token="sesame", smtp_url=mail_server.url)
        site.start("worker", "web", "flower")
        finished = submit(site, "expensive_greet", person="Ada", total="1")
        assert "Greetings, Ada!" in wait_for_end(site, finished)
        assert fetch(site, "/metrics", Authorization="Bearer sesame").status == 200
        assert fetch(site, "/health/ready").status == 200
        cancelled = submit(site, "expensive_greet", person="Ada", total="100")
        post(site, f"{cancelled}/cancel")
        wait_for_end(site, cancelled)
        lost = site.submit("vanish")
        assert site.ended(lost).phase == "failed"
        assert site.jobs.delete(finished.rpartition("/")[2])
        mailed = submit(site, "count_database", database="globins", seconds="600").rpartition("/")[2]
        for fields in ({"address": "bob@example.org"}, {"remove": "yes"}, {"address": "ada@example.org"}):
            post(site, f"/jobs/{mailed}/mail", **fields)
        post(site, f"/jobs/{mailed}/cancel")
        wait_for(lambda: site.store.find(mailed).mail == MailState.SENT)
        removed = site.store.create("f" * 32, "removed", {}, Submission())
        wait_for(
            lambda: site.redis.hexists("jobs:unknown", f"at {site.store.fields(removed, 'signature')['signature']}")
        )
        site.jobs.cancel(removed)
        inputs = site.store.inputs
        assert inputs.count_jobs("pdb/1") == inputs.forbid("pdb/1") == 0
        inputs.allow("pdb/1")
        assert fetch(site, "/api/v1/limits").status == 200
        site.redis.wait(0, 1)  # as with CONFIRM_REPLICAS
        assert ">celery<" in flower_page(site, "/broker")
        site.celery.control.broadcast("ping", reply=True, timeout=2)
        flask = [str(Path(sys.executable).parent / "flask"), "selftest"]
        tested = subprocess.run(flask, env=os.environ | site.environ, cwd=ROOT, capture_output=True, check=False)
        assert tested.returncode == 0
        site.stop("flower", "web", "worker")
        with server(tmp_path / "other") as other:
            ours, theirs = site.settings.redis_url, f"redis://127.0.0.1:{other.port}/0"
            use(site, redis_url=theirs)
            assert copy_redis(site, ours).exit_code == 0
            use(site, redis_url=ours)
            assert copy_redis(site, theirs, "--replace").exit_code == 0
        denied = {(entry["object"], entry["context"]) for entry in running.redis.acl_log()}
        assert denied <= {("config|get", "toplevel")}
        for command in ("FLUSHALL", "CONFIG SET maxmemory 1", "KEYS *", "GET other", "SHUTDOWN", "ACL LIST"):
            with pytest.raises(NoPermissionError):
                site.redis.execute_command(*command.split())
