"""A request that the desk keeps, by its first digits, or one from a file."""

import re
from collections.abc import Sequence

from coffer.authority.authorization import Authorization, parse_authorization
from coffer.cli.notes import read_notes
from coffer.errors import MalformedInput
from coffer.ledger.entries import NAME_DIGITS
from coffer.vault.folder import Vault

_DIGITS = re.compile(f"[0-9A-Fa-f]{{{NAME_DIGITS},64}}")


def kept_or_read(vault: Vault, notes: Sequence[str]) -> tuple[Authorization, str]:
    """The request that somebody named, and what to call it: files, or digits of one that the desk keeps.

    A word of so many digits is never a file: a file of that name is ``./NAME``.

    Raises:
        MalformedInput: the desk keeps none that begins so, or a file is none.
    """
    if len(notes) != 1 or not _DIGITS.fullmatch(notes[0]):
        raw, place = read_notes(notes)
        return parse_authorization(raw, place), place
    digits = notes[0].lower()
    matching = [one for one in vault.desk.request_commitments() if one.hex().startswith(digits)]
    kept = vault.desk.read_request(matching[0]) if len(matching) == 1 else None
    if kept is None:
        raise MalformedInput(
            f"request {digits}: the desk keeps {len(matching)} that begin so, expected 1",
            hint="coffer status VAULT lists what it keeps; a file of that name is ./NAME",
        )
    return parse_authorization(kept, "request"), "request"
