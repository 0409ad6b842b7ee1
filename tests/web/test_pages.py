"""The pages, without any server behind them."""

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


def test_the_front_page_lists_every_tool(client: FlaskClient) -> None:
    """With what it does, in a sentence."""
    page = client.get("/").text
    assert "Greeting" in page
    assert "/tools/phmmer" in page
    assert "Search proteins against proteins with HMMER" in page


def test_a_form_states_its_limits(client: FlaskClient) -> None:
    """Before anybody submits."""
    page = client.get("/tools/phmmer").text
    assert "At most 50,000 sequences of up to 100,000 residues, 10,000,000 residues in all." in page
    assert "10 MiB" in page
    assert "1 hour and 23 minutes" in page
    assert "From 1e-300 to 1,000,000." in page
    page = client.get("/tools/expensive_greet").text
    assert re.search(r'"person-limits">At most 80 characters\..*"total-limits">From 1 to 10,000\.', page, re.DOTALL)
    assert 'aria-describedby="total-limits"' in page


def test_load_example_fills_the_form(client: FlaskClient) -> None:
    """With a real case, whose files can be viewed."""
    page = unescape(client.get("/tools/phmmer?example").text)
    assert ">HBB_HUMAN Human beta hemoglobin.\nVHLTPEEKSAVT" in page.replace("\r", "")
    assert ">MYG_ESCGI" in page
    assert "UniProt, CC BY 4.0" in page
    with client.get("/static/examples/globins45.fa") as example:
        assert example.mimetype == "text/plain"
    assert 'value="Ada Lovelace"' in client.get("/tools/expensive_greet?example").text


@pytest.mark.parametrize(
    ("tool", "entered", "messages", "kept"),
    [
        ("expensive_greet", {"person": "", "total": "7"}, ["Fill in this field."], ['value="7"']),
        (
            "expensive_greet",
            {"person": "<b>Ada</b>", "total": "x"},
            ["Write a whole number, such as 10."],
            ["<b>Ada</b>", "x"],
        ),
        (
            "expensive_greet",
            {"person": "A" * 81, "total": "0"},
            ["Shorten this to 80 characters.", "Write a number from 1 to 10000."],
            ["A" * 81],
        ),
        ("phmmer", {"query": "", "evalue": "1e-5"}, ["Paste or upload at least one protein."], ['value="1e-5"']),
        ("phmmer", {"query": FASTA, "evalue": "many"}, ["Write a number, such as 0.001."], [FASTA, 'value="many"']),
        (
            "phmmer",
            {"query": FASTA, "evalue": "nan"},
            ["Write a number from 1e-300 to 1000000.0."],
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
def test_bad_input_comes_back_with_what_is_wrong(
    client: FlaskClient, tool: str, entered: dict[str, str], messages: list[str], kept: list[str]
) -> None:
    """422, the messages at their fields, and every entered value."""
    response = client.post(f"/tools/{tool}", data=entered)
    page = unescape(response.text).replace("\r", "")
    assert response.status_code == 422
    assert "Nothing was submitted yet" in page
    for text in messages + kept:
        assert text in page
    assert "<b>Ada</b>" not in response.text


def test_what_was_wrong_in_a_file_can_be_mended_in_the_form(client: FlaskClient) -> None:
    """An upload comes back as text; a file wins over what was pasted."""
    for content, shown in ((b"\xef\xbb\xbf>up\r\nMK1V", ">up\nMK1V"), (b">up \xe9\nMK1V", ">up \u00e9\nMK1V")):
        upload = {"query": [(io.BytesIO(content), "x.fa"), "pasted"], "evalue": "10", "targets": FASTA}
        page = unescape(client.post("/tools/phmmer", data=upload).text).replace("\r", "")
        assert "Line 2, record 'up': '1' is not an amino acid" in page
        assert f"{shown}</textarea>" in page
        assert FASTA in page


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b" \n", "The file is empty. Choose another one, or none."),
        (b"\x1f\x8b\x08\x00\x00", "This is not a text file."),
        (">a\nMKV".encode("utf-16"), "This is not a text file."),
    ],
)
def test_a_file_that_cannot_be_used_is_never_ignored(client: FlaskClient, content: bytes, message: str) -> None:
    """An empty file of targets must not become a search of the queries among themselves."""
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
def test_what_cannot_be_there_is_a_friendly_404(client: FlaskClient, path: str) -> None:
    """Nothing asks Redis, which is not there in this test."""
    response = client.get(path)
    assert response.status_code == 404
    assert "Nothing is here" in response.text
    assert "All tools" in response.text


def test_too_much_is_a_clear_413(tmp_path) -> None:
    """The limit of the whole submission, for pasted text too."""
    app = create_app(Settings(data_dir=tmp_path, max_upload_bytes=1000, redis_url="redis://127.0.0.1:1/0"))
    response = app.test_client().post("/tools/phmmer", data={"query": "A" * 100_000, "evalue": "10"})
    assert response.status_code == 413
    assert "too much at once" in response.text


def test_without_redis_nothing_is_lost(client: FlaskClient, app: Flask) -> None:
    """Pages that need no Redis work; a submission is refused with everything that was entered."""
    response = client.post("/tools/expensive_greet", data={"person": "Ada", "total": "5"})
    assert (response.status_code, response.headers["Retry-After"]) == (503, "5")
    assert 'value="Ada"' in response.text
    assert "submit it again" in response.text
    assert client.get("/").status_code == 200
    job = client.get(f"/jobs/{'a' * 32}")
    assert (job.status_code, job.headers["Retry-After"]) == (503, "5")


def test_our_bug_is_a_page_with_a_reference(tmp_path, caplog: pytest.LogCaptureFixture) -> None:
    """The log has the traceback under the same reference."""
    app = create_app(Settings(data_dir=tmp_path, redis_url=f"redis://127.0.0.1:{free_port()}/0"))

    @app.get("/bug")
    def bug() -> str:
        raise ZeroDivisionError("secret detail")

    response = app.test_client().get("/bug")
    assert response.status_code == 500
    assert "secret detail" not in response.text
    record = next(record for record in caplog.records if record.exc_info)
    assert record.getMessage().removeprefix("Reference ") in response.text


def test_a_wrong_method_is_said_so(client: FlaskClient) -> None:
    """Also what has no page of its own ends in what to do next."""
    response = client.delete("/")
    assert response.status_code == 405
    assert "Allow" in response.headers
    assert "front page" in response.text
