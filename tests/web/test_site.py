"""A site of one's own: its name, sentences, colour, templates, static files and pages in Markdown."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

from greeter import create_app
from greeter.settings import Settings
from greeter.settings_loader import SettingsError, read_settings
from tests.conftest import ROOT, free_port

PAGES = ("/", "/help", "/tools/phmmer", "/jobs/sample-phmmer", "/nowhere", "/jobs/" + "0" * 32)  # the last needs Redis
DRAWING = '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 9 9"><circle r="4"/></svg>'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder for the files of a site, with its three subfolders."""
    for name in ("pages", "static", "templates"):
        (tmp_path / "own" / name).mkdir(parents=True)
    return tmp_path / "own"


def visitor(folder: Path, **settings: Any) -> FlaskClient:
    """A visitor of a site, whose processes reload templates unless it is a public one."""
    redis = f"redis://127.0.0.1:{free_port()}/0"
    return create_app(Settings(data_dir=folder, redis_url=redis, site_dir=folder, **settings)).test_client()


def test_every_page_has_the_name_the_sentences_and_the_links_of_the_site(folder: Path) -> None:
    """In the title, at the top and at the bottom, on error pages too; what is removed is not there."""
    ours = visitor(folder)
    theirs = visitor(
        folder,
        site_name="Fold & Lab",
        site_access="For members of the institute.",
        site_credit=False,
        contact="me@fold.example",
        imprint_url="https://fold.example/imprint",
        privacy_url="https://fold.example/privacy",
    )
    nobody = visitor(folder, site_access="no")
    for path in PAGES:
        page = theirs.get(path).text
        assert re.search("<title>[^<]+ - Fold &amp; Lab</title>", page)
        assert re.search('height="28"[^>]*>Fold &amp; Lab</a>', page)
        assert "For members of the institute. It sets no cookies." in page
        assert 'href="https://fold.example/imprint">Imprint' in page
        assert 'href="https://fold.example/privacy">Privacy policy' in page
        assert "me@fold.example" in page
        assert "free and open to all" not in page
        assert "reeter" not in re.sub("expensive_greet", "", page)
        assert "Imprint" not in ours.get(path).text
        assert len(re.findall("Made with greeter [0-9.]+, free software", ours.get(path).text)) == 1
        assert "free and open to all" in ours.get(path).text
        assert "<p>This website sets no cookies.</p>" in nobody.get(path).text


def test_the_front_page_and_the_help_say_what_the_site_is_and_how_to_cite_it(folder: Path) -> None:
    """The summary is the description for search engines too, and an address in the citation is a link."""
    cite = "Doe, J. (2026) <i>Folds</i>. https://doi.org/10.1/x"
    theirs = visitor(folder, site_summary="Searches for a lab.", citation=cite)
    front = theirs.get("/").text
    assert '<meta name="description" content="Searches for a lab. ' in front
    assert '<p class="lead">Searches for a lab.</p>' in front
    for page in (front, theirs.get("/help").text):
        assert '&lt;i&gt;Folds&lt;/i&gt;. <a href="https://doi.org/10.1/x"' in page


def test_the_colour_of_a_site_is_a_style_sheet(folder: Path) -> None:
    """It comes after that of the template, so that no page has an inline style; without a colour there is none."""
    theirs = visitor(folder, site_colour=("#8a1c5c", "#f0a0d0"))
    links = re.findall('<link rel="stylesheet" href="(.*?)">', theirs.get("/").text)
    assert links == ["/static/style.css", "/colours.css"]
    sheet = theirs.get("/colours.css")
    assert (sheet.mimetype, sheet.text) == ("text/css", ":root { --accent: light-dark(#8a1c5c, #f0a0d0); }\n")
    assert theirs.get("/colours.css", headers={"If-None-Match": sheet.headers["ETag"]}).status_code == 304
    plain = visitor(folder)
    assert re.findall('<link rel="stylesheet" href="(.*?)">', plain.get("/").text) == ["/static/style.css"]
    assert plain.get("/colours.css").status_code == 404


