"""Uploads that the server keeps for the next submission of a form."""

import dataclasses
import io
import os
import re
import resource
import shutil
from collections import Counter
from contextlib import closing
from html import unescape
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse
from wtforms import Form
from wtforms.validators import DataRequired

from bench.upload import growth
from greeter import create_app
from greeter.jobs.files import probe
from greeter.jobs.files.uploads import NEW
from greeter.jobs.installation import MARKER
from greeter.jobs.worker.fitness import HANGS
from greeter.settings import Settings
from greeter.toolkit import FileField, Job, Result, tool
from tests.conftest import Installation, free_port
from tests.http import Response, fetch, wait_for_end

LARGE = "".join(f">t{number}\nMKVLAWTRHMKVLAWTRH\n" for number in range(5000))
URLENCODED, MULTIPART = "application/x-www-form-urlencoded", "multipart/form-data; boundary=cut"
SHOWN = re.compile(r'<input type="hidden" name="targets-kept" value="(shown/[^"]*)">')
KEPT = re.compile(r'name="(\w+)-kept" value="([^"]*)" checked> ([^<]*)<')


def send(client: FlaskClient, targets: object, query: str = ">q\nMKVLA", **more: str) -> TestResponse:
    """Submit proteins to phmmer; there is no Redis."""
    return client.post("/tools/phmmer", data={"query": query, "targets": targets, "evalue": "1", **more})


def upload(text: str, name: str = "targets.fa") -> tuple[io.BytesIO, str]:
    """A file as a browser sends it."""
    return io.BytesIO(text.encode()), name


def kept(answer: TestResponse) -> list[tuple[str, ...]]:
    """The files that a form refers to: the name of the field, the reference and the description."""
    return [tuple(map(unescape, found)) for found in KEPT.findall(answer.text)]


def files(tmp_path: Path) -> list[Path]:
    """All uploads on the disk."""
    return list((tmp_path / "uploads").glob("*"))


def test_a_large_upload_is_kept_when_the_form_comes_back(client: FlaskClient, tmp_path: Path) -> None:
    """It is described instead of shown, and used when the form is submitted again without a file."""
    refused = send(client, upload(LARGE), query=">q\nMK1")
    assert refused.status_code == 422
    [(field, reference, description)] = kept(refused)
    assert field == "targets"
    assert description == "targets.fa, 5,000 sequences, kept; choose another file to replace it"
    assert len(refused.data) < 20_000
    assert len(files(tmp_path)) == 1
    assert files(tmp_path)[0].read_text() == LARGE
    accepted = send(client, "", **{"targets-kept": reference})
    assert accepted.status_code == 503  # only because there is no Redis
    assert "The queue is unavailable" in accepted.text
    assert kept(accepted)[0][2] == description
    assert "MKVLA</textarea>" in accepted.text
    replaced = send(client, upload(">other\nMKVLA", "other.fa"), **{"targets-kept": reference})
    assert kept(replaced) == []
    assert "&gt;other\nMKVLA\n" in replaced.text or "&gt;other\nMKVLA" in replaced.text.replace("\r", "")


def test_valid_files_are_kept_when_others_are_refused(client: FlaskClient, tmp_path: Path) -> None:
    """Only the bad one has to be chosen again."""
    fields = {"whole": "10", "molecule": "dna", "matrix": "PAM30", "slider": "1"}
    several = [upload("1", "good.txt"), upload("", "bad.txt")]
    refused = client.post("/tools/report", data=fields | {"several": several})
    assert refused.status_code == 422
    assert "bad.txt: The file is empty. Choose another one." in refused.text
    [(_, reference, description)] = kept(refused)
    assert description == "good.txt, 1 Byte, kept; choose more files to add them"
    again = client.post("/tools/report", data=fields | {"several-kept": reference})
    assert again.status_code == 503  # only because there is no Redis
    assert [path.read_text() for path in files(tmp_path)] == ["1"]


