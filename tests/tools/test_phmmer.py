"""phmmer compared with the output of the program (see reference/README.md)."""

import math
import re
import signal
import subprocess
import sys
from contextlib import closing
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from flask import Flask, render_template
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict

from greeter.jobs.files.result_files import ResultFile
from greeter.jobs.records.reader import Provenance
from greeter.toolkit import Job, SoftTimeLimitExceeded
from greeter.toolkit.job import Fallback
from greeter.tools import SAMPLES
from greeter.tools import phmmer as module
from greeter.tools.phmmer import EXAMPLES, alignments, phmmer
from greeter.tools.phmmer import report as reporting
from greeter.tools.phmmer.found import Found
from greeter.tools.phmmer.hits import _HEADER, COLUMNS
from greeter.web.input.forms import make_form
from greeter.web.results.previews import Previews
from greeter.web.results.table_index import TableIndex, Where
from tests.conftest import needs

REFERENCE = Path(__file__).parent / "reference"
THREE, PROTEINS = EXAMPLES / "JAK2_HBB_INS.fa", EXAMPLES / "human_proteins.fa"
HBB_HUMAN, GLOBINS = EXAMPLES / "HBB_HUMAN.fa", EXAMPLES / "globins45.fa"


def tables(job: Job) -> dict[str, str]:
    """The tables that a job wrote."""
    return {name: (job.folder / "outputs" / f"{name}.tbl").read_text() for name in ("targets", "domains")}


def rows(job: Job, name: str = "hits.tsv") -> list[dict[str, Any]]:
    """The rows that a job wrote for its page, with their details."""
    with closing(TableIndex(job.folder / "outputs" / name)) as index:
        starts = range(0, index.count(Where()), 100)
        return [row for start in starts for row in index.page(Where(), "", start)]


def text(job: Job, name: str) -> str:
    """The text in a result file."""
    return (job.folder / "outputs" / name).read_text()


def without_author(stockholm: str) -> str:
    """Alignments without the lines that have the version of the program."""
    return re.sub("^#=GF AU .*", "", stockholm, flags=re.MULTILINE)


def reference(name: str) -> dict[str, str]:
    """The tables that the program wrote."""
    return {table: (REFERENCE / f"{name}.{table}").read_text() for table in ("targets", "domains")}


@pytest.mark.parametrize("cores", [1, 2])
@pytest.mark.parametrize(
    ("name", "query", "targets", "evalue"),
    [
        ("hbb_human", HBB_HUMAN, GLOBINS, 10.0),
        ("strict", HBB_HUMAN, GLOBINS, 1e-50),
        pytest.param("globins45", GLOBINS, GLOBINS, 10.0, marks=pytest.mark.slow),
        pytest.param("globins45", GLOBINS, None, 10.0, marks=pytest.mark.slow),
    ],
)
def test_the_tables_equal_those_of_the_phmmer_program(
    tmp_path: Path, name: str, query: Path, targets: Path, evalue: float, cores: int
) -> None:
    """Every byte equals --tblout and --domtblout, except for the comments about the run."""
    job = Job(tmp_path, cores=cores)
    phmmer(job, query=query, targets=targets, evalue=evalue)
    assert tables(job) == reference(name)


@pytest.mark.parametrize(("megabytes", "threads"), [(1, 1), (100, 2)])
def test_as_many_queries_are_searched_at_once_as_cores_and_memory_allow(
    tmp_path: Path, megabytes: int, threads: int
) -> None:
    """Two comparisons of globins can need 1.6 MB."""
    assert module._threads(Job(tmp_path, megabytes * 10**6, cores=2), 36 * 153 * 153) == threads


