"""Where a service listens: an address and a port. Pure."""

import re
from typing import Final

from coffer.errors import MalformedInput

_LISTEN: Final = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9a-fA-F:]{2,45}\]):([0-9]{1,5})")


def parse_listen(text: str, place: str) -> tuple[str, int]:
    """``host:port``; port 0 lets the system choose."""
    match = _LISTEN.fullmatch(text)
    if match is None or int(match[2]) > 65_535:
        raise MalformedInput(f"{place}: expected host:port")
    return match[1].strip("[]"), int(match[2])
