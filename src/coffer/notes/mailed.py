"""Notes that travelled within a mail's text. Pure.

A mail program may change line ends, add empty lines behind the text, take the last line end away, or put a byte-order
mark before it. A note has none of these, so that taking them away gives back the bytes that were signed, or bytes whose
signatures fail.
"""

from typing import Final

from coffer.notes.note import MAX_NOTE_BYTES

_BOM: Final = b"\xef\xbb\xbf"
_MOST: Final = 2 * MAX_NOTE_BYTES
"""What is larger is no note, whatever a mail program did to it."""


def unmailed(raw: bytes) -> bytes:
    """The note as it was before it was mailed; as it is if it is none that a mail program changed."""
    if len(raw) > _MOST:
        return raw
    lines = raw.removeprefix(_BOM).replace(b"\r\n", b"\n")
    if not lines.startswith(b"coffer."):  # the first line of every text of ours
        return raw
    return lines.rstrip(b" \t\r\n") + b"\n"