@needs("phmmer", "hmmer")
def test_an_evalue_too_small_for_the_program_is_zero(tmp_path: Path) -> None:
    """Of repeated parts of a globin, each as long as makes the E-value of itself a little smaller or larger."""
    globin = HBB_HUMAN.read_text().partition("\n")[2].replace("\n", "")
    same = tmp_path / "same"
    same.write_text("".join(f">{length}\n{(globin * 4)[:length]}\n" for length in range(420, 564, 24)))
    phmmer(Job(tmp_path), query=same, targets=same, evalue=10.0)
    files = ["--tblout", f"{tmp_path}/targets", "--domtblout", f"{tmp_path}/domains"]
    subprocess.run(["phmmer", *files, str(same), str(same)], check=True, capture_output=True)
    for name, table in tables(Job(tmp_path)).items():
        assert lines(table) == lines((tmp_path / name).read_text())
    assert {row["evalue"] for row in rows(Job(tmp_path))} > {0.0}
    assert not [row["evalue"] for row in rows(Job(tmp_path)) if 0 < row["evalue"] < sys.float_info.min]
    assert math.exp(-720) > 0  # in this process, as before


def lines(table: str) -> list[str]:
    """The lines of a table without comments."""
    return [line for line in table.splitlines() if not line.startswith("#")]


def test_the_rows_have_the_values_of_the_phmmer_program(tmp_path: Path) -> None:
    """The values of hits and domains are equal when rounded as in the program's tables."""
    job = Job(tmp_path)
    result = phmmer(job, query=HBB_HUMAN, targets=GLOBINS, evalue=10.0)
    assert result == {
        "queries": 1,
        "query_residues": 146,
        "targets": 45,
        "target_residues": 6519,
        "evalue": 10.0,
        "hits": 45,
        "significant": 45,
        "without_hits": 0,
        "all_aligned": True,
    }
    expected = {
        table: [line.split() for line in text.splitlines() if line[0] != "#"]
        for table, text in reference("hbb_human").items()
    }
    hits = [[hit["target"], f"{hit['evalue']:.2g}", f"{hit['score']:.1f}", f"{hit['bias']:.1f}"] for hit in rows(job)]
    assert hits == [[row[0], *row[4:7]] for row in expected["targets"]]
    domains = [
        [
            hit["target"],
            str(hit["target_length"]),
            f"{domain['evalue']:.2g}",
            *(str(domain[place]) for place in ("query_from", "query_to", "target_from", "target_to")),
        ]
        for hit in rows(job)
        for domain in hit["details"]["domains"]
    ]
    assert domains == [[row[0], row[2], row[12], *row[15:19]] for row in expected["domains"]]


def test_an_alignment_is_drawn_as_the_program_prints_it(tmp_path: Path) -> None:
    """Query, matches, target, confidence and residue numbers are equal, letter by letter."""
    job = Job(tmp_path)
    phmmer(job, query=HBB_HUMAN, targets=GLOBINS, evalue=10.0)
    drawn = [domain["alignment"].split("\n") for hit in rows(job) for domain in hit["details"]["domains"]]
    printed = (REFERENCE / "hbb_human.alignments").read_text().split("\n\n")
    whole = [block.split("\n")[-4:] for block in printed if block.endswith("PP")]
    assert len(drawn) == len(whole) == 45
    for lines, (query, matches, target, confidence) in zip(drawn, whole, strict=True):
        sequences = [[line[14:74].split(" ")[0] for line in lines[row::5]] for row in (0, 2)]
        assert ["".join(part) for part in sequences] == [query.split()[2], target.split()[2]]
        start = query.index(query.split()[2])
        length = len(query.split()[2])
        for row, line in ((1, matches), (3, confidence)):
            assert "".join(part[14:74] for part in lines[row::5]) == line[start : start + length].ljust(length)
        for row, line in ((0, query), (2, target)):
            assert lines[row].split()[1] == line.split()[1]
            assert lines[row::5][-1].split()[-1] == line.split()[3]


NAMES = {
    "P68871": "P68871",
    "sp|P68871|HBB": "P68871",
    "sp|P68871-2|HBB": "P68871",
    "A0A023GPJ0.1": "A0A023GPJ0",
    "P68871x": None,
    "HBB": None,
}


