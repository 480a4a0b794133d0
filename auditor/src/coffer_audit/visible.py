"""Text of strangers, with misleading characters written out (docs/formats/visible.md)."""

from __future__ import annotations

import codecs

# first and last code point of each range
_RANGES = (
    "0-1f 7f-9f ad 34f 61c 115f-1160 17b4-17b5 180b-180f 200b-200f 2028-202e 2060-206f 2800 3164 d800-dfff fdd0-fdef "
    "fe00-fe0f feff ffa0 fff0-fffb fffe-ffff 1bca0-1bca3 1d173-1d17a e0000-e0fff"
)
_UNSEEN = {
    code: f"\\u{{{code:x}}}"
    for first, _, last in (part.partition("-") for part in _RANGES.split())
    for code in range(int(first, 16), int(last or first, 16) + 1)
}


def write_visibly(text: str) -> str:
    """Give the text, writing out each character that is not displayed as itself."""
    return text.translate(_UNSEEN)


def _write_out(error: UnicodeError) -> tuple[str, int]:
    start, end = getattr(error, "start", 0), getattr(error, "end", 0)
    return "".join(f"\\u{{{ord(character):x}}}" for character in getattr(error, "object", "")[start:end]), end


codecs.register_error("coffer_audit.visible", _write_out)
