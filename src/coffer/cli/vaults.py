"""The vault that a command works on, and whom it asks outside: witnesses and custodians on other machines."""

from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, suppress
from pathlib import Path
from typing import Final

from coffer.cli.console import clock, operator_passphrase, say
from coffer.custody.addresses import Address
from coffer.disk import Disk
from coffer.errors import CofferError
from coffer.extras import extra
from coffer.ledger.roster import MAX_CUSTODIANS
from coffer.ledger.state import State
from coffer.translog.witness import Gather
from coffer.vault.folder import Vault, open_vault

LOOK_S: Final = 3.0
"""For a custodian to say which log it holds; one that is down must not hold a command up."""


def vault_at(folder: str) -> Vault:
    """The vault in a folder, on the real disk."""
    vault = open_vault(Path(folder), Disk(), operator_passphrase())
    vault.clock = clock
    vault.on_append, vault.before_append, vault.on_forgotten = _ask_witnesses, _look_outside, _say_forgotten
    return vault


def _say_forgotten(count: int) -> None:
    """Of keys, not of whose: the authorizations are named by nobody here."""
    say(
        f"{count} seal key{'s' if count > 1 else ''} forgotten: replies under authorizations that have ended open no more"
    )


def _ask_witnesses(vault: Vault, state: State) -> None:
    """Cosignatures of the newest checkpoint, from the roster's witnesses at the addresses of the policy."""
    from coffer.procedures.witnessing import ask_witnesses  # noqa: PLC0415 - only vaults with witnesses pay for the HTTP client

    for name, what in ask_witnesses(vault, state, _gather()).items():
        say(f"witness {name} did not cosign: {what}")


def _look_outside(vault: Vault, state: State) -> None:
    """Whether witnesses, or else custodians on other machines, know a longer log."""
    is_confirmed_outside(vault, state)


def is_confirmed_outside(vault: Vault, state: State) -> bool:
    """Whether anybody else answered, and knows no longer log; True too where there is nobody else to ask.

    Raises:
        Unavailable: somebody knows a longer log.
    """
    if not state.roster.witnesses and not vault.addresses():
        return True
    from coffer.procedures.witnessing import verify_newest  # noqa: PLC0415 - only vaults with parties elsewhere pay for the HTTP client

    return verify_newest(vault, state, gather=_gather(), elsewhere=lambda: _checkpoints_elsewhere(vault), now=clock())


def _checkpoints_elsewhere(vault: Vault) -> dict[str, bytes]:
    """What custodians on other machines hold, as far as they say so at once."""
    from coffer.custody.client import HttpCustodian  # noqa: PLC0415 - needs the extra web, as _gather has found

    def ask(address: Address) -> tuple[str, bytes]:
        with closing(HttpCustodian(address, deadline_s=LOOK_S)) as remote, suppress(CofferError):
            return address.name, remote.checkpoint()
        return address.name, b""

    with ThreadPoolExecutor(max_workers=MAX_CUSTODIANS) as pool:
        return {name: raw for name, raw in pool.map(ask, vault.addresses()) if raw}


def _gather() -> Gather:
    with extra("web"):
        from coffer.translog.store.gather import gather  # noqa: PLC0415 - only what is elsewhere needs it
    return gather
