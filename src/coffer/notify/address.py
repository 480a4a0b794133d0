"""Where notifications go: mailboxes and webhooks, parsed strictly. Pure."""

import ipaddress
import re
from dataclasses import dataclass
from typing import Final

from coffer.errors import MalformedInput

MAX_ADDRESS: Final = 254
"""RFC 5321, section 4.5.3.1.3, less the angle brackets."""
MAX_URL: Final = 500
MAX_PORT: Final = 65_535
MAX_WORDS: Final = 16
MAX_WORD: Final = 1_000
"""Of a command: a path or an argument."""
SECRET_BYTES: Final = 32
_MAILBOX: Final = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+(?:\.[A-Za-z0-9!#$%&'*+/=?^_`{|}~-]+)*@([A-Za-z0-9.-]+)")
_LABEL: Final = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_MAX_LOCAL: Final = 64
_URL: Final = re.compile(
    r"(?P<scheme>https?)://(?P<host>[A-Za-z0-9.-]+|\[[0-9A-Fa-f:.]+\])(?P<port>:[1-9][0-9]{0,4})?(?:/[A-Za-z0-9._~/-]*)?"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Mailbox:
    """An e-mail address, a dot-string of RFC 5321 in ASCII: no quotes, spaces, line ends or display name."""

    address: str

    def __post_init__(self) -> None:
        match = _MAILBOX.fullmatch(self.address)
        is_host = match is not None and all(_LABEL.fullmatch(label) for label in match[1].split("."))
        local = self.address.partition("@")[0]
        if match is None or not is_host or len(self.address) > MAX_ADDRESS or len(local) > _MAX_LOCAL:
            raise MalformedInput("e-mail address: expected name@host.example in plain ASCII letters")

    def __repr__(self) -> str:
        return "<mailbox>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Hook:
    """A webhook: an https URL, or http on this machine, without query, fragment, name or password.

    ``secret``: 32 B, under which each body is signed.
    """

    url: str
    secret: bytes

    def __post_init__(self) -> None:
        match = _URL.fullmatch(self.url)
        is_name = match is not None and (
            match["host"][0] == "[" or all(map(_LABEL.fullmatch, match["host"].split(".")))
        )
        if match is None or not is_name or len(self.url) > MAX_URL or int((match["port"] or ":1")[1:]) > MAX_PORT:
            raise _not_a_hook()
        if match["scheme"] != "https" and not is_loopback(match["host"].strip("[]")):
            raise _not_a_hook()
        if len(self.secret) != SECRET_BYTES:
            raise MalformedInput(f"webhook: a secret of {len(self.secret)} bytes, expected {SECRET_BYTES}")

    @property
    def host(self) -> str:
        """The host, with its port if the URL names one: what an operator allows."""
        return self.url.split("/")[2].lower()

    def __repr__(self) -> str:
        return "<webhook>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Program:
    """A program of this machine and its arguments, as the operator wrote them; it is run without a shell."""

    words: tuple[str, ...]

    def __post_init__(self) -> None:
        is_fit = all(word and "\0" not in word and len(word) <= MAX_WORD for word in self.words)
        if not (1 <= len(self.words) <= MAX_WORDS and is_fit and self.words[0].startswith("/")):
            raise MalformedInput(
                f"command: expected 1 to {MAX_WORDS} words, of which the first is a program's whole path"
            )

    def __repr__(self) -> str:
        return "<program>"


Address = Mailbox | Hook | Program


def is_loopback(host: str) -> bool:
    """Whether a host is this machine by its number, or is called ``localhost``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _not_a_hook() -> MalformedInput:
    return MalformedInput(
        "webhook: expected https://host/path, or http:// on this machine",
        hint="without query, name or password: the body is signed, so that no secret needs to be in the address",
    )
