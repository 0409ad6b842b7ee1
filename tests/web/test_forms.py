"""The form of a tool: what it takes, and what it makes of it."""

import bz2
import gzip
import io
import lzma
import random
import zipfile
from collections.abc import Callable

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from wtforms import Form, StringField, TextAreaField

from greeter.toolkit import Job, tool
from greeter.web.forms import make_form
from tests.web.test_template_filters import CONTROL, TURNING


class Fields(Form):
    """A line, and a text."""

    line = StringField(default=None)
    text = TextAreaField(filters=[lambda text: text and text + "!"])


@tool("Has fields", form=Fields)
def has_fields(job: Job, line: str, text: str) -> dict[str, str]:
    """Do nothing."""
    return {}


def test_a_line_has_no_line_breaks_and_a_text_keeps_them(app: Flask) -> None:
    """Tabs too; the filters of the tool's author come first, and no text is no text."""
    with app.app_context():
        form = make_form(has_fields, MultiDict({"line": "a\r\nb\0", "text": "a\r\n\tb\0\u202e"}))
        assert form.data == {"line": "a b", "text": "a\n\tb!"}
        assert make_form(has_fields).data == {"line": None, "text": None}


def test_the_form_comes_back_without_what_cannot_be_shown(client: FlaskClient) -> None:
    """In every field and in the name of the job."""
    entered = {"person": f"Ada\0{TURNING}\r\nLovelace", "label": f"my{TURNING}\r\njob\0"}
    entered |= {"total": f"x{TURNING}", "token": f"y{TURNING}"}
    page = client.post("/tools/expensive_greet", data=entered).text
    assert 'value="Ada Lovelace"' in page
    assert 'value="my job"' in page
    assert not set(page) & set(TURNING + CONTROL)


def test_a_file_for_a_field_that_takes_none_is_nothing(client: FlaskClient) -> None:
    """Nor is it a bug."""
    answer = client.post("/tools/expensive_greet", data={"person": (io.BytesIO(b"Ada"), "p"), "total": "1"})
    assert answer.status_code == 422
    assert "Fill in this field." in answer.text


def zstd(content: bytes) -> bytes:
    """A frame of Zstandard with one raw block of up to 64 kB."""
    size, block = len(content) - 256, len(content) << 3 | 1
    return b"(\xb5/\xfd\x60" + size.to_bytes(2, "little") + block.to_bytes(3, "little") + content


def zipped(content: bytes) -> bytes:
    """An archive with one file."""
    with zipfile.ZipFile(packed := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("proteins.fa", content)
    return packed.getvalue()


def as_gzip_text(content: bytes) -> bytes:
    """A gzip file whose only flag says that this is text."""
    packed = gzip.compress(content, mtime=0x11111111)
    return packed[:3] + b"\1" + packed[4:]


PACKERS = {"gzip": gzip.compress, "text": as_gzip_text, "bzip2": bz2.compress, "xz": lzma.compress} | {
    "zip": zipped,
    "zstd": zstd,
}


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_26_a_compressed_file_is_refused_with_what_to_do(client: FlaskClient, pack: Callable[[bytes], bytes]) -> None:
    """Also one that is without a zero byte by chance, which would tell it from text."""
    choose = random.Random(1)
    texts = [b">a\n" + bytes(choose.choices(b"ACDEFGHIKLMNPQRSTVWY", k=9999)) for _ in range(200)]
    files = sorted(map(pack, texts), key=lambda packed: packed.count(0))
    for packed in (files[0], files[-1]):
        entered = {"query": [(io.BytesIO(packed), "q.fa")], "evalue": "10"}
        answer = client.post("/tools/phmmer", data=entered)
        assert answer.status_code == 422
        assert "Unpack it, or save it as plain text, and choose it again." in answer.text


@pytest.mark.parametrize("more", [{"query": (io.BytesIO(), "q")}, {"query": "q"}], ids=["multipart", "urlencoded"])
def test_26_more_parts_than_any_form_has_are_too_much(client: FlaskClient, more: dict) -> None:
    """Each one costs memory before anything looks at it."""
    answer = client.post("/tools/phmmer", data={f"field{number}": "x" for number in range(100)} | more)
    assert answer.status_code == 413
    assert "submission is too large" in answer.text
