"""The requests that wait at a custodian on its own machine."""

import re
from pathlib import Path

from coffer.authority.authorization import Authorization, parse_authorization
from coffer.authority.hold import Requested, parse_requested_note, verify_opens
from coffer.cli.console import say
from coffer.cli.notes import read_note
from coffer.custodian.machine.folder import Machine
from coffer.custodian.service import CustodianService
from coffer.errors import MalformedInput
from coffer.ledger.entries import NAME_DIGITS
from coffer.ledger.state import State

_DIGITS = re.compile("[0-9A-Fa-f]+")


def verified_request(machine: Machine, service: CustodianService, note: str) -> tuple[Authorization, State]:
    """A request that this vault's desk signed, and what the log says."""
    requested, state = service.verify_request(chosen_request(machine, service, note).note.raw, Path(note).name)
    return verify_opens(requested, Path(note).name), state


def verified_note(machine: Machine, service: CustodianService, note: str) -> tuple[Requested, State]:
    """The same, or a hold."""
    return service.verify_request(chosen_note(machine, service, note).note.raw, Path(note).name)


def chosen_note(machine: Machine, service: CustodianService, note: str) -> Requested:
    """A hold that was sent here, by its first digits, or one from a file; else as ``chosen_request``."""
    if not _DIGITS.fullmatch(note):
        return parse_requested_note(read_note(note), Path(note).name)
    holds = [one for one in machine.folder.holds.waiting(service.keys) if one.commitment.hex().startswith(note.lower())]
    return holds[0] if len(note) >= NAME_DIGITS and len(holds) == 1 else chosen_request(machine, service, note)


def chosen_request(machine: Machine, service: CustodianService, note: str) -> Authorization:
    """A request that waits or was decided here, by its first digits, or one from a file.

    A word of digits alone is never a file: a file of that name may lie here.
    """
    if not _DIGITS.fullmatch(note):
        return parse_authorization(read_note(note), Path(note).name)
    here = {one.commitment: one for one in (*machine.requests.decided(service.keys), *machine.notes(service.keys))}
    matching = [one for commitment, one in here.items() if commitment.hex().startswith(note.lower())]
    if len(note) < NAME_DIGITS or len(matching) != 1:
        raise MalformedInput(
            f"request {note[:64]}: {len(matching)} begin so, expected {NAME_DIGITS} digits or more of one",
            hint="coffer custodian review DIR lists what waits, each with its 32 digits; a file of that name is ./NAME",
        )
    return matching[0]


def say_order(machine: Machine, service: CustodianService, request: Authorization, folder: str) -> None:
    """Say which files of the order nobody opened here. Whoever approves decides what to make of it."""
    files = machine.requests.order_files(request, service.keys)
    if not files:
        say("no file of the order came with it: ask the desk for the order, and compare it")
    missing = [str(one.number) for one in files if not one.is_here]
    if missing:
        say(
            f"the order's file was not sent: {', '.join(missing)} of {len(files)}; the desk can send it with the request"
        )
    unopened = [str(one.number) for one in files if one.is_here and one.opened is None]
    if unopened:
        digits = request.commitment.hex()[:NAME_DIGITS]
        say(f"the order's file was not opened here: {', '.join(unopened)} of {len(files)}")
        say(f"to read it: coffer custodian order {folder} {digits} -o NEW-FOLDER")
