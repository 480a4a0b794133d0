"""A custodian's own list of authorities as it lies in its folder: the list, and a MAC over it. Pure.

The list loosens a rule, so a line that somebody else adds must not count. Implements ``docs/formats/authorities.md``.
"""

import hmac

from coffer import wire
from coffer.authority.known import Authorities, parse_authorities
from coffer.errors import NotProven
from coffer.notes.keys import Secret


def format_known(raw: bytes, key: Secret, *, context: bytes) -> bytes:
    """The file of a list that its people wrote. ``context`` binds it to its custodian.

    Raises:
        MalformedInput: it is no list.
    """
    text = raw if raw.endswith(b"\n") else raw + b"\n"
    parse_authorities(text, "authorities")
    return text + _mac_line(key, context, text)


def parse_known(raw: bytes, key: Secret, *, context: bytes, place: str) -> Authorities:
    """The inverse of ``format_known``.

    Raises:
        NotProven: it was not written with this key for this custodian, or changed since.
        MalformedInput: of another version.
    """
    start = raw.rfind(b"\n", 0, -1) + 1
    text = raw[:start]
    if not hmac.compare_digest(raw[start:], _mac_line(key, context, text)):
        raise NotProven(
            f"{place}: not its own, or changed",
            hint="changed by somebody or damaged: nothing is answered until its people give the list again, or take it away",
        )
    return parse_authorities(text, place)


def _mac_line(key: Secret, context: bytes, text: bytes) -> bytes:
    mac = hmac.digest(key.unsafe_bytes(), wire.tag("authorities") + wire.lp(context) + text, "sha256")
    return f"mac: {mac.hex()}\n".encode("ascii")
