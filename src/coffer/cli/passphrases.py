"""Where a custodian's passphrase comes from, and the option that says so."""

import os
import sys
from pathlib import Path

import click

from coffer.cli.console import read_file
from coffer.custodian.folder import variable_name
from coffer.errors import MalformedInput
from coffer.notes.keys import Secret
from coffer.vault.outside import Costs
from coffer.visible import visible

COSTS = Costs()
"""What guesses cost, of every vault and custodian that commands make. Here alone a test makes them cheap."""

passphrase_option = click.option(
    "--passphrase-file", help="File with the custodian's passphrase; else the environment or a prompt."
)
passphrases_option = click.option(
    "--passphrase-file", help="File with the local custodians' passphrase; else the environment or a prompt."
)


class Passphrases:
    """Where a custodian's passphrase comes from: a file, the environment, or a prompt."""

    def __init__(self, file: str | None) -> None:
        self._file = file
        self._typed: dict[str, Secret] = {}

    def get(self, name: str, *, is_new: bool = False) -> Secret:
        """The passphrase of a custodian.

        Raises:
            MalformedInput: none is given and there is no terminal to ask at.
        """
        passphrase = self.find(name)
        if passphrase is not None:
            return passphrase
        if not sys.stdin.isatty():
            raise MalformedInput(
                f"passphrase of {name}: not given",
                hint=f"set COFFER_PASSPHRASE_{variable_name(name)} or COFFER_PASSPHRASE, or use --passphrase-file",
            )
        text = click.prompt(f"passphrase of {visible(name)}", hide_input=True, confirmation_prompt=is_new, err=True)
        self._typed[name] = Secret(text.encode("utf-8"), "passphrase")
        return self._typed[name]

    def get_or_skip(self, name: str) -> Secret | None:
        """The passphrase of a custodian that may stay out.

        At a terminal it is asked for, and nothing typed means no.
        """
        passphrase = self.find(name)
        if passphrase is None and sys.stdin.isatty():
            prompt = f"passphrase of {visible(name)} (empty: it does not answer)"
            text = click.prompt(prompt, default="", show_default=False, hide_input=True, err=True)
            passphrase = Secret(text.encode("utf-8"), "passphrase") if text else None
            if passphrase is not None:
                self._typed[name] = passphrase
        return passphrase

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