def test_what_no_form_refers_to_is_removed(client: FlaskClient, tmp_path: Path) -> None:
    """This includes files that are wrong, short, for no field, or of a form that cannot be read."""
    send(client, upload(">t\nMK1V\n" + LARGE))
    send(client, upload(">t\nMKV"), query="")
    client.post("/tools/expensive_greet", data={"person": upload(LARGE), "total": "1"})
    client.post("/jobs/" + "a" * 32 + "/cancel", data={"file": upload(LARGE)})
    part = b'--cut\r\nContent-Disposition: form-data; name="targets"; filename="t.fa"\r\n\r\n' + LARGE.encode()
    cut_off = client.post("/tools/phmmer", data=part, content_type="multipart/form-data; boundary=cut")
    assert cut_off.status_code == 400
    assert files(tmp_path) == []


def test_pasted_text_is_kept_too(client: FlaskClient) -> None:
    """A text area with megabytes would make the browser slow. What the field itself refuses is shown for correction."""
    [(_, _, description)] = kept(send(client, LARGE))
    assert description == "pasted text, 5,000 sequences, kept; choose another file to replace it"
    wrong = send(client, LARGE + "1")
    assert kept(wrong) == []
    assert "MKVLAWTRH\n1</textarea>" in wrong.text.replace("\r", "")


def test_a_short_text_keeps_the_name_of_its_file_until_it_is_edited(client: FlaskClient) -> None:
    """The form shows it as text, whose line ends browsers change."""
    answer = send(client, upload(">t\nMKV\nLA\n", "my/<short>.fa"), query="")
    for _ in range(2):
        [reference] = map(unescape, SHOWN.findall(answer.text))
        assert reference.endswith("/0/<short>.fa")
        answer = send(client, ">t\r\nMKV\r\nLA\r\n", **{"targets-kept": reference})
        assert answer.status_code == 503  # only because there is no Redis
    for text in (">t\nMKVLAA", ""):
        edited = send(client, text, **{"targets-kept": reference})
        assert SHOWN.findall(edited.text) == []
        assert edited.status_code == 503


def test_the_name_of_a_file_is_only_shown(client: FlaskClient, tmp_path: Path) -> None:
    """It is escaped, printable, and never part of a path."""
    [(_, reference, description)] = kept(send(client, upload(LARGE, "..\\../<b>\u202e\x01/a&b.fa"), query=""))
    assert description.startswith("a&b.fa, 5,000 sequences")
    assert reference.endswith("/0/a&b.fa")
    assert re.fullmatch("[0-9a-f]{32}", files(tmp_path)[0].name)
    renamed = send(client, "", **{"targets-kept": reference.replace("a&b.fa", "<i>/\u202e" + "x" * 300)})
    assert "<i>" not in renamed.text
    assert "\u202e" not in renamed.text


@pytest.mark.parametrize(
    "reference",
    [
        "upload/" + "a" * 32 + "/0/targets.fa",
        "upload/../../../etc/passwd",
        "upload/..%2f/0/x",
        "job/../uploads/0",
        "job/" + "a" * 32 + "/0/x",
        "job/sample-phmmer/7/x",
        "job/sample-expensive_greet/0/x",
        "job/sample-../0/x",
        "example//9/x",
        "example//x/x",
        "other/a/0/x",
        "",
        "upload",
        "\0",
    ],
)
def test_a_wrong_reference_is_an_error_of_the_field(client: FlaskClient, reference: str) -> None:
    """Nobody gets a file whose id they do not know, nor anything that is no upload."""
    answer = send(client, "", **{"targets-kept": reference})
    assert answer.status_code == 422
    assert "This file is no longer kept. Choose it again." in answer.text


