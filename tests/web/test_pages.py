"""Tests of the pages that work without Redis or a worker."""

import io
import re
from html import unescape

import pytest
from flask import Flask
from flask.testing import FlaskClient

from greeter import create_app
from greeter.settings import Settings
from tests.conftest import free_port

FASTA = ">a\nMKVLAWTRH\n"


def test_front_page_lists_every_tool(client: FlaskClient) -> None:
    """Each tool has a link and a one-sentence description."""
    page = client.get("/").text
    assert "Greeting" in page
    assert "/tools/phmmer" in page
    assert "Search proteins against proteins with HMMER" in page


def test_the_tools_are_in_the_order_of_their_positions(client: FlaskClient) -> None:
    """Those without a position, such as the greeting, come after those that have one."""
    assert re.findall(r'<h2><a href="/tools/(\w+)">', client.get("/").text)[:2] == ["phmmer", "mafft"]
    assert "/tools/expensive_greet" in client.get("/").text


def test_the_button_of_a_form_says_what_it_does(client: FlaskClient) -> None:
    """Its text is the action of the tool."""
    texts = {"phmmer": "Search", "mafft": "Align", "expensive_greet": "Greet", "kmers": "Run"}
    pages = {tool: client.get(f"/tools/{tool}").text for tool in texts}
    assert {tool: re.findall(r"<button>(.*)</button>", page) for tool, page in pages.items()} == {
        tool: [text] for tool, text in texts.items()
    }


def test_forms_state_their_limits(client: FlaskClient) -> None:
    """Limits on sizes, time and values are visible before submission."""
    page = client.get("/tools/phmmer").text
    assert page.count("At most 50,000 sequences of up to 100,000 residues, 10,000,000 residues in all.") == 1
    assert 'aria-describedby="targets-help query-limits"' in page  # what is the same for two fields is stated once
    assert "10 MiB" in page
    assert "1 hour and 23 minutes" in page
    assert "From 1e-300 to 1,000,000." in page
    page = client.get("/tools/expensive_greet").text
    assert re.search(r'"person-limits">At most 80 characters\..*"total-limits">From 1 to 10,000\.', page, re.DOTALL)
    assert 'aria-describedby="total-limits"' in page


def test_load_example_fills_the_form(client: FlaskClient) -> None:
    """The example is a real case, and its files can be viewed."""
    page = unescape(client.get("/tools/phmmer?example").text)
    assert ">sp|P01308|INS_HUMAN Insulin OS=Homo sapiens OX=9606 GN=INS PE=1 SV=1\nMALWMRLL" in page.replace("\r", "")
    assert ">sp|P29597|TYK2_HUMAN" in page
    assert "UniProt, CC BY 4.0" in page
    with client.get("/static/examples/human_proteins.fa") as example:
        assert example.mimetype == "text/plain"
    assert 'value="Ada Lovelace"' in client.get("/tools/expensive_greet?example").text


@pytest.mark.parametrize(
    ("tool", "entered", "messages", "kept"),
    [
        ("expensive_greet", {"person": "", "total": "7"}, ["Fill in this field."], ['value="7"']),
        (
            "expensive_greet",
            {"person": "<b>Ada</b>", "total": "x"},
            ["Enter a whole number, such as 10."],
            ["<b>Ada</b>", "x"],
        ),
        (
            "expensive_greet",
            {"person": "A" * 81, "total": "0"},
            ["Shorten this to 80 characters.", "Enter a number from 1 to 10,000."],
            ["A" * 81],
        ),
        ("phmmer", {"query": "", "evalue": "1e-5"}, ["Paste or upload at least one protein."], ['value="1e-5"']),
        ("phmmer", {"query": FASTA, "evalue": "many"}, ["Enter a number, such as 0.001."], [FASTA, 'value="many"']),
        (
            "phmmer",
            {"query": FASTA, "evalue": "nan"},
            ["Enter a number from 1e-300 to 1,000,000."],
            [FASTA, 'value="nan"'],
        ),
        ("phmmer", {"query": FASTA + ">a\nM1", "evalue": "1"}, ["Line 3: the name 'a'"], [FASTA + ">a\nM1"]),
        (
            "phmmer",
            {"query": FASTA, "targets": ">b\nM1", "evalue": "1"},
            ["Line 2, record 'b': '1'"],
            [FASTA, ">b\nM1"],
        ),
    ],
)
def test_invalid_input_is_redisplayed_with_error_messages(
    client: FlaskClient, tool: str, entered: dict[str, str], messages: list[str], kept: list[str]
) -> None:
    """The response is 422, with an error message at each field and every entered value."""
    response = client.post(f"/tools/{tool}", data=entered)
    page = unescape(response.text).replace("\r", "")
    assert response.status_code == 422
    assert "Nothing has been submitted yet" in page
    for text in messages + kept:
        assert text in page
    assert "<b>Ada</b>" not in response.text


