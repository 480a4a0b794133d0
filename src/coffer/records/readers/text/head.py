"""The beginning of a text file that is not lines of UTF-8. Pure.

The message says how to convert the file.
"""

from typing import Final

from coffer.errors import MalformedInput

UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
"""Byte-order marks with which text in UTF-16 begins."""
ENCODING_HINT: Final = 'set encoding = "cp1252" or "latin-1" in the feed'


def verify_lines(head: bytes, place: str) -> None:
    """Refuse UTF-16 and files whose lines end with a carriage return alone.

    Raises:
        MalformedInput: with the command that converts the file.
    """
    if head.startswith(UTF_16_MARKS) or is_utf_16(head):
        raise MalformedInput(
            f"{place}: is written in UTF-16, expected UTF-8",
            hint='set encoding = "utf-16-le" or "utf-16-be" in the feed, or convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW',
        )
    if b"\n" not in head and b"\r" in head.rstrip(b"\r"):
        raise MalformedInput(
            f"{place}: its lines end with CR alone, expected LF", hint="convert it: tr '\\r' '\\n' < FILE > NEW"
        )


def is_utf_16(head: bytes) -> bool:
    """Whether every second byte is zero, as in text of UTF-16 without a mark."""
    return head[1:200:2].count(0) > 50 or head[:200:2].count(0) > 50


def text_of_head(head: bytes) -> bytes:
    """A file's beginning in UTF-8, if it is text in UTF-16 with its mark; else as it is."""
    return head.decode("utf-16", "ignore").encode() if head.startswith(UTF_16_MARKS) else head


def is_utf8(data: bytes) -> bool:
    """Whether these bytes are text."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