def test_rows_have_the_description_and_accession_of_the_target(tmp_path: Path) -> None:
    """The description is the text after the name; the accession is found in the usual forms of UniProt names."""
    fasta = tmp_path / "q.fa"
    sequence = "VHLTPEEKSAVTALWGKVNVDEVGGEALGRLLVVYPWTQRFFESFGDLSTPDAVMGNPKVKAHGKKVLGA"
    fasta.write_text("".join(f">{name} Human globin.\n{sequence}\n" for name in NAMES))
    job = Job(tmp_path)
    phmmer(job, query=fasta, targets=None, evalue=10.0)
    assert {hit["target"]: hit["accession"] for hit in rows(job)} == NAMES
    assert {hit["description"] for hit in rows(job)} == {"Human globin."}


def test_the_header_of_uniprot_is_split(tmp_path: Path) -> None:
    """What is not such a header is a description."""
    job = Job(tmp_path)
    phmmer(job, query=THREE, targets=PROTEINS, evalue=10.0)
    parts = [[hit[name] for name in ("accession", "entry", "description", "organism")] for hit in rows(job)]
    assert parts[0] == ["P29597", "TYK2_HUMAN", "Non-receptor tyrosine-protein kinase TYK2", "Homo sapiens"]
    matches = [_HEADER.fullmatch(header) for header in ("", "Globin OS=Mus OX=1", "Globin", "A OS=B c")]
    assert [match and match.groups() for match in matches] == [
        *(("", None), ("Globin", "Mus"), ("Globin", None), ("A", "B c"))
    ]


def test_percentages_are_those_of_the_alignments(tmp_path: Path) -> None:
    """Identical and similar columns are counted in the lines between the sequences, and covered residues once."""
    job = Job(tmp_path)
    phmmer(job, query=THREE, targets=PROTEINS, evalue=10.0)
    hits = rows(job)
    assert max(hit["domains"] for hit in hits) == 3
    for hit in hits:
        domains = hit["details"]["domains"]
        drawn = [domain["alignment"].split("\n") for domain in domains]
        matches = "".join(line[14:].ljust(60) for lines in drawn for line in lines[1::5])
        columns = sum(len(line[14:].split(" ")[0]) for lines in drawn for line in lines[0::5])
        letters = sum(map(str.isalpha, matches))
        assert hit["identity"] == pytest.approx(100 * letters / columns)
        assert hit["similarity"] == pytest.approx(100 * (letters + matches.count("+")) / columns)
        for side in ("query", "target"):
            residues = {n for one in domains for n in range(one[f"{side}_from"], one[f"{side}_to"] + 1)}
            assert hit[f"{side}_coverage"] == pytest.approx(100 * len(residues) / hit[f"{side}_length"])
    assert [hit["identity"] for hit in hits if hit["entry"] == "HBB_HUMAN"] == [100]


def test_the_files_of_a_search_without_hits_are_those_of_the_help(tmp_path: Path, client: FlaskClient) -> None:
    """The tables have headers, whose names the help page lists, and the files of sequences and alignments are empty."""
    query, job = tmp_path / "query.fa", Job(tmp_path)
    query.write_text(">none\nWPWPGWPWPG\n")
    assert phmmer(job, query=query, targets=PROTEINS, evalue=10.0)["hits"] == 0
    help_page = client.get("/help").text
    for name in ("hits.tsv", "queries.tsv"):
        header = text(job, name).splitlines()[0].split("\t")
        columns = help_page.partition(f"<dt>Columns of <code>{name}</code></dt>")[2].partition("</dd>")[0]
        assert re.findall("<code>(.*?)</code>", columns) == header
    assert len(text(job, "hits.tsv").splitlines()) == 1
    for table in tables(job).values():
        assert all(line.startswith("#") for line in table.splitlines())
    for name in ("hits.fasta", "aligned.fasta", "alignments.sto", "alignments.aln"):
        assert text(job, name) == ""


def test_queries_without_targets_are_compared_with_each_other_and_themselves(tmp_path: Path) -> None:
    """As the form says."""
    job = Job(tmp_path)
    phmmer(job, query=THREE, targets=None, evalue=1e-5)
    names = re.findall(r"^>(\S+)", THREE.read_text(), re.MULTILINE)
    assert {(hit["query"], hit["target"]) for hit in rows(job)} == {(name, name) for name in names}


