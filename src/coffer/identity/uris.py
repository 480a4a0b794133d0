"""The number or address inside a SIP or tel URI, with parameters, a host or a display name around it.

A number at a host is read as the number alone. The host does not say whose number it is, and nobody could find an
identity that is the whole address.

Source: RFC 3261 section 19.1 (sip), RFC 3966 (tel), RFC 4694 (rn, npdi), ATIS-1000074 (verstat).
"""

import re
from typing import Final
from urllib.parse import unquote

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

MAX_BYTES: Final = 1_024
"""Bytes of a URI that is parsed. Telephone systems write none that is longer."""
_MARKS: Final = "[@;:<]"
_NAME_ADDR: Final = re.compile(r'\s*(?:"[^"]*"\s*|[^<>"]*)<([^<>]*)>?[^<>]*')
_SCHEME: Final = re.compile(r"(sips?|tel|whatsapp|client):", re.IGNORECASE)
_NUMBER: Final = re.compile(r"\+?[0-9][0-9 .()/-]*")
_SECOND: Final = re.compile(r";\s*[+0-9]")
"""What stands behind a semicolon is another number and no parameter, whose name begins with a letter."""
_CONTEXT: Final = re.compile(r";phone-context=(\+[0-9.()-]+)", re.IGNORECASE)
_WITHHELD: Final = ("anonymous", "restricted", "unavailable", "unknown", "private", "withheld")


def has_marks(column: pa.BinaryArray) -> npt.NDArray[np.bool_]:
    """Which values may have something around the number or name; shape (n,)."""
    matches: npt.NDArray[np.bool_] = pc.match_substring_regex(column.cast(pa.string()), _MARKS).to_numpy(
        zero_copy_only=False
    )
    return matches


def number_within(value: bytes) -> bytes | None:
    """The number as written; empty if the URI says that the caller is withheld; None for anything else.

    A local number with ``phone-context=+49`` is the number behind that prefix (RFC 3966 section 5.1.5).
    """
    if len(value) > MAX_BYTES:
        return None
    text = value.decode("utf-8", "replace").strip(" ")
    if (name_addr := _NAME_ADDR.fullmatch(text)) is not None:
        text = name_addr[1].strip(" ")
    if (scheme := _SCHEME.match(text)) is not None:
        text = text[scheme.end() :]
    elif name_addr is None and "@" not in text and ";" not in text:
        return None  # a time of day has a colon too
    if _SECOND.search(text):
        return None
    context = _CONTEXT.search(text)
    user = text.rpartition("@")[0] or text
    user = unquote(re.split("[;?:]", user, maxsplit=1)[0]).strip(" ")
    if _NUMBER.fullmatch(user):
        is_local = scheme is not None and context is not None and not user.startswith("+")
        return (f"{context[1]}{user}" if is_local and context is not None else user).encode("ascii")
    return b"" if user.lower() in _WITHHELD else None


def address_within(text: str) -> str:
    """An e-mail address without the name and brackets that mail programs write around it."""
    match = _NAME_ADDR.fullmatch(text)
    return match[1].strip(" ") if match is not None and text.endswith(">") else text
