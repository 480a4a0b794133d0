"""The letterhead that a command was given, or that its vault has."""

from pathlib import Path

from coffer.cli.console import read_file, say
from coffer.disclosure.letterhead import LETTERHEAD, Letterhead, parse_letterhead
from coffer.procedures.letterhead import letterhead_of
from coffer.vault.folder import Vault


def read_letterhead(file: str | None) -> Letterhead | None:
    """The letterhead of ``--letterhead``; None if none is given.

    Raises:
        MalformedInput: the file is not in its form.
    """
    return None if file is None else parse_letterhead(read_file(file), Path(file).name)


def chosen_letterhead(given: Letterhead | None, vault: Vault | None) -> Letterhead | None:
    """What was given, else the vault's; that there is none is said.

    Raises:
        MalformedInput: the vault's ``letterhead.toml`` is not in its form.
    """
    letterhead = given or (None if vault is None else letterhead_of(vault))
    if letterhead is None:
        say(
            f"no letterhead: the pages name no provider; write {LETTERHEAD} in the vault's folder, or give --letterhead"
        )
    return letterhead
