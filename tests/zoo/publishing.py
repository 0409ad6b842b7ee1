"""A tool that writes result files of every kind, some of them hostile."""

import gzip
import struct
import zlib
from typing import Any

from wtforms import Form

from greeter.toolkit import Job, tool

# What a script that runs would change: `data-ran`, and the text.
FIGURE = """<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 200 100" onload="run()">
<style>rect { fill: #0b6e69 }</style>
<script>
function run() {
  document.documentElement.setAttribute("data-ran", "yes");
  document.querySelector("text").textContent = "the script ran";
}
run();
</script>
<rect width="200" height="100"/>
<text x="10" y="50" style="fill: white">quiet</text>
</svg>
"""
ROWS = 250


class Nothing(Form):
    """A form without fields."""


def png(width: int, height: int) -> bytes:
    """Return a grey PNG image of this size in pixels."""
    parts = {
        b"IHDR": struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0),
        b"IDAT": zlib.compress((b"\0" + b"\x80" * width) * height),
        b"IEND": b"",
    }
    image = b"\x89PNG\r\n\x1a\n"
    for kind, data in parts.items():
        image += struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    return image


def pdf(pages: list[str], box: tuple[int, int] = (99, 49), more: bytes = b"") -> bytes:
    """Return a PDF file.

    Args:
        pages: What each page draws. `/F Do` draws the object with the number 10.
        box: The width and height of the pages in points.
        more: More objects, with numbers from 10 to 99.

    Returns:
        Its content.
    """
    numbers = range(100, 100 + 2 * len(pages), 2)
    objects = [
        b"1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj",
        b"2 0 obj<</Type/Pages/Kids[%s]/Count %d>>endobj" % (b" ".join(b"%d 0 R" % one for one in numbers), len(pages)),
    ]
    for number, text in zip(numbers, pages, strict=True):
        resources = b"/Resources<</XObject<</F 10 0 R>>>>/MediaBox[0 0 %d %d]" % box
        objects.append(b"%d 0 obj<</Type/Page/Parent 2 0 R%s/Contents %d 0 R>>endobj" % (number, resources, number + 1))
        objects.append(b"%d 0 obj<</Length %d>>stream\n%s\nendstream endobj" % (number + 1, len(text), text.encode()))
    return b"\n".join([b"%PDF-1.4", *objects, more, b"trailer<</Root 1 0 R>>"])


@tool("Writes files of every kind", form=Nothing)
def publish(job: Job) -> dict[str, Any]:
    """Write images, tables, texts and archives."""
    with job.open("hits.tsv", about="One line per <hit>.") as table:
        table.write("name\tscore\n" + "".join(f'<b>{number}</b>\t5"\n' for number in range(ROWS)))
    with job.open("pairs.csv") as table:
        table.write('first,second\n"one, and\na line",two\n')
    with job.open("notes.txt", about="What was done.") as notes:
        notes.writelines(f"<i>step</i> {number}\n" for number in range(1, 501))
    for name, content in {
        "figure.svg": FIGURE.encode(),
        "figure.png": png(3000, 20),
        "report.pdf": pdf(["0 0.5 0.5 rg 9 9 81 31 re f", ""]),
        "broken.pdf": b"%PDF-1.4\n",
        "report.html": b"<script>run()</script>",
        "report.js": b"run()",
        "reads.fq.gz": gzip.compress(b"@r\nA\n+\nI\n"),
        "_index": b"intermediate",
    }.items():
        with job.open(name, "wb") as file:
            file.write(content)
    job.about("tree.nwk", "The tree, written by a program.")
    job.run(["sh", "-c", "echo '(a,b);' > tree.nwk; echo noise"], stdout="_noise.txt")
    return {"hits": ROWS}