def test_target_proteins_are_searched_whichever_database_is_chosen(client: FlaskClient) -> None:
    """The form of a job with both records no database."""
    values = {"query": HBB_HUMAN.read_text(), "targets": PROTEINS.read_text(), "database": "globins/1", "evalue": "1"}
    with client.application.test_request_context():
        form = make_form(module.phmmer, MultiDict(values))
        assert form.validate(), form.errors
        assert form.data["database"] is None


def test_queries_are_listed_with_their_best_hit(tmp_path: Path) -> None:
    """Those without hits are together at the end, wherever they were in the input."""
    job = Job(tmp_path)
    queries = tmp_path / "queries.fa"
    queries.write_text(">none\nWPWPGWPWPG\n" + THREE.read_text())
    result = phmmer(job, query=queries, targets=PROTEINS, evalue=10.0)
    columns = ("query", "query_length", "hits", "significant", "target")
    assert [tuple(row[name] for name in columns) for row in rows(job, "queries.tsv")] == [
        ("sp|O60674|JAK2_HUMAN", 1132, 8, 8, "sp|P29597|TYK2_HUMAN"),
        ("sp|P68871|HBB_HUMAN", 147, 3, 3, "sp|P68871|HBB_HUMAN"),
        ("none", 10, 0, 0, None),
        ("sp|P01308|INS_HUMAN", 110, 0, 0, None),
    ]
    assert (result["queries"], result["without_hits"]) == (4, 2)


@pytest.mark.parametrize("name", ["three", "hbb_human"])
def test_the_alignments_equal_those_of_the_phmmer_program(tmp_path: Path, name: str) -> None:
    """Every byte equals -A, except for the version of the program; those in Clustal format have the same rows."""
    job = Job(tmp_path)
    query, targets = {"three": (THREE, PROTEINS), "hbb_human": (HBB_HUMAN, GLOBINS)}[name]
    phmmer(job, query=query, targets=targets, evalue=10.0)
    stockholm = without_author(text(job, "alignments.sto"))
    assert stockholm == without_author((REFERENCE / f"{name}.sto").read_text())
    names = set(re.findall(r"^([^#/\s]\S*) +\S+$", stockholm, re.MULTILINE))
    assert len(names) > 10
    assert set(re.findall(r"^(\S+/\S+) +\S+$", text(job, "alignments.aln"), re.MULTILINE)) == names
    assert text(job, "alignments.aln").count("CLUSTAL") == stockholm.count("# STOCKHOLM")


def test_the_sequences_of_hits_are_those_of_the_input(tmp_path: Path) -> None:
    """Whole ones as they were, once each, and parts with the residues that their names say."""
    job = Job(tmp_path)
    phmmer(job, query=THREE, targets=PROTEINS, evalue=10.0)
    sequences = {}
    for record in PROTEINS.read_text().split(">")[1:]:
        header, _, sequence = record.partition("\n")
        sequences[header.split()[0]] = sequence.replace("\n", "")
    whole = text(job, "hits.fasta").split(">")[1:]
    assert {record.split()[0] for record in whole} == {hit["target"] for hit in rows(job)}
    assert all(">" + record in PROTEINS.read_text() for record in whole)
    assert len(whole) == 11
    parts = text(job, "aligned.fasta").split(">")[1:]
    assert len(parts) == 14
    for record in parts:
        header, _, sequence = record.partition("\n")
        name, _, place = header.split()[0].rpartition("/")
        first, last = map(int, place.split("-"))
        assert sequence.replace("\n", "") == sequences[name][first - 1 : last]