def test_static_files_of_the_site_come_first(folder: Path) -> None:
    """A file with the name of ours replaces it, others are added, and nothing outside the folder can be read."""
    theirs = visitor(folder, site_logo="logo.svg")
    assert 'href="/static/site.css"' not in theirs.get("/").text
    (folder / "static/logo.svg").write_text(DRAWING)
    (folder / "static/favicon.svg").write_text(DRAWING)
    (folder / "static/site.css").write_text("h1 { font-style: italic }")
    (folder / "secret").write_text("secret")
    page = theirs.get("/").text
    assert '<img src="/static/logo.svg" alt="" height="28">' in page
    assert '<link rel="stylesheet" href="/static/site.css">' in page
    for name in ("logo.svg", "favicon.svg"):
        with theirs.get(f"/static/{name}") as sent:
            assert sent.data.decode() == DRAWING
            assert "script-src 'self'" in sent.headers["Content-Security-Policy"]
    with theirs.get("/static/style.css") as ours:
        assert b":root" in ours.data
    for path in ("/static/../secret", "/static/%2e%2e/secret", "/static/x%00y", "/static/", "/pages/../../secret"):
        assert theirs.get(path).status_code == 404


@pytest.mark.parametrize("production", [False, True])
def test_templates_of_the_site_come_first(folder: Path, production: bool) -> None:
    """One may extend that which it replaces. In development, one that is added, changed or removed counts at once."""
    theirs = visitor(folder, production=production)
    own = folder / "templates/base.html"
    before = theirs.get("/").text
    own.write_text('{% extends "original/base.html" %}{% block head %}<meta name="lab" content="folds">{% endblock %}')
    added = theirs.get("/").text
    assert (added == before) == production
    if not production:
        assert added.replace('<meta name="lab" content="folds">', "").split() == before.split()
        own.write_text(own.read_text().replace("folds", "folded"))
        os.utime(own, ns=(1, 1))  # or the two changes may be made within one tick of the clock
        assert 'content="folded"' in theirs.get("/help").text
        own.unlink()
        assert theirs.get("/").text == before
    (folder / "templates/tools/phmmer").mkdir(parents=True)
    (folder / "templates/tools/phmmer/_about.html").write_text("Ask us about searches.")
    assert "Ask us about searches." in visitor(folder, production=production).get("/tools/phmmer").text


def test_a_template_with_a_mistake_is_found(folder: Path) -> None:
    """The check of the settings names the file, the line and the mistake, before a visitor sees an error."""
    own = folder / "templates/base.html"
    own.write_text('{% extends "original/base.html" %}\n{% block main %}{{ 1|dury }}{% endblock %}')
    check = visitor(folder).application.test_cli_runner()
    failed = check.invoke(args=["check-settings"])
    assert failed.exit_code == 1
    assert f"{own}, line 2: No filter named 'dury'.\n" in failed.output
    own.write_text('{% extends "original/base.html" %}\n{% block main %}{{ 1|duration }}{% endblock %}')
    assert check.invoke(args=["check-settings"]).output == "The settings can be used.\n"


def test_pages_in_markdown_are_added(folder: Path) -> None:
    """Each has an address and a link: in the navigation, or at the bottom if it is the imprint or privacy policy."""
    theirs = visitor(folder)
    assert theirs.get("/pages/news").status_code == 404
    (folder / "pages/news.md").write_text("# What is **new**\n\n## 2026\n\n[A tool](../tools/phmmer)\n")
    (folder / "pages/imprint.md").write_text("Fold Lab, Road 1\n")
    page = theirs.get("/pages/news").text
    assert re.search("<title>What is new - ", page)
    assert page.count("<h1>") == 1
    assert '<h2>2026</h2>\n<p><a href="../tools/phmmer">A tool</a></p>' in page
    top, bottom = theirs.get("/").text.split("<main")
    assert '<a href="/pages/news">What is new</a>' in top
    assert '<a href="/pages/imprint">Imprint</a>' in bottom
    assert "imprint" not in top
    assert "<h1>Imprint</h1>\n<p>Fold Lab, Road 1</p>" in theirs.get("/pages/imprint").text
    assert "/fold/pages/news" in prefixed(folder)


def prefixed(folder: Path) -> str:
    """The front page behind a proxy that serves the site under a path."""
    return visitor(folder, proxy_hops=1).get("/", headers={"X-Forwarded-Prefix": "/fold"}).text


