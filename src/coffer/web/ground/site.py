"""Whose pages these are, and where people reach them."""

import re
from dataclasses import dataclass
from typing import Final, Literal
from urllib.parse import urlsplit

from coffer.bounds import LOOPBACK
from coffer.errors import MalformedInput

Party = Literal["window", "desk", "custodian", "operator"]
_TAG: Final = re.compile("[a-z0-9-]{1,64}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One party's site.

    ``party``: colour, mark and word of the band. ``name``: of the custodian, else empty. ``operator``: who keeps the
    vault, as people call it. ``origin``: scheme, host and port that browsers use. ``tag``: tells this site's cookies
    from those of another site on the same host. ``log``: the origin of the vault's log. ``zone``: the time zone of
    people who said none. ``demonstration``: shown above everything, empty in earnest.
    """

    party: Party
    operator: str
    origin: str
    tag: str
    log: str
    name: str = ""
    zone: str = "UTC"
    demonstration: str = ""

    def __post_init__(self) -> None:
        if not _TAG.fullmatch(self.tag):
            raise MalformedInput("site: a tag of other characters than a-z, 0-9 and -")

    @property
    def host(self) -> str:
        """The host, with its port if it is not the scheme's own."""
        return urlsplit(self.origin).netloc

    @property
    def hostname(self) -> str:
        """The host without its port: what passkeys belong to."""
        return urlsplit(self.origin).hostname or ""

    @property
    def is_tls(self) -> bool:
        """Whether browsers reach it over https."""
        return self.origin.startswith("https://")


def parse_site_origin(text: str, place: str) -> str:
    """An origin such as ``https://desk.telco.example`` or, on this machine, ``http://localhost:8081``.

    Raises:
        MalformedInput: it is no origin, or plain http to another machine.
    """
    parts = urlsplit(text)
    is_whole = parts.scheme in {"http", "https"} and parts.hostname and text == f"{parts.scheme}://{parts.netloc}"
    if not is_whole or "@" in parts.netloc or not parts.netloc.isascii() or parts.netloc != parts.netloc.lower():
        raise MalformedInput(f"{place}: expected an origin, scheme and host without a path: https://desk.example")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK:
        raise MalformedInput(
            f"{place}: plain http is for this machine only", hint="use https, or http://localhost:PORT"
        )
    return text