@pytest.mark.parametrize("moment", ["before", "after"])
def test_an_upload_that_is_removed_while_its_form_is_read_is_asked_for(
    client: FlaskClient, tmp_path: Path, moment: str
) -> None:
    """As for lack of space, before or after it is checked: here by the check of the field before or after its own."""

    def remove_kept(path: Path) -> None:
        for upload in files(tmp_path):
            if upload.suffix != NEW:
                upload.unlink()

    class ThreeFiles(Form):
        before = FileField("Before", check=remove_kept if moment == "before" else None)
        own = FileField("Own", [DataRequired()])
        after = FileField("After", check=remove_kept if moment == "after" else None)

    @tool("Three files", form=ThreeFiles)
    def three_files(job: Job, before: Path | None, own: Path, after: Path | None) -> Result:
        """Do nothing."""
        return {}

    client.application.extensions["greeter"].tools["three_files"] = three_files
    first = client.post("/tools/three_files", data={"own": upload("text")})
    [(_, reference, _)] = kept(first)
    again = client.post("/tools/three_files", data={"own-kept": reference, moment: upload("text", "other.txt")})
    assert again.status_code == 422
    assert "This file is no longer kept. Choose it again." in again.text
    assert [(field, description.partition(",")[0]) for field, _, description in kept(again)] == [(moment, "other.txt")]


def test_a_form_may_refer_to_the_example_and_to_a_sample(client: FlaskClient) -> None:
    """They are not copied for each visitor."""
    for reference in ("example//0/human_proteins.fa", "job/sample-phmmer/0/"):
        answer = send(client, "", **{"targets-kept": reference})
        assert answer.status_code == 503
        assert "TYK2_HUMAN" in answer.text  # short enough to be shown


def test_the_id_of_an_upload_is_not_logged(client: FlaskClient, caplog: pytest.LogCaptureFixture) -> None:
    """Anyone who knows it could use the file."""
    caplog.set_level(0)
    [(_, reference, _)] = kept(send(client, upload(LARGE), query=""))
    send(client, "", **{"targets-kept": reference})
    send(client, "", **{"targets-kept": reference[:-20]})
    assert reference.split("/")[1] not in caplog.text


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"min_free_bytes": 10**18}, "There is not enough disk space for this job."), ({}, "This site cannot store jobs")],
    ids=["full", "gone"],
)
def test_an_upload_that_cannot_be_stored_is_refused_with_the_input(
    tmp_path: Path, settings: dict[str, Any], message: str
) -> None:
    """The answer is 503, what was pasted is shown, and the other fields are as they were."""
    folder = tmp_path / "data"
    folder.mkdir()
    app = create_app(Settings(data_dir=folder, redis_url=f"redis://127.0.0.1:{free_port()}/0", **settings))
    shutil.rmtree(folder) if not settings else None
    for targets in (upload(LARGE), ">t\nMKVLA"):
        answer = send(app.test_client(), targets, evalue="0.25", label="my job")
        assert answer.status_code == 503
        assert message in answer.text
        assert int(answer.headers["Retry-After"]) > 0
        assert "&gt;q\nMKVLA</textarea>" in answer.text.replace("\r", "")
        assert 'value="0.25"' in answer.text
        assert 'value="my job"' in answer.text
    assert "&gt;t\nMKVLA</textarea>" in answer.text.replace("\r", "")


