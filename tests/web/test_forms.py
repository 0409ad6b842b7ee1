"""Tests of how the form of a tool accepts, cleans and refuses input."""

import bz2
import io
import lzma
import random
import tracemalloc
import zipfile
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import pytest
from flask import Flask, request
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from wtforms import DecimalField, FloatField, Form, IntegerField, StringField, TextAreaField
from wtforms.validators import NumberRange, Optional

from greeter import create_app
from greeter.settings import Settings
from greeter.toolkit import Job, Result, tool
from greeter.web.input.forms import make_form
from tests.web.test_template_filters import CONTROL, TURNING


class Fields(Form):
    """A single-line field and a text area."""

    line = StringField(default=None)
    text = TextAreaField(filters=[lambda text: text and text + "!"])


@tool("Has fields", form=Fields)
def has_fields(job: Job, line: str, text: str) -> dict[str, str]:
    """Do nothing."""
    return {}


def test_single_line_fields_lose_line_breaks_and_text_areas_keep_them(app: Flask) -> None:
    """Text areas keep tabs too, the tool author's filters run first, and missing text stays None."""
    with app.app_context():
        form = make_form(has_fields, MultiDict({"line": "a\r\nb\0", "text": "a\r\n\tb\0\u202e"}))
        assert form.data == {"line": "a b", "text": "a\n\tb!"}
        assert make_form(has_fields).data == {"line": None, "text": None}


def test_a_redisplayed_form_has_no_unprintable_characters(client: FlaskClient) -> None:
    """Unprintable characters are removed from every field and from the job name."""
    entered = {"person": f"Ada\0{TURNING}\r\nLovelace", "label": f"my{TURNING}\r\njob\0"}
    entered |= {"total": f"x{TURNING}", "token": f"y{TURNING}"}
    page = client.post("/tools/expensive_greet", data=entered).text
    assert 'value="Ada Lovelace"' in page
    assert 'value="my job"' in page
    assert not set(page) & set(TURNING + CONTROL)


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("line", ["a", "b"]),
        ("line", ["", "b"]),
        ("number", ["", "0.5"]),
        ("matrix", ["PAM30", "BLOSUM62"]),
        ("fast", ["y", "y"]),
        ("day", ["2027-01-09", "2027-01-10"]),
        ("reads", ["@r", "@r"]),
        ("table", [(io.BytesIO(b"a"), "a.tsv"), (io.BytesIO(b"b"), "b.tsv")]),
    ],
)
def test_several_values_for_a_field_that_takes_one_are_refused(
    client: FlaskClient, name: str, values: list[object]
) -> None:
    """All but the first would be ignored. The error is at the field, and the first value is still there."""
    answer = client.post("/tools/report", data={name: values})
    assert (answer.status_code, answer.text.count("Give one value, not 2.")) == (422, 2)
    assert f'href="#{name}"' in answer.text


NESTED = '''
from wtforms import FieldList, Form, FormField, IntegerField

from greeter.toolkit import tool

class SizeForm(Form):
    width = IntegerField("Width")

class NestedForm(Form):
    size = FormField(SizeForm)
    sizes = FieldList(FormField(SizeForm), min_entries=2)
    numbers = FieldList(IntegerField("Number"), min_entries=2)

@tool("Takes nested fields", form=NestedForm)
def zz_nested(job, size, sizes, numbers):
    """Do nothing."""
    return {}
'''


@pytest.mark.parametrize("name", ["size-width", "sizes-1-width", "numbers-1"])
@pytest.mark.parametrize(
    ("value", "message"), [("x", "Enter a whole number, such as 10."), (["1", "2"], "Give one value, not 2.")]
)
def test_a_field_inside_another_is_checked_like_others(
    tool_folder: Path, tmp_path: Path, name: str, value: object, message: str
) -> None:
    """The error is at the outer field, and the first value is still there."""
    (tool_folder / "zz_nested.py").write_text(NESTED)
    client = create_app(Settings(data_dir=tmp_path)).test_client()
    right = {"size-width": "7", "sizes-0-width": "7", "sizes-1-width": "7", "numbers-0": "7", "numbers-1": "7"}
    answer = client.post("/tools/zz_nested", data=right | {name: value})
    assert (answer.status_code, answer.text.count(f">{message}<")) == (422, 1)
    outer = name.partition("-")[0]
    assert f'<a href="#{outer}">{outer.capitalize()}</a>: {message}' in answer.text
    assert f'name="{name}" type="number" value="{value[0]}"' in answer.text
    answer = client.post("/api/v1/processes/zz_nested/execution", data=right | {name: value})
    assert answer.json["errors"] == [{"field": outer, "detail": message}]


