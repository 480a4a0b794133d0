"""The vault that a command works on, and its ``Outside``: witnesses and custodians on other machines."""

import datetime as dt
import os
from collections.abc import Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from coffer.cli import console, costs
from coffer.cli.agents import operator_opener
from coffer.cli.console import say
from coffer.custody.addresses import Address
from coffer.disk import Disk
from coffer.errors import CofferError
from coffer.extras import extra
from coffer.identity.identifier import IdentityType
from coffer.ledger.roster import MAX_CUSTODIANS
from coffer.notes.cosign import CosignKey
from coffer.notes.note import Note
from coffer.procedures.opening.found_by import found_types
from coffer.translog.witness import Gathered, Proof
from coffer.vault.folder import Vault, open_vault
from coffer.vault.outside import Costs

LOOK_S: Final = 3.0
"""For a custodian to say which log it holds. A custodian that is down must not hold up a command."""


class Network:
    """The ``Outside`` of every command.

    Its clock and randomness are this machine's. It asks witnesses and custodians over HTTP, and tells people on stderr.
    """

    @property
    def costs(self) -> Costs:
        """As the port."""
        return costs.COSTS

    def clock(self) -> dt.datetime:
        """As the port."""
        return console.clock()

    def entropy(self, size: int, /) -> bytes:
        """As the port."""
        return os.urandom(size)

    def gather(
        self, note: Note, size: int, proof: Proof, keys: Sequence[CosignKey], addresses: Mapping[str, str], /
    ) -> Gathered:
        """As the port."""
        with extra("web"):
            from coffer.translog.store.gather import gather  # noqa: PLC0415 - only vaults with parties elsewhere pay for the HTTP client
        return gather(note, size, proof, keys, addresses)

    def checkpoints(self, addresses: Sequence[Address], /) -> Mapping[str, bytes]:
        """As the port. A custodian that does not answer within ``LOOK_S`` is left out."""
        from concurrent.futures import ThreadPoolExecutor  # noqa: PLC0415 - only vaults with parties elsewhere ask them at once

        with extra("web"):
            from coffer.custody.client import HttpCustodian  # noqa: PLC0415 - only they pay for the HTTP client

        def ask(address: Address) -> tuple[str, bytes]:
            with closing(HttpCustodian(address, deadline_s=LOOK_S)) as remote, suppress(CofferError):
                return address.name, remote.checkpoint()
            return address.name, b""

        with ThreadPoolExecutor(max_workers=MAX_CUSTODIANS) as pool:
            return {name: raw for name, raw in pool.map(ask, addresses) if raw}

    def say(self, message: str, /) -> None:
        """As the port."""
        say(message)


def found_types_in(folder: str) -> frozenset[IdentityType]:
    """Of IMEI and IMSI those by which some feed's records are found."""
    vault = vault_at(folder)
    return found_types(vault, vault.replay())


def vault_at(folder: str) -> Vault:
    """The vault in a folder, on the real disk. It replays its log once, then only what is new."""
    path = Path(folder)
    return open_vault(path, Disk(), Network(), operator_passphrase=operator_opener(path), is_warm=True)