def test_texts_in_markdown_are_parts_of_our_pages(folder: Path) -> None:
    """They begin the front page, are a section of the help and a notice on every page. A change needs no restart."""
    theirs = visitor(folder, production=True)
    assert "What would you like to run?" in theirs.get("/").text
    (folder / "pages/index.md").write_text("# Find relatives\n\nOf your *protein*.\n")
    (folder / "pages/help.md").write_text("# At our institute\n\nCome to room 5.\n")
    assert "<h1>Find relatives</h1>" in (front := theirs.get("/").text)
    assert "<p>Of your <em>protein</em>.</p>" in front
    (folder / "pages/index.md").write_text("Without a heading.")
    os.utime(folder / "pages/index.md", ns=(2, 2))
    assert "<h1>What would you like to run?</h1>" in (front := theirs.get("/").text)
    assert "<p>Without a heading.</p>" in front
    help_page = theirs.get("/help").text
    assert '<a href="#about-this-site">At our institute</a>' in help_page
    assert '<h2 id="about-this-site">At our institute</h2>\n<p>Come to room 5.</p>' in help_page
    assert "/pages/" not in help_page
    notice = folder / "pages/notice.md"
    for text in ("Maintenance on **Friday**", "Maintenance on **Sunday**"):
        notice.write_text(text)
        os.utime(notice, ns=(len(text), text.count("Fri")))
        day = text.split("**")[1]
        for path in PAGES:
            assert f"Maintenance on <strong>{day}</strong>" in theirs.get(path).text
    notice.write_text("# Moved\n\nSince Monday.")
    assert re.search(r"<p><strong>Moved</strong></p>\s+<p>Since Monday.</p>", theirs.get("/").text)
    notice.unlink()
    assert "Maintenance" not in theirs.get("/").text


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("<script>alert(1)</script>", "&lt;script&gt;"),
        ("a <b style='x'>b</b>", "&lt;b style="),
        ("[a](javascript:alert(1))", "[a](javascript:alert(1))"),
        ("| a |\n|---|\n| <pre> |", '<div class="wide" tabindex="0" role="group" aria-label="Table"><table>'),
        ("```\n<pre>\n```", '<pre tabindex="0" role="group" aria-label="Text"><code>&lt;pre&gt;'),
    ],
)
def test_markdown_contains_no_html(folder: Path, text: str, shown: str) -> None:
    """Raw HTML is shown as text, and what may be wide can be scrolled with the keyboard."""
    (folder / "pages/x.md").write_text(text)
    page = visitor(folder).get("/pages/x").text
    assert shown in page
    assert not re.search("<script>|<b |href=.javascript", page)


def test_an_unreadable_page_does_not_affect_others(folder: Path) -> None:
    """One that is empty, not text, or a folder does not make other pages fail."""
    (folder / "pages/notice.md").mkdir()
    (folder / "pages/empty.md").write_text("")
    (folder / "pages/binary.md").write_bytes(b"\xff\xfe\x00#")
    (folder / "pages/gone.md").symlink_to("nowhere")
    theirs = visitor(folder)
    assert re.findall("/pages/([a-z]+)", theirs.get("/").text) == ["binary", "empty"]
    assert {theirs.get(f"/pages/{name}").status_code for name in ("empty", "binary")} == {200}
    assert {theirs.get(f"/pages/{name}").status_code for name in ("notice", "gone", ".", "a" * 5000)} == {404}


def test_settings_that_name_files_which_cannot_be_sent_are_refused(tmp_path: Path) -> None:
    """At start, not when a visitor comes. So is a file that is not in a folder for visitors."""
    (tmp_path / "static").mkdir()
    (tmp_path / "static/inside.svg").touch()
    (tmp_path / "outside.svg").touch()
    for given, problem in (
        ({"SITE_DIR": str(tmp_path / "nowhere")}, "SITE_DIR should be an existing folder"),
        ({"SITE_DIR": str(tmp_path), "SITE_LOGO": "logo.svg"}, "SITE_LOGO should be the name of a file"),
        ({"SITE_LOGO": "logo.svg"}, "SITE_LOGO should be the name of a file"),
        ({"SITE_DIR": str(tmp_path), "SITE_LOGO": "../outside.svg"}, "SITE_LOGO should be the name of a file"),
        ({"SITE_DIR": str(tmp_path), "SITE_LOGO": "../static/inside.svg"}, "SITE_LOGO should be the name of a file"),
        ({"SITE_DIR": str(tmp_path), "SITE_LOGO": f"{tmp_path}/outside.svg"}, "SITE_LOGO should be the name of a file"),
        ({"IMPRINT_URL": "javascript:alert(1)"}, "IMPRINT_URL should be an address that starts with https://"),
    ):
        with pytest.raises(SettingsError, match=problem):
            read_settings(given)


def test_the_folder_of_the_template_is_empty_for_adopters() -> None:
    """Nothing is read from it unless SITE_DIR names it, so no test depends on what an adopter has there."""
    assert Settings().site_dir is None
    assert read_settings({"SITE_DIR": "site"}).site_dir == Path("site").absolute()
    assert (ROOT / "site/README.md").exists()