def test_a_second_name_of_the_job_is_refused(client: FlaskClient) -> None:
    """It would be ignored. The input is still there."""
    answer = client.post("/tools/expensive_greet", data={"person": "Ada", "total": "1", "label": ["one", "two"]})
    assert answer.status_code == 422
    assert "Give one job name, not 2, and submit again." in answer.text
    assert 'value="Ada"' in answer.text
    assert 'value="one"' in answer.text


def test_a_field_for_several_values_takes_them(app: Flask, client: FlaskClient) -> None:
    """So do several files, and a file may come with the text that it replaces, as from a browser."""
    values = {"organisms": ["9606", "7955"], "several": [(io.BytesIO(b"a"), "a"), (io.BytesIO(b"b"), "b")]}
    assert client.post("/tools/report", data=values).status_code == 503  # there is no Redis
    values = {"reads": ["@old\nA\n+\nI\n", (io.BytesIO(b"@new\nA\n+\nI\n"), "reads.fq")]}
    assert client.post("/tools/report", data=values).status_code == 503


def test_a_file_sent_for_a_text_field_is_ignored(client: FlaskClient) -> None:
    """The field counts as empty, and the request does not fail."""
    answer = client.post("/tools/expensive_greet", data={"person": (io.BytesIO(b"Ada"), "p"), "total": "1"})
    assert answer.status_code == 422
    assert "Fill in this field." in answer.text


def zstd(content: bytes) -> bytes:
    """A Zstandard frame with one raw block of up to 64 kB."""
    size, block = len(content) - 256, len(content) << 3 | 1
    return b"(\xb5/\xfd\x60" + size.to_bytes(2, "little") + block.to_bytes(3, "little") + content


