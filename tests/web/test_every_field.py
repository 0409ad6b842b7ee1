"""Every standard field of WTForms: in the form, in the job, on its page, and in the form again."""

from __future__ import annotations

import io
from html import unescape
from typing import TYPE_CHECKING, Any

import pytest
from flask.testing import FlaskClient

from tests.conftest import Installation

if TYPE_CHECKING:
    from playwright.sync_api import Browser

VALUES = {
    "line": "one <line>",
    "text": "two\nlines",
    "whole": "15",
    "number": "0.3",
    "exact": "1.10",
    "slider": "7",
    "matrix": "BLOSUM62",
    "molecule": "rna",
    "organisms": ["9606", "7955"],
    "fast": "y",
    "day": "2027-01-09",
    "moment": "2027-01-09T16:30",
    "clock": "16:30",
    "mail": "ada@example.org",
    "page": "https://example.org/",
    "secret": "hidden value",
}
GOT = {
    "line": "'one <line>'",
    "text": "'two\\nlines'",
    "whole": "15",
    "number": "0.3",
    "exact": "Decimal('1.10')",
    "slider": "7",
    "matrix": "'BLOSUM62'",
    "molecule": "'rna'",
    "organisms": "['9606', '7955']",
    "fast": "True",
    "day": "datetime.date(2027, 1, 9)",
    "moment": "datetime.datetime(2027, 1, 9, 16, 30)",
    "clock": "datetime.time(16, 30)",
    "mail": "'ada@example.org'",
    "page": "'https://example.org/'",
    "secret": "'hidden value'",
}
SHOWN = ["rna", "9606, 7955", "2027-01-09", "16:30", "1.10", "yes", "one <line>"]
WRONG = {
    "whole": ("x", "Enter a whole number, such as 10."),
    "number": ("2", "Enter a number from 0 to 1."),
    "exact": ("x", "Enter a number, such as 0.001."),
    "matrix": ("PAM31", "Choose one of the options."),
    "molecule": ("xna", "Choose one of the options."),
    "organisms": ("1", "Choose from the options."),
    "day": ("soon", "Enter a date, such as 2027-01-09."),
    "moment": ("soon", "Enter a date and a time, such as 2027-01-09 16:30."),
    "clock": ("soon", "Enter a time, such as 16:30."),
}


def controls(page: Any) -> dict[str, Any]:
    """Return what the form in the browser would send, without its token and files."""
    script = """() => [...new FormData(document.querySelector('form')).entries()]
        .filter(([name, value]) => name != 'token' && typeof value == 'string')"""
    found: dict[str, Any] = {}
    for name, value in page.evaluate(script):
        found.setdefault(name, []).append(value.replace("\r\n", "\n"))
    return {name: values[0] if len(values) == 1 else values for name, values in found.items()}


def json_result(page: Any) -> dict[str, Any]:
    """Return the result of the job whose page is open, as its JSON has it.

    A request that is sent just when the server closes an idle connection is repeated, as a browser would do.
    """
    return dict(page.request.get(page.url + ".json", max_retries=2).json()["result"])


@pytest.mark.slow
@pytest.mark.parametrize("javascript", [True, False])
def test_every_field_makes_the_round_trip(installation: Installation, browser: Browser, javascript: bool) -> None:
    """What is entered arrives at the tool with its type, stands on the page of the job, and fills the form again."""
    site = f"http://127.0.0.1:{installation.settings.web_port}"
    context = browser.new_context(base_url=site, java_script_enabled=javascript)
    page = context.new_page()
    page.goto("/tools/report")
    for name, value in VALUES.items():
        if name == "molecule":
            page.check(f"[name=molecule][value={value}]")
        elif name in ("matrix", "organisms"):
            page.select_option(f"[name={name}]", value)
        elif name == "fast":
            page.check("[name=fast]")
        elif name == "slider":
            page.evaluate(f"document.querySelector('[name=slider]').value = {value}")
        elif name != "secret":
            page.fill(f"[name={name}]", str(value))
    files = [{"name": name, "mimeType": "text/plain", "buffer": name.encode()} for name in ("b.txt", "a.txt")]
    page.set_input_files("[name=several]", files)  # type: ignore[arg-type]
    page.set_input_files("[name=table]", {"name": "my.tsv", "mimeType": "text/plain", "buffer": b"x\ty\n"})
    page.click("form button")
    page.wait_for_selector("text=How this job was run")
    result = json_result(page)
    assert {name: result[name] for name in GOT} == GOT
    assert result["files"] == ["x\ty\n", "b.txt", "a.txt"]
    page.click("text=How this job was run")
    provenance = page.inner_text("details:has(summary:text('How this job was run'))")
    for text in [*SHOWN, "A table, my.tsv, SHA-256", "Several files, b.txt, SHA-256", "Several files, a.txt, SHA-256"]:
        assert text in provenance
    first = result
    page.click("text=Edit and run again")
    kept = {name: page.locator(f"[name={name}-kept]").count() for name in ("table", "several")}
    assert kept == {"table": 1, "several": 2}
    sent = controls(page)
    assert {name: sent[name] for name in VALUES} == VALUES
    page.click("form button")
    page.wait_for_selector("text=How this job was run")
    assert json_result(page) == first
    page.click("text=Run again")
    page.wait_for_selector("text=How this job was run")
    assert json_result(page) == first
    context.close()


def test_unchosen_fields_are_empty(client: FlaskClient) -> None:
    """A box that is not ticked stays so when the form comes back, although the field of another form may be ticked."""
    page = client.post("/tools/report", data={"whole": "x", "molecule": "dna", "matrix": "PAM30", "slider": "1"}).text
    assert '<input aria-describedby="fast-help" id="fast" ' in page
    example = client.get("/tools/report?example").text
    assert '<input aria-describedby="fast-help" checked id="fast" ' in example
    assert 'value="2027-01-09"' in example
    assert example.count("selected") == 3


@pytest.mark.parametrize("name", WRONG)
def test_what_is_wrong_in_each_field_is_said(client: FlaskClient, name: str) -> None:
    """The message says what to do."""
    value, message = WRONG[name]
    entered = {**VALUES, name: value}
    answer = client.post("/tools/report", data=entered)
    assert answer.status_code == 422
    assert answer.text.count(f">{message}<") == 1, unescape(answer.text)


def test_a_file_with_another_ending_is_refused(client: FlaskClient) -> None:
    """The form says which endings it takes."""
    assert "Names ending in .tsv. At most 10 MiB." in client.get("/tools/report").text
    answer = client.post("/tools/report", data={**VALUES, "table": (io.BytesIO(b"x"), "my.xls")})
    assert "&#39;my.xls&#39; does not end in .tsv. Choose another file." in answer.text
