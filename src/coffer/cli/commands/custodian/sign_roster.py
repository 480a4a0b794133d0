"""``coffer custodian sign-roster``."""

from pathlib import Path

import click

from coffer.cli.console import confirm, console, say
from coffer.cli.machine import at_work, yes_option
from coffer.cli.notes import read_note
from coffer.cli.passphrases import Passphrases, passphrase_option
from coffer.cli.presence import sign_absence_as
from coffer.custodian.machine.folder import Machine
from coffer.custody.presence import is_absence
from coffer.disk import Disk
from coffer.errors import MalformedInput
from coffer.ledger.changes import describe, describe_emergency
from coffer.ledger.codes import LEVEL_WORDS
from coffer.ledger.roster import Roster, parse_roster
from coffer.notes.note import Note, parse_note
from coffer.visible import counted


@click.command("sign-roster", epilog="Example: coffer custodian sign-roster judge/ roster.note")
@click.argument("folder", metavar="DIR")
@click.argument("note")
@yes_option
@passphrase_option
def sign_roster(folder: str, note: str, passphrase_file: str | None, *, yes: bool) -> None:
    """Show a roster, or what a new one changes, and sign it.

    The roster is that of a vault that is being founded, or of the one that was joined. It also signs the note
    that another custodian is gone (coffer roster absence).
    """
    machine, place = Machine.open(Path(folder), Disk()), Path(note).name
    raw, name = read_note(note), machine.config.name
    if is_absence(raw):
        sign_absence_as(at_work(folder, passphrase_file)[1], raw, Path(note), is_asking=not yes)
        return
    parsed = parse_note(raw, place)
    roster = parse_roster(parsed.text, place)
    if machine.config.pinned is None:
        signed = _sign_first(machine, parsed, roster, passphrase_file, place)
        _show_roster(roster)
    else:
        _, service = at_work(folder, passphrase_file)
        state = service.peek()
        signed = service.sign_roster(raw, place, state=state)
        for line in describe(state.roster, roster):
            console().print(line)
    if not yes:
        confirm(f"sign this as {name}?")
    if signed.raw == raw:
        say(f"{name} had signed it before")
        return
    Disk().write(Path(note), signed.raw)
    say(f"signed by {name}")


def _sign_first(machine: Machine, note: Note, roster: Roster, passphrase_file: str | None, place: str) -> Note:
    """Sign as a custodian that belongs to no vault yet.

    Of the roster it knows only whether its own keys are in it.
    """
    note.verify_lines_of(roster.signing_keys)
    name = machine.config.name
    keys = machine.folder.unlock(Passphrases(passphrase_file).opener(machine.folder))
    me, own = roster.custodian(name), keys.public(name)
    if me is None or (me.auth, me.resp, me.req) != (own.auth, own.resp, own.req):
        raise MalformedInput(f"{place}: does not hold the keys of {name}")
    return note if note.is_signed_by(me.auth) else note.with_signature(keys.auth)


def _show_roster(roster: Roster) -> None:
    out = console()
    out.print(f"origin       {roster.origin}")
    for name, rule in roster.rules.items():
        out.print(f"rule {name:7} {rule.expression}")
    for line in describe_emergency(roster):
        out.print(f"emergency    {line}")
    for member in roster.custodians:
        out.print(f"custodian    {member.name}  {member.auth.key_id.hex()}")
    if roster.witnesses:
        out.print(f"witnesses    {roster.quorum} of {', '.join(roster.witness_names)}")
    out.print(
        f"retention    {counted(roster.retention_days, 'day')}; records up to {counted(roster.late_days, 'day')} old are taken"
    )
    out.print(f"tally        {'exact' if roster.epsilon is None else f'epsilon {roster.epsilon}'}")
    out.print(f"waiting      {counted(roster.waiting_days, 'day')} before one that is gone is replaced")
    out.print(f"numbering    {roster.numbering}")
    out.print(f"statistics   {roster.statistics}: {LEVEL_WORDS[roster.statistics]}")
    out.print(f"hash         {roster.hash.hex()}", soft_wrap=True)
    say("every custodian must see this same hash: read it to each other")
