"""The beginning of a text file that is not lines of UTF-8. Pure.

The message says how to convert the file.
"""

from typing import Final

from coffer.errors import MalformedInput

UTF_16_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
"""Byte-order marks with which text in UTF-16 begins."""
_ZEROS: Final = 50
"""Of the first hundred bytes at even or odd places: more are zero only where most of the text is ASCII."""
ENCODING_HINT: Final = 'set encoding = "cp1252" or "latin-1" in the feed'


def verify_lines(head: bytes, place: str) -> None:
    """Refuse UTF-16 and files whose lines end with a carriage return alone.

    Raises:
        MalformedInput: with the command that converts the file.
    """
    encoding = utf_16_of(head)
    if encoding:
        raise MalformedInput(
            f"{place}: is written in UTF-16, expected UTF-8",
            hint=f'set encoding = "{encoding}" in the feed, or convert it: {as_utf_8(encoding)} FILE > NEW',
        )
    if b"\n" not in head and b"\r" in head.rstrip(b"\r"):
        raise MalformedInput(
            f"{place}: its lines end with CR alone, expected LF", hint="convert it: tr '\\r' '\\n' < FILE > NEW"
        )


def utf_16_of(head: bytes) -> str:
    """The encoding of text in UTF-16, as a feed names it; empty for anything else.

    ``utf-16`` has its mark. Without one every second byte is zero, and which of the two is says the order.
    """
    if head.startswith(UTF_16_MARKS):
        return "utf-16"
    if head[1:200:2].count(0) > _ZEROS:
        return "utf-16-le"
    return "utf-16-be" if head[:200:2].count(0) > _ZEROS else ""


def as_utf_8(encoding: str) -> str:
    """The command that converts text in this UTF-16; without a mark it must be told the order of bytes."""
    return f"iconv -f {encoding.upper().replace('16-', '16')} -t UTF-8"


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