@pytest.mark.slow
def test_only_so_many_hits_have_alignments(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All are in the table, and the result says that not all have alignments. The text has those of whole queries."""
    monkeypatch.setattr(reporting, "HITS_ALIGNED", 100)
    job = Job(tmp_path)
    result = phmmer(job, query=GLOBINS, targets=None, evalue=10.0)
    assert (result["queries"], result["hits"], result["all_aligned"]) == (45, 2018, False)
    drawn = [hit["details"]["domains"][0]["alignment"] is not None for hit in rows(job)]
    assert drawn == [True] * 100 + [False] * 1918
    headings = re.findall("^Domain annotation for each sequence(.*)", text(job, "phmmer.txt"), re.MULTILINE)
    assert headings == [" (and alignments):"] * 2 + [":"] * 43


def test_too_large_an_alignment_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It would need too much memory."""
    monkeypatch.setattr(alignments, "MOST_ALIGNED", 5)
    job = Job(tmp_path)
    phmmer(job, query=THREE, targets=PROTEINS, evalue=10.0)
    assert re.findall("^#=GF ID (.*)", text(job, "alignments.sto"), re.MULTILINE) == ["sp|P68871|HBB_HUMAN"]


@pytest.mark.slow
def test_the_fallback_has_the_completed_queries(tmp_path: Path) -> None:
    """Rows and tables are a prefix of the complete output, and the tables note how many queries were searched."""
    job = Job(tmp_path)

    def interrupt_after_five(number: int, frame: Any) -> None:
        if job.progress and job.progress["current"] >= 5:
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)
            raise SoftTimeLimitExceeded

    before = signal.signal(signal.SIGVTALRM, interrupt_after_five)
    signal.setitimer(signal.ITIMER_VIRTUAL, 0.001, 0.001)  # of CPU time, in which no machine searches 40 queries
    try:
        result = phmmer(job, query=GLOBINS, targets=None, evalue=10.0)
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)
    (tmp_path / "whole").mkdir()
    whole = Job(tmp_path / "whole")
    phmmer(whole, query=GLOBINS, targets=None, evalue=10.0)
    assert isinstance(result, Fallback)
    assert 5 <= result["queries"] < 45
    hits, queries = rows(job), rows(job, "queries.tsv")
    assert hits == rows(whole)[: result["hits"]]
    assert queries == rows(whole, "queries.tsv")[: result["queries"]]
    assert text(job, "hits.tsv").count("\n") == 1 + result["hits"]
    for name in ("aligned.fasta", "alignments.sto", "alignments.aln"):
        assert text(whole, name).startswith(text(job, name))
    note = f"# Stopped at the time limit: {result['queries']} of 45 queries were searched.\n"
    for name, table in tables(job).items():
        assert table.endswith(note)
        assert reference("globins45")[name].startswith(table.removesuffix(note))
    assert tables(job)["targets"].count("\n") == 3 + result["hits"] + 1


def test_an_interrupted_query_is_removed_from_the_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time limit may interrupt a query when only one of its two tables has been written."""
    add, calls = reporting.Report.add, 0

    def half_an_add(report: Any, found: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == 3:
            found.best(10).write(report._files[0], format="targets", header=False)
            report._hits.add({"query": "half", "target": "done"})
            raise SoftTimeLimitExceeded
        add(report, found)

    monkeypatch.setattr(reporting.Report, "add", half_an_add)
    job = Job(tmp_path)
    result = phmmer(job, query=GLOBINS, targets=None, evalue=10.0)
    assert result["queries"] == 2
    assert {row["query"] for row in rows(job)} == {row["query"] for row in rows(job, "queries.tsv")}
    assert len(rows(job)) == result["hits"]
    assert reference("globins45")["targets"].startswith(tables(job)["targets"].rpartition("# Stopped")[0])


def test_the_sequences_of_an_interrupted_query_are_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Although their names had been noted."""

    def limited(found: Found, *_: object) -> None:
        if "HBB" in found.summary.query.name:
            raise SoftTimeLimitExceeded

    monkeypatch.setattr(reporting, "write_alignments", limited)
    job = Job(tmp_path)
    result = phmmer(job, query=THREE, targets=PROTEINS, evalue=10.0)
    assert isinstance(result, Fallback)
    assert text(job, "hits.fasta").count(">") == result["hits"] == 8