def test_a_small_upload_for_which_there_is_no_room_is_refused(client: FlaskClient, tmp_path: Path) -> None:
    """That shows only when its file is closed, because so little is written at once."""
    most = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, most[1]))
    try:
        answer = send(client, upload(LARGE[:6000]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, most)
    assert answer.status_code == 503
    assert "There is not enough disk space for this job." in answer.text
    assert "&gt;q\nMKVLA</textarea>" in answer.text.replace("\r", "")
    assert files(tmp_path) == []


@pytest.mark.redis
def test_a_visitor_cannot_displace_the_uploads_of_another(with_redis: Installation) -> None:
    """An IPv6 network counts as one visitor. Its address is not stored, and may change while the form is filled in."""
    client = create_app(dataclasses.replace(with_redis.settings, max_kept_bytes=2_000_000)).test_client()

    def send_from(address: str, targets: object, query: str = "", **more: str) -> TestResponse:
        client.environ_base["REMOTE_ADDR"] = address
        return send(client, targets, query, **more)

    [(_, reference, _)] = kept(send_from("192.0.2.1", upload(LARGE)))
    for number in range(20):
        assert kept(send_from(f"2001:db8::{number:x}", upload(LARGE)))
    names = [path.name for path in files(with_redis.settings.data_dir)]
    assert all(re.fullmatch("[0-9a-f]{32}-[0-9a-f]{32}", name) for name in names)
    assert sorted(Counter(name.partition("-")[0] for name in names).values()) == [1, 6]
    assert send_from("198.51.100.7", "", ">q\nMKVLA", **{"targets-kept": reference}).status_code == 303


@pytest.mark.redis
def test_an_upload_does_not_wait_for_a_disk_that_hangs(
    with_redis: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is refused as soon as that is known. Reading a pipe hangs, until its other end is opened."""
    app = create_app(with_redis.settings)
    jobs, client = app.extensions["greeter"].jobs, app.test_client()
    assert jobs.fitness.problem() is None
    marker = jobs.store.files.root / MARKER
    marker.unlink()
    os.mkfifo(marker)
    with monkeypatch.context() as impatient:
        impatient.setattr(probe, "_PATIENCE", 0.1)
        assert jobs.fitness.problem() == HANGS
        answer = send(client, upload(LARGE))
        assert (answer.status_code, kept(answer)) == (503, [])
        assert "This site cannot store jobs" in answer.text
        assert files(with_redis.settings.data_dir) == []
    marker.open("w").close()


def test_a_field_may_have_a_larger_limit_of_its_own(tmp_path: Path) -> None:
    """The form states it; other forms, and text, keep the limit of the site."""
    unreachable = f"redis://127.0.0.1:{free_port()}/0"
    client = create_app(Settings(data_dir=tmp_path, max_upload_bytes=100_000, redis_url=unreachable)).test_client()
    assert "At most 19.3 MiB per submission" in client.get("/tools/report").text
    assert "At most 97.7 KiB per submission" in client.get("/tools/phmmer").text
    fields = {"whole": "10", "molecule": "dna", "matrix": "PAM30", "slider": "1"}
    assert post_file(client, "report", "several", 19_000_000, **fields).status_code == 503
    reads = f"@r\n{'A' * 40_000}\n+\n{'I' * 40_000}\n"  # count beside them
    assert post_file(client, "report", "several", 19_950_000, **fields, reads=reads).status_code == 503
    assert post_file(client, "report", "several", 21_000_000, **fields).status_code == 413
    assert post_file(client, "report", "reads", 200_000, **fields).status_code == 422
    assert post_file(client, "phmmer", "query", 1_000_000).status_code == 413
    assert post_file(client, "phmmer", "query", 2_000_000).status_code == 413
    text = client.post("/tools/report", data=urlencode(fields | {"text": "a" * 1_000_000}), content_type=URLENCODED)
    for answer in (text, post_file(client, "report", "several", 1, **fields, text="a" * 1_000_000)):
        assert answer.status_code == 413
        assert "upload a file instead of pasting text" in answer.text


def test_a_file_that_is_too_large_leaves_the_other_fields_as_they_were(tmp_path: Path) -> None:
    """The limit is that of the whole submission. The other files stay too, but nothing of the large one."""
    folder = tmp_path / "data"
    folder.mkdir()
    unreachable = f"redis://127.0.0.1:{free_port()}/0"
    client = create_app(Settings(data_dir=folder, max_upload_bytes=140_000, redis_url=unreachable)).test_client()
    head = '--cut\r\nContent-Disposition: form-data; name="{}"; filename="{}.fa"\r\n\r\n{}\r\n'
    for content in (">q\n" + "A" * 600_000, LARGE):  # larger than the limit, and only together with the other file
        files_first = head.format("targets", "first", LARGE) + head.format("query", "large", content)
        fields = encode("", "", evalue="0.25", label="my job").decode()
        answer = client.post("/tools/phmmer", data=files_first + fields, content_type=MULTIPART)
        assert answer.status_code == 413
        [(field, _, description)] = kept(answer)
        assert (field, description[:8]) == ("targets", "first.fa")
        assert 'value="0.25"' in answer.text
        assert 'value="my job"' in answer.text
        problem = (
            "The file has more than 137 KiB"
            if content != LARGE
            else "All files and texts of this form together are too large"
        )
        assert re.search(f'<li><a href="#query">[^<]*</a>: {problem}', answer.text)
    assert [path.stat().st_size for path in files(folder)] == [len(LARGE)] * 2


@pytest.mark.parametrize("others_first", [False, True])
def test_a_text_that_is_too_large_leaves_the_other_fields_as_they_were(tmp_path: Path, others_first: bool) -> None:
    """It goes to the disk like a file, where there is no room for all of it. Its field says what happened."""
    unreachable = f"redis://127.0.0.1:{free_port()}/0"
    client = create_app(Settings(data_dir=tmp_path, max_upload_bytes=140_000, redis_url=unreachable)).test_client()
    parts = [encode("", "", query=">q\n" + "A" * 600_000), encode("", "", targets=LARGE, evalue="0.25", label="my job")]
    body = b"".join(part.removesuffix(b"--cut--\r\n") for part in sorted(parts, reverse=others_first))
    answer = client.post("/tools/phmmer", data=body + b"--cut--\r\n", content_type=MULTIPART)
    assert answer.status_code == 413
    problem = "The text has more than 137 KiB, so this page does not show it again. Go back in your browser"
    assert re.search(f'<li><a href="#query">[^<]*</a>: {problem}', answer.text)
    assert [field for field, _, _ in kept(answer)] == ["targets"]
    assert 'value="0.25"' in answer.text
    assert 'value="my job"' in answer.text
    assert [path.read_text() for path in files(tmp_path)] == [LARGE]


def test_a_text_for_which_the_memory_has_no_room_is_accepted_like_a_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The field allows more than all texts may have in memory; the form refers to it when it comes back."""
    monkeypatch.setattr("greeter.web.app._MAX_TEXT", 60_000)
    unreachable = f"redis://127.0.0.1:{free_port()}/0"
    client = create_app(Settings(data_dir=tmp_path, redis_url=unreachable)).test_client()
    answer = client.post("/tools/phmmer", data=encode("", "", query=LARGE, evalue="x"), content_type=MULTIPART)
    assert answer.status_code == 422
    [(field, reference, description)] = kept(answer)
    assert (field, description[:11]) == ("query", "pasted text")
    assert [path.read_text() for path in files(tmp_path)] == [LARGE]
    again = encode("", "", evalue="1", **{"query-kept": reference, "targets": ">t\nMKV"})
    assert client.post("/tools/phmmer", data=again, content_type=MULTIPART).status_code == 503  # there is no Redis
    too_much = encode("", "", query=">q\nMKV", evalue="1" * 60_000)
    assert client.post("/tools/phmmer", data=too_much, content_type=MULTIPART).status_code == 413


def test_the_text_beside_a_large_file_has_the_same_limit(tmp_path: Path) -> None:
    """It is in memory, unlike a file; a body of more than ten times the limit is not read to its end."""
    unreachable = f"redis://127.0.0.1:{free_port()}/0"
    client = create_app(Settings(data_dir=tmp_path, max_upload_bytes=100_000, redis_url=unreachable)).test_client()
    much = dict.fromkeys("abcde", "x" * 70_000)
    for answer in (post_file(client, "phmmer", "query", 1, **much), post_file(client, "phmmer", "query", 3_000_000)):
        assert answer.status_code == 413
        assert "This submission is too large" in answer.text
    less = post_file(client, "phmmer", "query", 900_000, a="x" * 70_000, b="x" * 70_000)
    assert "Nothing has been submitted yet" in less.text


def encode(field: str, content: str, **fields: str) -> bytes:
    """A form with one file. The client of Werkzeug would leave a temporary file open after a 413."""
    head = '--cut\r\nContent-Disposition: form-data; name="{}"{}\r\n\r\n{}\r\n'
    parts = [head.format(name, "", value) for name, value in fields.items()]
    file = head.format(field, '; filename="my targets.fa"', content) if content else ""
    return "".join([*parts, file, "--cut--\r\n"]).encode()


def post_file(client: FlaskClient, tool: str, field: str, size: int, **fields: str) -> TestResponse:
    """Submit a form with one file of a size."""
    return client.post(f"/tools/{tool}", data=encode(field, "a" * size, **fields), content_type=MULTIPART)


def post(site: Installation, targets: str, **more: str) -> Response:
    """Submit proteins to phmmer over HTTP, with the targets as a file."""
    body = encode("targets", targets, query=">q\nDDDDDEEEEE", evalue="1", **more)
    return fetch(site, "/tools/phmmer", "POST", body, **{"Content-Type": MULTIPART})


@pytest.mark.slow
def test_a_large_input_is_edited_and_run_again_without_sending_it_again(installation: Installation) -> None:
    """The form refers to the file of the job; its name and checksum stand on the page of both jobs."""
    answer = post(installation, LARGE)
    assert answer.status == 303, answer.body
    job = answer.headers["Location"]
    page = wait_for_end(installation, job)
    assert "Target proteins, my targets.fa, SHA-256" in page
    [(field, reference, description)] = KEPT.findall(fetch(installation, job + "/edit").body)
    assert (field, description.partition(",")[0]) == ("targets", "my targets.fa")
    assert "5,000 sequences" in description
    again = post(installation, "", **{"targets-kept": unescape(reference)})
    assert again.status == 303, again.body
    second = wait_for_end(installation, again.headers["Location"])
    assert re.findall("<code>([0-9a-f]{64})", second) == re.findall("<code>([0-9a-f]{64})", page)
    assert "Target proteins, my targets.fa, SHA-256" in second
    assert list((Path(installation.settings.data_dir) / "uploads").iterdir()) == []
    fetch(installation, job + "/delete", "POST")
    gone = post(installation, "", **{"targets-kept": unescape(reference)})
    assert gone.status == 422
    assert "This file is no longer kept" in gone.body


@pytest.mark.redis
def test_a_job_that_was_cancelled_before_its_start_can_be_edited_without_its_files(with_redis: Installation) -> None:
    """Its page does not offer to run it again. The form says where the files are, and has the other values."""
    visitor = create_app(with_redis.settings).test_client()
    data = {"query": ">q\nMKVLA", "targets": upload(LARGE), "evalue": "7.5", "label": "my job"}
    job = visitor.post("/tools/phmmer", data=data).headers["Location"]
    before = visitor.get(job + "/edit")
    assert "were deleted" not in before.text
    assert kept(before)
    visitor.post(job + "/cancel")
    page = visitor.get(job).text
    assert "Edit and run again" in page
    assert ">Run again<" not in page
    again = visitor.post(job + "/again")
    assert (again.status_code, again.headers["Location"]) == (303, job + "/edit")
    form = visitor.get(job + "/edit")
    assert "The input files of this job were deleted, or can no longer be read." in form.text
    assert kept(form) == []
    assert "MKVLA" not in form.text
    assert 'value="my job"' in form.text
    assert 'value="7.5"' in form.text


@pytest.mark.slow
@pytest.mark.parametrize("field", ["any file", "FASTA"])
def test_the_memory_of_the_web_does_not_grow_with_an_upload(tmp_path: Path, field: str) -> None:
    """A process that takes 60 MB needs less than 20 MB more than before."""
    limits = {"max_upload_bytes": 10**8, "max_residues": 10**8}
    with closing(Installation(tmp_path, **limits)) as site:
        site.start("redis", "web")
        assert growth(site, field, 60) < 20_000_000
