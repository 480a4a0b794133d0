"""The provider's own words on what leaves the house. Pure.

Name, address, contact, and the supervisory authority. Implements ``docs/formats/letterhead.md``.
"""

import re
from dataclasses import dataclass
from typing import Final

from coffer.errors import MalformedInput
from coffer.letters import composed, is_allowed
from coffer.toml import Table, parse_toml

LETTERHEAD: Final = "letterhead.toml"
"""In the vault's folder."""
FORMAT: Final = "coffer.letterhead/v1"
MAX_BYTES: Final = 16_384
"""Ten times what names and addresses take."""
MAX_LINES: Final = 6
"""Lines of an address, and of a contact: more would push the title off the upper half of the page."""
MAX_TEXT: Final = 80
"""Characters of a line: as many as stand in half the width of a page on two lines."""
MAX_WINDOW: Final = 120
"""Characters of the window's address: a longer one makes a code that a telephone reads badly from paper."""
_WINDOW: Final = re.compile(r"https://[a-z0-9]([a-z0-9.-]*[a-z0-9])?(:[1-9][0-9]{0,4})?(/[A-Za-z0-9._~-]+)*")


@dataclass(frozen=True, slots=True, kw_only=True)
class Party:
    """A name with its address and contact, line by line; both may be empty."""

    name: str
    address: tuple[str, ...] = ()
    contact: tuple[str, ...] = ()

    @property
    def lines(self) -> list[str]:
        """Everything, the name first."""
        return [self.name, *self.address, *self.contact]


@dataclass(frozen=True, slots=True, kw_only=True)
class Letterhead:
    """Who writes, and who supervises them.

    ``supervisor``: the supervisory authority for data protection; None if the file names none. ``window``: the address of
    the public window, without a slash at its end; empty if the file names none.
    """

    provider: Party
    supervisor: Party | None = None
    window: str = ""


def parse_letterhead(raw: bytes, place: str) -> Letterhead:
    """The letterhead.

    Raises:
        MalformedInput: the file is not in its form.
    """
    if len(raw) > MAX_BYTES:
        raise MalformedInput(f"{place}: {len(raw):,} bytes, expected at most {MAX_BYTES:,}")
    table = parse_toml(raw, place)
    table.literal("format", FORMAT)
    provider = _party(table)
    if not provider.address:
        raise MalformedInput(
            f"{place}: address: missing", hint='like address = ["1 Example Street", "1000 Exampletown"]'
        )
    supervisor = None
    if "supervisory-authority" in table.values:
        inner = table.table("supervisory-authority")
        supervisor = _party(inner)
        inner.end()
    window = table.text("window", "")
    if window and (len(window) > MAX_WINDOW or not _WINDOW.fullmatch(window)):
        raise MalformedInput(
            f"{place}: window: expected an https address of at most {MAX_WINDOW} characters, without a slash at its end",
            hint="like https://window.telco.example",
        )
    table.end()
    return Letterhead(provider=provider, supervisor=supervisor, window=window)


def _party(table: Table) -> Party:
    name = _line(table.text("name"), f"{table.place}: name")
    return Party(name=name, address=_lines(table, "address"), contact=_lines(table, "contact"))


def _lines(table: Table, key: str) -> tuple[str, ...]:
    texts = table.texts(key, ())
    if len(texts) > MAX_LINES:
        raise MalformedInput(f"{table.place}: {key}: {len(texts)} lines, expected at most {MAX_LINES}")
    return tuple(_line(text, f"{table.place}: {key}") for text in texts)


def _line(text: str, place: str) -> str:
    """One line of it in its one spelling."""
    line = composed(text).strip()
    if not 1 <= len(line) <= MAX_TEXT or not is_allowed(line):
        raise MalformedInput(
            f"{place}: expected 1 to {MAX_TEXT} characters of Latin, Greek, Cyrillic, Armenian or Georgian on one line"
        )
    return line
