"""A number inside what systems write around it: a SIP or tel URI, parameters, a host, a display name.

A number at a host is a number: who the host belongs to says nothing of whose it is, and an identity that holds an address would be found by nobody.

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
"""Of a URI that is looked into; longer ones are none that a telephone system writes."""
_MARKS: Final = "[@;:<]"
_NAME_ADDR: Final = re.compile(r'\s*(?:"[^"]*"\s*|[^<>"]*)<([^<>]*)>?[^<>]*')
_SCHEME: Final = re.compile(r"(sips?|tel|whatsapp|client):", re.IGNORECASE)
_NUMBER: Final = re.compile(r"\+?[0-9][0-9 .()/-]*")
_CONTEXT: Final = re.compile(r";phone-context=(\+[0-9.()-]+)", re.IGNORECASE)
_WITHHELD: Final = ("anonymous", "restricted", "unavailable", "unknown", "private", "withheld")


def has_marks(column: pa.BinaryArray) -> npt.NDArray[np.bool_]:
    """Which values may be more than a number or a name; shape (n,)."""
    found: npt.NDArray[np.bool_] = pc.match_substring_regex(column.cast(pa.string()), _MARKS).to_numpy(
        zero_copy_only=False
    )
    return found


def number_within(value: bytes) -> bytes | None:
    """The number as written, empty if the URI says that the caller is withheld, None if there is neither.

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
    context = _CONTEXT.search(text)
    user = text.rpartition("@")[0] or text
    user = unquote(re.split("[;?:]", user, maxsplit=1)[0]).strip(" ")
    if _NUMBER.fullmatch(user):
        is_local = scheme is not None and context is not None and not user.startswith("+")
        return (f"{context[1]}{user}" if is_local and context is not None else user).encode("ascii")
    return b"" if user.lower() in _WITHHELD else None


def address_within(text: str) -> str:
    """An e-mail address without the name and brackets that mail programs write around it."""
    found = _NAME_ADDR.fullmatch(text)
    return found[1].strip(" ") if found is not None and text.endswith(">") else text
