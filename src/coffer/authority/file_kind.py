"""What a file of an order is, by its first bytes. Pure.

It tells people which program may open the file, and proves nothing: the rest of the file can say otherwise. Nothing here
reads more than the beginning, and no name that a stranger gave the file counts.
"""

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class FileKind:
    """``said``: for people, such as "a PDF". ``ending``: of its name when it is written, without the dot."""

    said: str
    ending: str


UNKNOWN: Final = FileKind(said="of another kind", ending="bin")
"""Web pages are among these: a name that a browser opens would let a stranger's script run."""
_KINDS: Final = (
    (b"%PDF-", FileKind(said="a PDF", ending="pdf")),
    (b"\x89PNG\r\n\x1a\n", FileKind(said="a PNG picture", ending="png")),
    (b"\xff\xd8\xff", FileKind(said="a JPEG picture", ending="jpg")),
    (b"II*\0", FileKind(said="a TIFF picture", ending="tif")),
    (b"MM\0*", FileKind(said="a TIFF picture", ending="tif")),
    (b"PK\x03\x04", FileKind(said="a ZIP archive", ending="zip")),
)
_XML: Final = FileKind(said="XML", ending="xml")
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"


def kind_of(raw: bytes) -> FileKind:
    """The kind of a file; ``UNKNOWN`` unless its first bytes are those of one that orders come as."""
    for begins, kind in _KINDS:
        if raw.startswith(begins):
            return kind
    return _XML if raw[:64].removeprefix(_BYTE_ORDER_MARK).startswith(b"<?xml ") else UNKNOWN


def file_name(number: int, raw: bytes) -> str:
    """The name under which file ``number`` of an order is handed out, such as ``order-1.pdf``."""
    return f"order-{number}.{kind_of(raw).ending}"
