"""Where a custodian's passphrase comes from, and the option that says so.

What is given for the command counts first: a file, then the environment. Then an agent of the session is asked, and at last
the person at the terminal.
"""

import os
import sys
from collections.abc import Collection, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from coffer.cli.agents import held_for
from coffer.cli.console import read_file
from coffer.errors import CofferError, MalformedInput
from coffer.ledger.rules import variable_name
from coffer.notes.keyfile import Opener, StretchedKey, stretch, verify_passphrase
from coffer.notes.keys import Secret
from coffer.visible import visible

if TYPE_CHECKING:
    from coffer.custodian.folder import CustodianFolder
    from coffer.custodian.keys import CustodianKeys

passphrase_option = click.option(
    "--passphrase-file", help="File with the custodian's passphrase; else the environment or a prompt."
)
passphrases_option = click.option(
    "--passphrase-file", help="File with the local custodians' passphrase; else the environment or a prompt."
)


def new_passphrase(name: str, file: str | None) -> Secret:
    """A passphrase that takes another's place: from a file, else typed twice.

    Raises:
        MalformedInput: it is too easy, or there is no terminal to ask at.
    """
    if file is not None:
        given = Secret(read_file(file).rstrip(b"\r\n"), "passphrase")
    elif sys.stdin.isatty():
        text = click.prompt(f"new passphrase of {visible(name)}", hide_input=True, confirmation_prompt=True, err=True)
        given = Secret(text.encode("utf-8"), "passphrase")
    else:
        raise MalformedInput(f"new passphrase of {name}: not given", hint="use --new-file")
    verify_passphrase(given, name)
    return given


class Passphrases:
    """Where a custodian's passphrase comes from: a file, the environment, or a prompt.

    ``asks_agent``: whether what an agent holds does as well.
    """

    def __init__(self, file: str | None, *, asks_agent: bool = True) -> None:
        self._file = file
        self._asks_agent = asks_agent
        self._typed: dict[str, Secret] = {}
        self._ahead: Mapping[str, Future[StretchedKey | None]] = {}

    @contextmanager
    def stretched_ahead(self, vault: str, names: Collection[str] = ()) -> Iterator[None]:
        """Stretch what nobody has to type in another thread, while the command reads the rest of its program.

        ``names``: of custodians in the vault's folder; empty for all. A wrong passphrase is refused where it unlocks.

        Raises:
            MalformedInput: the file with the passphrase is not there.
        """
        files = {path.parent.name: path for path in sorted(Path(vault, "custodians").glob("*/keys"))}
        with ThreadPoolExecutor(max_workers=1) as pool:
            try:
                self._ahead = {
                    name: pool.submit(_stretched, path, passphrase)
                    for name, path in files.items()
                    if (not names or name in names) and (passphrase := self.find(name)) is not None
                }
                yield
            finally:
                pool.shutdown(cancel_futures=True)

    def unlocked(self, folder: "CustodianFolder", opener: Opener) -> "CustodianKeys":
        """The keys of a folder, by what was stretched ahead for this very key file, else by ``opener``.

        Raises as ``CustodianFolder.unlock``.
        """
        ahead = self._ahead.get(folder.name)
        key = None if ahead is None else ahead.result()
        return folder.unlock(opener if key is None or key.file != folder.keys_version() else key)

    def get(self, name: str, *, is_new: bool = False) -> Secret:
        """The passphrase of a custodian.

        Raises:
            MalformedInput: none is given and there is no terminal to ask at.
        """
        passphrase = self.find(name)
        if passphrase is not None:
            if is_new:
                verify_passphrase(passphrase, name)
            return passphrase
        if not sys.stdin.isatty():
            raise MalformedInput(
                f"passphrase of {name}: not given",
                hint=f"set COFFER_PASSPHRASE_{variable_name(name)} or COFFER_PASSPHRASE, or use --passphrase-file",
            )
        text = click.prompt(f"passphrase of {visible(name)}", hide_input=True, confirmation_prompt=is_new, err=True)
        self._typed[name] = Secret(text.encode("utf-8"), "passphrase")
        if is_new:
            verify_passphrase(self._typed[name], name)
        return self._typed[name]

    def opener(self, folder: "CustodianFolder") -> Opener:
        """What opens a custodian's key file. Raises as ``get``."""
        return self._at_hand(folder) or self.get(folder.name)

    def opener_or_skip(self, folder: "CustodianFolder") -> Opener | None:
        """What opens the key file of a custodian that may stay out.

        At a terminal the passphrase is asked for, and nothing typed means no.
        """
        name = folder.name
        opener = self._at_hand(folder)
        if opener is None and sys.stdin.isatty():
            prompt = f"passphrase of {visible(name)} (empty: it does not answer)"
            text = click.prompt(prompt, default="", show_default=False, hide_input=True, err=True)
            if text:
                opener = self._typed[name] = Secret(text.encode("utf-8"), "passphrase")
        return opener

    def _at_hand(self, folder: "CustodianFolder") -> Opener | None:
        """What nobody has to type."""
        held = held_for if self._asks_agent else lambda _: None
        return self.find(folder.name) or held(folder.key_file)

    def find(self, name: str) -> Secret | None:
        """The passphrase typed before, from a file or the environment, or None."""
        if name in self._typed:
            return self._typed[name]
        if self._file is not None:
            if not Path(self._file).is_file():
                raise MalformedInput(f"--passphrase-file: {Path(self._file).name}: no such file")
            return Secret(read_file(self._file).rstrip(b"\r\n"), "passphrase")
        for variable in (f"COFFER_PASSPHRASE_{variable_name(name)}", "COFFER_PASSPHRASE"):
            if variable in os.environ:
                return Secret(os.environb[variable.encode("ascii")], "passphrase")
        return None


def _stretched(key_file: Path, passphrase: Secret) -> StretchedKey | None:
    """What a passphrase gives for a key file; None for one that cannot be read so, or that a token wraps."""
    try:
        return stretch(key_file.read_bytes(), passphrase, place=key_file.parent.name)
    except (CofferError, OSError):
        return None
