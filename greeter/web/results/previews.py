"""Helpers of the templates that show the result files of a job: tables, texts and images.

A file that does not exist shows nothing, because a tool that was stopped may not have written it.
"""

from collections.abc import Iterable

from flask import abort, render_template, request
from markupsafe import Markup

from greeter.jobs.files.result_files import ResultFile
from greeter.web.results.paging import read_table
from greeter.web.results.table_index import BrokenIndex
from greeter.web.results.table_query import others_than
from greeter.web.results.table_view import TableView

_MAX_TEXT_BYTES = 16 * 1024


class Previews:
    """Shows the result files of a job."""

    def __init__(self, job_id: str, files: Iterable[ResultFile]) -> None:
        self._job_id = job_id
        self._files = {file.name: file for file in files}

    def table(self, name: str, row: str = "", unit: str = "row", details: str = "") -> Markup:
        """Show a table, 100 rows at a time. One that `Job.table` has written can be sorted and filtered.

        Args:
            name: The name of a file of tab- or comma-separated values whose first line is the header.
            row: A template that shows one row of a table by `Job.table` as one or more `<tr>`. Its variables are `row`
                (see `TableIndex.page`), `previous`, the row above it or None, and `view`, a `TableView`.
            unit: What a row of such a table is, in the singular.
            details: What the template shows of a row that is open, in the plural, for a link that opens all.
        """
        if not (file := self._files.get(name)):
            return Markup()
        try:
            view = TableView.of(file.path, request.args)
        except FileNotFoundError:
            return self._plain_table(file)
        except BrokenIndex:
            return self._render("_broken_index.html", file) + self._plain_table(file)
        return self._render("_sortable.html", file, view=view, row_template=row, unit=unit, details=details)

    def _plain_table(self, file: ResultFile) -> Markup:
        """Show the rows of a table as they are in its file; see `read_table`."""
        parameter = f"start-{file.name}"  # one for each file, because a page may have several tables
        try:
            page = read_table(file.path, request.args.get(parameter, 0, type=int))
        except LookupError:
            abort(404)
        others = others_than([parameter], request.args)
        return self._render("_table.html", file, page=page, parameter=parameter, others=others)

    def preview(self, name: str, lines: int = 20) -> Markup:
        """Show the first lines of a text file, at most 16 KiB."""
        if not (file := self._files.get(name)):
            return Markup()
        with file.path.open("rb") as content:
            start = content.read(_MAX_TEXT_BYTES).decode(errors="replace")
        shown = "".join(start.splitlines(keepends=True)[:lines])
        is_cut = len(shown) < len(start) or file.size > _MAX_TEXT_BYTES
        return self._render("_preview.html", file, text=shown, is_cut=is_cut)

    def image(self, name: str, alt: str = "") -> Markup:
        """Show an image: PNG, JPEG, WebP or SVG; of a PDF, the first page, with a link to all.

        `alt` says what it shows, for those who cannot see it. Default: the sentence about the file, or its name.
        """
        file = self._files.get(name)
        return self._render("_image.html", file, alt=alt or file.about or name) if file else Markup()

    def _render(self, template: str, file: ResultFile, **variables: object) -> Markup:
        return Markup(render_template(template, file=file, job_id=self._job_id, **variables))  # nosec B704: escaped there