def test_the_time_limit_may_come_while_pyhmmer_writes(tmp_path: Path) -> None:
    """It would make a SystemError of an exception in the method of a file."""

    def limit(*_: object) -> None:
        raise SoftTimeLimitExceeded

    class File(BytesIO):
        is_due = True

        def write(self, data: Any) -> int:
            if self.is_due:
                self.is_due = False
                signal.raise_signal(signal.SIGUSR1)
            return super().write(data)

    class LimitedJob(Job):
        def open(self, name: str, *args: Any, **options: Any) -> Any:
            return File() if name == limited else super().open(name, *args, **options)

    before = signal.signal(signal.SIGUSR1, limit)
    try:
        for limited in ("targets.tbl", "domains.tbl", "alignments.sto", "alignments.aln"):
            (tmp_path / limited).mkdir()
            job = LimitedJob(tmp_path / limited)
            assert isinstance(phmmer(job, query=HBB_HUMAN, targets=GLOBINS, evalue=10.0), Fallback)
    finally:
        signal.signal(signal.SIGUSR1, before)


def test_the_time_limit_may_come_while_the_last_files_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are written again, and nothing is in them twice."""
    write, calls = reporting.Report._write_hit_sequences, 0

    def interrupted(report: Any) -> None:
        nonlocal calls
        calls += 1
        write(report)
        if calls == 1:
            raise SoftTimeLimitExceeded

    monkeypatch.setattr(reporting.Report, "_write_hit_sequences", interrupted)
    job = Job(tmp_path)
    result = phmmer(job, query=THREE, targets=PROTEINS, evalue=10.0)
    assert isinstance(result, Fallback)
    assert calls == 2
    assert [row["hits"] for row in rows(job, "queries.tsv")] == [8, 3, 0]
    assert text(job, "hits.fasta").count(">") == 11


@pytest.mark.parametrize(
    ("databases", "targets"),
    [
        ({}, "45 targets with 6,519 residues; the"),
        (
            {"database": {"title": "45 globins", "version": "1", "released": ""}},
            "45 targets with 6,519 residues of 45 globins version 1; the",
        ),
        (
            {"database": {"title": "Swiss-<Prot>", "version": "2026_04", "released": "2026-10-14"}},
            "45 targets with 6,519 residues of Swiss-&lt;Prot&gt; version 2026_04, released 2026-10-14; the",
        ),
    ],
)
def test_the_summary_says_what_was_searched(
    tmp_path: Path, app: Flask, databases: dict[str, dict[str, str]], targets: str
) -> None:
    """Above the list of hits are the numbers, the threshold, and the release of the database if there is one."""
    record = {"id": "a" * 32, "result": phmmer(Job(tmp_path), query=HBB_HUMAN, targets=GLOBINS, evalue=0.5)}
    provenance, table = Provenance(databases=databases), Previews("a" * 32, []).table
    with app.test_request_context("/"):
        html = render_template("tools/phmmer/_result.html", record=record, provenance=provenance, table=table)
    summary = f"1 query with 146 residues was compared with {targets} E-value threshold was 0.5."
    assert summary in re.sub(r"\s+", " ", html)


@pytest.mark.parametrize(
    ("hits", "significant", "summary"),
    [
        (0, 0, "0 hits for 2 queries."),
        (1, 1, "1 hit for 2 queries, significant (E-value up to 0.01)."),
        (1, 0, "1 hit for 2 queries, not significant (E-value above 0.01)."),
        (2000, 1999, "2,000 hits for 2 queries, 1,999 of them significant (E-value up to 0.01)."),
        (2000, 2000, "2,000 hits for 2 queries, all of them significant (E-value up to 0.01)."),
        (2, 0, "2 hits for 2 queries, none of them significant (E-value up to 0.01)."),
    ],
)
def test_the_summary_counts_significant_hits(app: Flask, hits: int, significant: int, summary: str) -> None:
    """It needs no number where all or none are."""
    numbers = dict.fromkeys(("targets", "query_residues", "target_residues", "evalue"), 1)
    result = {"hits": hits, "significant": significant, "queries": 2, "without_hits": 0, "all_aligned": True, **numbers}
    with app.test_request_context("/"):
        html = render_template(
            "tools/phmmer/_result.html",
            record={"result": result},
            provenance=Provenance(databases={}),
            table=lambda *args, **options: "",
        )
    assert f"<p> {summary} </p>" in re.sub(r"\s+", " ", html)


def test_a_line_shows_where_significance_ends(tmp_path: Path, app: Flask) -> None:
    """It is above the first hit with an E-value above 0.01, while the order is that of the E-values."""
    globin = HBB_HUMAN.read_text().partition("\n")[2].replace("\n", "")
    targets = tmp_path / "targets.fa"
    parts = {"whole": globin, "weak": globin[30:40]} | {f"other{number}": "GGGGGGGGGG" for number in range(3000)}
    targets.write_text("".join(f">{name}\n{sequence}\n" for name, sequence in parts.items()))
    job = Job(tmp_path)
    result = phmmer(job, query=HBB_HUMAN, targets=targets, evalue=10.0)
    assert 0 < result["significant"] < result["hits"]
    previews = Previews("a" * 32, [ResultFile(tmp_path / "outputs/hits.tsv")])
    for query, lines in (("", 1), ("?hits-sort=-evalue", 0)):
        with app.test_request_context(f"/{query}"):
            html = previews.table("hits.tsv", row="tools/phmmer/_hit.html")
        before, _, after = html.partition("below this line are not significant")
        assert html.count("below this line are not significant") == lines
        if lines:
            assert before.count('class="hit"') == result["significant"]
            assert after.count('class="hit"') == result["hits"] - result["significant"]


@pytest.mark.parametrize(
    ("address", "shown"),
    [
        ("", "a a1 a2 LINE a3 b LINE b1 b2"),  # b has no significant hit at all
        ("?hits-sort=evalue", "a a1 a2 b LINE b1 a a3 b b2"),
        ("?hits-sort=-evalue", "b b2* a a3* b b1* a a2 a1"),
        ("?hits-sort=target", "a a1 a2 a3* b b1* b2*"),
        ("?hits-sort=identity", "b b2* b1* a a3* a2 a1"),
        ("?hits-query=b", "b LINE b1 b2"),
    ],
)
def test_each_hit_that_is_not_significant_is_marked(tmp_path: Path, app: Flask, address: str, shown: str) -> None:
    """A line is only where the E-values below it are larger; in another order, each hit says it itself (*)."""
    job = Job(tmp_path)
    with job.table("hits.tsv", COLUMNS) as table:
        for target, evalue, identity in (
            ("a1", 1e-9, 90),
            ("a2", 1e-3, 80),
            ("a3", 2, 70),
            ("b1", 1, 60),
            ("b2", 3, 50),
        ):
            table.add(
                dict.fromkeys(COLUMNS, 1)
                | {"query": target[0], "target": target, "evalue": evalue, "identity": identity}
                | {"significant": int(evalue < 0.01), "accession": None, "entry": None, "organism": None}
            )
    previews = Previews("a" * 32, [ResultFile(tmp_path / "outputs/hits.tsv")])
    with app.test_request_context(f"/{address}"):
        html = previews.table("hits.tsv", row="tools/phmmer/_hit.html")
    line = "Hits below this line are not significant (E-value above 0.01)."
    marks = {line: " LINE", "<small>not significant</small>": "*"}
    parts = re.findall(r'class="query">\w|class="name">\w+|' + "|".join(map(re.escape, marks)), html)
    assert "".join(marks.get(part) or f" {part.partition('>')[2]}" for part in parts).split() == shown.split()


def test_the_sample_can_be_filtered_like_a_new_result() -> None:
    """Its table has the columns of today, with a filter of each percentage that a user may ask for."""
    with closing(TableIndex(SAMPLES / "sample-phmmer/attempts/1/outputs/hits.tsv")) as index:
        assert index.columns == COLUMNS
    filters = {name for name, column in COLUMNS.items() if column.filter == "min"}
    assert filters == {"identity", "query_coverage", "target_coverage"}