def zipped(content: bytes) -> bytes:
    """A zip archive with one file."""
    with zipfile.ZipFile(packed := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("proteins.fa", content)
    return packed.getvalue()


PACKERS = {"bzip2": bz2.compress, "xz": lzma.compress} | {"zip": zipped, "zstd": zstd}


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_compressed_files_are_refused_with_instructions(client: FlaskClient, pack: Callable[[bytes], bytes]) -> None:
    """This includes compressed files that happen to contain no zero byte, which would otherwise give them away."""
    residues = bytes(b"ACDEFGHIKLMNPQRSTVWY"[byte % 20] for byte in range(256))
    choose = random.Random(1)
    texts = [b">a\n" + choose.randbytes(9999).translate(residues) for _ in range(200)]
    files = sorted(map(pack, texts), key=lambda packed: packed.count(0))
    for packed in (files[0], files[-1]):
        entered = {"query": [(io.BytesIO(packed), "q.fa")], "evalue": "10"}
        answer = client.post("/tools/phmmer", data=entered)
        assert answer.status_code == 422
        assert "Unpack it, or save it as plain text, and choose it again." in answer.text


@pytest.mark.parametrize("more", [{"query": (io.BytesIO(), "q")}, {"query": "q"}], ids=["multipart", "urlencoded"])
def test_too_many_form_parts_are_refused(client: FlaskClient, more: dict) -> None:
    """A body with more parts than any form has gets 413, because each part costs memory before it is checked."""
    answer = client.post("/tools/phmmer", data={f"field{number}": "x" for number in range(100)} | more)
    assert answer.status_code == 413
    most = client.application.config["MAX_FORM_PARTS"]
    assert f" no more than {most} files and fields, " in answer.text
    assert "submission is too large" in answer.text


@pytest.mark.parametrize(("headers", "status"), [(100, 422), (200_000, 413)])
def test_the_headers_of_a_part_have_a_limit(client: FlaskClient, headers: int, status: int) -> None:
    """Each line of them takes many times its bytes in memory."""
    head = b'--a\r\nContent-Disposition: form-data; name="total"\r\n' + b"X: a\r\n" * headers
    body = head + b"\r\nmany\r\n--a--\r\n"
    answer = client.post("/tools/expensive_greet", data=body, content_type="multipart/form-data; boundary=a")
    assert answer.status_code == status


@pytest.mark.parametrize(
    ("body", "fields"),
    [
        (b"a=1&b=&c&&a=2", {"a": ["1", "2"], "b": [""], "c": [""]}),
        (b"a+b=%2B+%3d=%26&%C3%A9=\xc3\xa9", {"a b": ["+ ==&"], "é": ["é"]}),
        (b"a=%&b=%4&c=%zz%%41", {"a": ["%"], "b": ["%4"], "c": ["%zz%A"]}),
        *((b"a=" + b"x" * before + b"%E2%82%AC%", {"a": ["x" * before + "€%"]}) for before in range(65_526, 65_540)),
        (b"a=" + b"%" * 65_535 + b"%41", {"a": ["%" * 65_535 + "A"]}),
    ],
    ids=lambda value: "" if isinstance(value, dict) else f"{value[:40]}{len(value)}",
)
def test_the_fields_of_a_form(app: Flask, body: bytes, fields: dict[str, list[str]]) -> None:
    """They are decoded in parts of 64 KiB, which cut no escape in two."""
    with app.test_request_context(method="POST", data=body, content_type="application/x-www-form-urlencoded"):
        assert request.form.to_dict(flat=False) == fields


@pytest.mark.slow
def test_the_escapes_in_a_form_take_little_memory(client: FlaskClient) -> None:
    """Python takes a hundred times the memory of what it decodes at once."""
    body = b"person=" + b"%41" * 1_000_000
    tracemalloc.start()
    answer = client.post("/tools/expensive_greet", data=body, content_type="application/x-www-form-urlencoded")
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (answer.status_code, "A" * 1_000_000 in answer.text) == (422, True)
    assert peak < 50_000_000


class Numbers(Form):
    """Numbers with and without bounds."""

    whole = IntegerField(validators=[Optional(), NumberRange(1, 10)])
    any_whole = IntegerField(validators=[Optional()])
    broken = FloatField(validators=[Optional(), NumberRange(min=0)])
    any_broken = FloatField(validators=[Optional()])
    exact = DecimalField(validators=[Optional(), NumberRange(0, 1)])


@tool("Has numbers", form=Numbers)
def has_numbers(job: Job, whole: int, any_whole: int, broken: float, any_broken: float, exact: Decimal) -> Result:
    """Do nothing."""
    return {}


@pytest.mark.parametrize("number", ["9" * 400, "-" + "9" * 400, "9" * 5000, "1e999", "-1e999", "nan", "inf", "sNaN"])
def test_a_number_that_is_not_finite_or_too_large_is_a_field_error(app: Flask, number: str) -> None:
    """Every field of numbers refuses it with what to do, whatever its validators are."""
    with app.app_context():
        for name in Numbers()._fields:
            form = make_form(has_numbers, MultiDict({name: number}))
            assert not form.validate(), name
            assert "Enter a" in form.errors[name][0]
        assert make_form(has_numbers, MultiDict({"whole": "7", "any_broken": "-1e300", "exact": "0.5"})).validate()


@pytest.mark.parametrize("number", ["9" * 400, "9" * 5000, "nan"])
def test_an_absurd_number_shows_the_form_again(client: FlaskClient, number: str) -> None:
    """The answer is 422, not 500."""
    answer = client.post("/tools/expensive_greet", data={"person": "Ada", "total": number})
    assert answer.status_code == 422
    assert "Enter a" in answer.text


def test_a_form_shows_every_digit_of_a_decimal(app: Flask) -> None:
    """Otherwise, to edit a job would change its parameters. The tool can choose to show fewer."""

    class Decimals(Form):
        exact = DecimalField()
        rounded = DecimalField(places=2)

    @tool("Has decimals", form=Decimals)
    def has_decimals(job: Job, exact: Decimal, rounded: Decimal) -> Result:
        return {}

    with app.app_context():
        form = make_form(has_decimals, data={"exact": Decimal("0.00012"), "rounded": Decimal("0.00012")})
        assert 'value="0.00012"' in form["exact"]()
        assert 'value="0.00"' in form["rounded"]()
