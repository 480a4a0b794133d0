"""The beginning of a text file that is not lines of UTF-8. Pure.

The message says how to convert the file.
"""

from coffer.errors import MalformedInput


def verify_lines(head: bytes, place: str) -> None:
    """Refuse UTF-16 and files whose lines end with a carriage return alone.

    Raises:
        MalformedInput: with the command that converts the file.
    """
    if head.startswith((b"\xff\xfe", b"\xfe\xff")) or (head[1:200:2].count(0) > 50 or head[:200:2].count(0) > 50):
        raise MalformedInput(
            f"{place}: is written in UTF-16, expected UTF-8", hint="convert it: iconv -f UTF-16 -t UTF-8 FILE > NEW"
        )
    if b"\n" not in head and b"\r" in head.rstrip(b"\r"):
        raise MalformedInput(
            f"{place}: its lines end with CR alone, expected LF", hint="convert it: tr '\\r' '\\n' < FILE > NEW"
        )


def encoding_hint(line: bytes) -> str | None:
    """What to do about a first line that is no UTF-8; None if it is."""
    return None if is_utf8(line) else "if it is written in Latin-1, convert it: iconv -f LATIN1 -t UTF-8 FILE > NEW"


def is_utf8(data: bytes) -> bool:
    """Whether these bytes are text."""
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return False
    return True
