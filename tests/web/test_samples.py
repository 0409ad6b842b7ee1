"""Tests of the sample results, which behave like real jobs."""

import re
from html import unescape
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from greeter import create_app
from greeter.jobs.records.samples import Samples
from greeter.web import services
from tests.conftest import Installation


def test_samples_are_shown_without_redis_or_a_worker(client: FlaskClient) -> None:
    """A sample has the page of a job with its downloads, made from the same templates."""
    page = client.get("/jobs/sample-phmmer").text
    for text in (
        "This is a sample result",
        "Finished",
        "11 hits for 3 queries",
        "TYK2_HUMAN",
        "<svg",
        "How this job was run",
    ):
        assert text in page
    assert "Delete now" not in page
    assert "Kept until" not in page
    assert "hx-trigger" not in page
    for path in re.findall(r'href="(/jobs/sample-phmmer/files/[^"]+)"', page):
        with client.get(path) as download:
            assert download.status_code == 200
    assert client.get("/jobs/sample-phmmer/progress").status_code == 200
    assert client.get("/jobs/sample-phmmer.json").json["phase"] == "finished"
    assert "Greetings, Ada Lovelace!" in client.get("/jobs/sample-expensive_greet").text


def test_the_hits_of_the_sample_can_be_sorted_filtered_and_opened(client: FlaskClient) -> None:
    """Each view has an address; alignments are loaded only where they are open, coloured by classes of residues."""

    def targets(query: str) -> list[str]:
        page = client.get(f"/jobs/sample-phmmer{query}").text
        return re.findall(r'<tr class="hit" id="hits-\d+">.*?<small>(\w+)_HUMAN</small>', page, re.DOTALL)

    assert targets("")[:2] == ["TYK2", "FAK1"]
    assert targets("?hits-sort=evalue")[:2] == ["TYK2", "HBB"]
    assert targets("?hits-description=HEMO&hits-sort=-identity") == ["HBB", "HBA"]
    assert targets("?hits-query=sp|P68871|HBB_HUMAN&hits-query_coverage-min=90") == ["HBB", "HBA"]
    assert targets("?hits-evalue-max=1e-40") == ["TYK2", "FAK1", "HBB"]
    assert targets("?hits-organism=mus") == []
    for opened, domains in (("", 0), ("1", 3), ("all", 14), ("99", 0), ("x", 0)):
        page = client.get(f"/jobs/sample-phmmer?hits-open={opened}").text
        assert page.count('<pre class="alignment"') == domains
        assert ("<i class=h>" in page) == bool(domains)
    page = client.get("/jobs/sample-phmmer?hits-open=1").text
    for place in ("www.uniprot.org/uniprotkb", "alphafold.ebi.ac.uk/entry", "www.ebi.ac.uk/interpro/protein/UniProt"):
        assert f'<a href="https://{place}/P29597' in page
    answer = client.get("/jobs/sample-phmmer/files/hits.tsv?hits-evalue-max=1e-40&hits-sort=-evalue")
    assert [line.split("\t")[1] for line in answer.text.splitlines()[1:]] == [
        *("sp|Q05397|FAK1_HUMAN", "sp|P68871|HBB_HUMAN", "sp|P29597|TYK2_HUMAN")
    ]
    assert answer.headers["Content-Disposition"] == "attachment; filename=sample-phmmer-selected-hits.tsv"
    assert client.get("/jobs/sample-phmmer?queries-sort=-hits").text.index("HBB_HUMAN</a>") > 0


def test_a_sample_can_be_edited_and_run_again(client: FlaskClient) -> None:
    """The form contains the sample's input; running it returns 503, because Redis is not running in this test."""
    form = unescape(client.get("/jobs/sample-phmmer/edit").text)
    assert ">sp|O60674|JAK2_HUMAN" in form
    assert client.get("/jobs/sample-expensive_greet/edit").status_code == 200
    assert client.post("/jobs/sample-phmmer/again").status_code == 503


def test_a_sample_cannot_be_cancelled_or_deleted(client: FlaskClient) -> None:
    """Both actions redirect to the unchanged sample, and unknown samples are 404."""
    assert client.get("/jobs/sample-phmmer/delete").status_code == 303
    for action in ("cancel", "delete"):
        answer = client.post(f"/jobs/sample-phmmer/{action}")
        assert (answer.status_code, answer.headers["Location"]) == (303, "/jobs/sample-phmmer")
    for path in ("sample-none", "sample-", "sample-..", "sample-phmmer%2F..", "sample-PHMMER"):
        assert client.get(f"/jobs/{path}").status_code == 404


@pytest.mark.slow
def test_keep_sample_makes_a_finished_job_the_sample_of_its_tool(
    installation: Installation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command refuses jobs that have not finished or do not exist."""
    monkeypatch.setattr(services, "Samples", lambda folder: Samples(tmp_path))
    app = create_app(installation.settings)
    keep = app.test_cli_runner()
    early = installation.submit("nap")
    assert re.search("is (waiting|running)", keep.invoke(args=["keep-sample", early]).output)
    installation.jobs.cancel(early)
    job = installation.submit("expensive_greet", person="Grace", total=1)
    installation.ended(job)
    assert "Kept as /jobs/sample-expensive_greet" in keep.invoke(args=["keep-sample", job]).output
    assert "Greetings, Grace!" in app.test_client().get("/jobs/sample-expensive_greet").text
    assert "no such job" in keep.invoke(args=["keep-sample", "0" * 32]).output
