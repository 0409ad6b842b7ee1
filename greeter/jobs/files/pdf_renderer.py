"""Draw the first page of a PDF file.

Usage: `python -I pdf_renderer.py FILE FOLDER` writes FOLDER/first-of-N.png, where N is the number of pages. A hostile
file can crash PDFium or keep it busy, so this is a process of its own, with limits that it sets before it reads the
file.
"""

import resource
import struct
import sys
import zlib
from pathlib import Path

_LIMITS = {
    resource.RLIMIT_AS: 2**30,  # bytes
    resource.RLIMIT_FSIZE: 2**24,
    resource.RLIMIT_CPU: 10,  # seconds
    resource.RLIMIT_CORE: 0,
}
_SCALE = 2  # pixels in a point, of which an inch has 72
_LONGEST = 1700  # pixels of the longer side: A4 at this scale


def main() -> None:
    """Draw the page."""
    for kind, value in _LIMITS.items():
        _, most = resource.getrlimit(kind)
        limit = value if most == resource.RLIM_INFINITY else min(value, most)
        resource.setrlimit(kind, (limit, limit))
    import pypdfium2

    document = pypdfium2.PdfDocument(sys.argv[1])
    page = document[0]
    bitmap = page.render(scale=min(_SCALE, _LONGEST / max(page.get_size())), rev_byteorder=True)
    lines = memoryview(bitmap.buffer).cast("B")
    width = 3 * bitmap.width
    pixels = b"".join(b"\0" + lines[start : start + width] for start in range(0, len(lines), bitmap.stride))
    Path(sys.argv[2], f"first-of-{len(document)}.png").write_bytes(_png(bitmap.width, bitmap.height, pixels))


def _png(width: int, height: int, pixels: bytes) -> bytes:
    """Return a PNG image, from lines of red, green and blue bytes, each after a zero."""
    parts = {b"IHDR": struct.pack(">2I5B", width, height, 8, 2, 0, 0, 0), b"IDAT": zlib.compress(pixels), b"IEND": b""}
    chunks = (
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in parts.items()
    )
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunks)


if __name__ == "__main__":
    main()
