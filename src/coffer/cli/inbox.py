"""The requests that wait at a custodian on its own machine."""

import re
from pathlib import Path

from coffer.authority.authorization import Authorization, parse_authorization
from coffer.cli.console import read_file
from coffer.custodian.machine.folder import Machine
from coffer.custodian.service import CustodianService
from coffer.errors import MalformedInput
from coffer.ledger.entries import NAME_DIGITS
from coffer.ledger.state import State

_DIGITS = re.compile("[0-9A-Fa-f]+")


def verified_request(machine: Machine, service: CustodianService, note: str) -> tuple[Authorization, State]:
    """A request that this vault's desk signed, and what the log says."""
    return service.verify_request(chosen_request(machine, service, note).note.raw, Path(note).name)


def chosen_request(machine: Machine, service: CustodianService, note: str) -> Authorization:
    """A request that waits or was decided here, by its first digits, or one from a file.

    A word of digits alone is never a file: a file of that name may lie here.
    """
    if not _DIGITS.fullmatch(note):
        return parse_authorization(read_file(note), Path(note).name)
    here = {one.commitment: one for one in (*machine.requests.decided(service.keys), *machine.notes(service.keys))}
    matching = [one for commitment, one in here.items() if commitment.hex().startswith(note.lower())]
    if len(note) < NAME_DIGITS or len(matching) != 1:
        raise MalformedInput(
            f"request {note[:64]}: {len(matching)} begin so, expected {NAME_DIGITS} digits or more of one",
            hint="coffer custodian review DIR lists what waits, each with its 32 digits; a file of that name is ./NAME",
        )
    return matching[0]