def test_an_invalid_upload_is_redisplayed_as_editable_text(client: FlaskClient) -> None:
    """The content of the file replaces any pasted text."""
    for content, shown in ((b"\xef\xbb\xbf>up\r\nMK1V", ">up\nMK1V"), (b">up \xe9\nMK1V", ">up \u00e9\nMK1V")):
        upload = {"query": [(io.BytesIO(content), "x.fa"), "pasted"], "evalue": "10", "targets": FASTA}
        page = unescape(client.post("/tools/phmmer", data=upload).text).replace("\r", "")
        assert "Line 2, record 'up': '1' is not an amino acid" in page
        assert f"{shown}</textarea>" in page
        assert FASTA in page


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "The file is empty. Choose another one."),
        (b" \n", "Line 1: there is no record."),
        (b"\x1f\x8b\x08\x00\x00", "This gzip file is damaged or incomplete."),
        (">a\nMKV".encode("utf-16"), "This is not a text file."),
    ],
)
def test_an_unusable_file_is_an_error(client: FlaskClient, content: bytes, message: str) -> None:
    """An empty file of targets must not turn the job into a search of the queries against themselves."""
    entered = {"query": FASTA, "targets": [(io.BytesIO(content), "t.fa"), "pasted"], "evalue": "10"}
    response = client.post("/tools/phmmer", data=entered)
    assert response.status_code == 422
    assert message in response.text
    assert "pasted</textarea>" in response.text


@pytest.mark.parametrize(
    "path",
    [
        "/tools/none",
        "/jobs/1",
        "/jobs/" + "A" * 32,
        "/jobs/" + "a" * 33,
        "/jobs/../x",
        "/jobs/" + "a" * 32 + "/files/../x",
    ],
)
def test_invalid_addresses_get_a_404_page_without_asking_redis(client: FlaskClient, path: str) -> None:
    """Redis is not running in this test."""
    response = client.get(path)
    assert response.status_code == 404
    assert "Page not found" in response.text
    assert "All tools" in response.text


def test_too_large_a_submission_gets_413(tmp_path) -> None:
    """The limit covers the whole submission, including pasted text."""
    app = create_app(Settings(data_dir=tmp_path, max_upload_bytes=1000, redis_url="redis://127.0.0.1:1/0"))
    response = app.test_client().post("/tools/phmmer", data={"query": "A" * 100_000, "evalue": "10"})
    assert response.status_code == 413
    assert "submission is too large" in response.text


def test_without_redis_submissions_are_refused_and_the_input_kept(client: FlaskClient, app: Flask) -> None:
    """Pages that need no Redis work, and the others return 503 with Retry-After."""
    response = client.post("/tools/expensive_greet", data={"person": "Ada", "total": "5"})
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert 'value="Ada"' in response.text
    assert "submit it again" in response.text
    assert client.get("/").status_code == 200
    job = client.get(f"/jobs/{'a' * 32}")
    assert (job.status_code, job.headers["Retry-After"]) == (503, "5")


def test_an_unexpected_error_shows_a_reference_to_the_log(tmp_path, caplog: pytest.LogCaptureFixture) -> None:
    """The page hides the details, and the log has the traceback under the same reference."""
    app = create_app(Settings(data_dir=tmp_path, redis_url=f"redis://127.0.0.1:{free_port()}/0"))

    @app.get("/bug")
    def bug() -> str:
        raise ZeroDivisionError("secret detail")

    response = app.test_client().get("/bug")
    assert response.status_code == 500
    assert "secret detail" not in response.text
    record = next(record for record in caplog.records if record.exc_info)
    assert record.getMessage().removeprefix("Reference ") in response.text


def test_a_wrong_method_gets_a_405_page_with_a_next_step(client: FlaskClient) -> None:
    """Errors without a page of their own link to the front page too."""
    response = client.delete("/")
    assert response.status_code == 405
    assert "Allow" in response.headers
    assert "front page" in response.text


def test_input_that_needs_too_much_memory_is_refused(client: FlaskClient) -> None:
    """The form names the two sequences and the limit, and keeps the input; what fits gets past it."""
    titin, ordinary = f">TITIN\n{'MKVLAWTRHE' * 3435}\n", f">ordinary\n{'MKVLAWTRHE' * 300}\n"
    refused = client.post("/tools/phmmer", data={"query": ordinary + titin, "targets": "", "evalue": "10"})
    page = unescape(refused.text)
    assert refused.status_code == 422
    assert "query 'TITIN' (34,350 residues) with target 'TITIN' (34,350 residues) may need 39.6 GiB of memory" in page
    assert "a job may use 4.0 GiB. Split the longer one into parts" in page
    assert titin.strip() in page.replace("\r", "")
    passed = client.post("/tools/phmmer", data={"query": titin, "targets": ordinary, "evalue": "10"})
    assert passed.status_code == 503  # there is no Redis


DESCRIBED = ["/", "/help", "/tools/phmmer", "/tools/expensive_greet", "/jobs/sample-phmmer", "/nowhere"]


def test_every_page_has_a_description_of_its_own(client: FlaskClient) -> None:
    """Search engines and messengers show it; pages of jobs have the same one, which gives nothing away."""
    found = [
        re.findall(r'<meta name="description" content="([^"]{30,200})">', client.get(path).text) for path in DESCRIBED
    ]
    assert [len(one) for one in found] == [1] * len(DESCRIBED)
    assert len({one[0] for one in found}) == len(DESCRIBED)
    assert found[4] == re.findall(r'<meta name="description" content="(.*)">', client.get("/jobs/sample-mafft").text)
