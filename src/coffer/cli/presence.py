"""``coffer roster absence``, ``object`` and ``acknowledge``, and the last two on a custodian's own machine."""

from pathlib import Path

import click

from coffer.cli.console import Passphrases, clock, console, read_file, say, verify_absent
from coffer.cli.machines import at_work, passphrase_option
from coffer.cli.setup import unlock
from coffer.cli.vaults import vault_at
from coffer.custodian.service import CustodianService
from coffer.custody.presence import News, describe_absence
from coffer.disk import Disk
from coffer.ledger.state import State, verify_clock
from coffer.notes.note import parse_note, sign_note
from coffer.procedures.roster.change import propose_absence, verify_absence_signed
from coffer.vault.folder import DESK, Vault
from coffer.visible import counted


@click.command(epilog="Example: coffer roster absence vault fr -o absence.note")
@click.argument("vault")
@click.argument("name", metavar="CUSTODIAN")
@click.option("-o", "--output", required=True, help="Where to write what all the other custodians sign.")
def absence(vault: str, name: str, output: str) -> None:
    """Write that an indispensable custodian is gone for good; signed by all the others and published, it starts the wait.

    If that custodian does not object within the roster's waiting-days, a roster that all the others sign needs no signature of it.
    """
    path, opened = verify_absent(output), vault_at(vault)
    state = opened.replay()
    verify_clock(state, clock())
    note = sign_note(propose_absence(state, name, clock().replace(microsecond=0)), opened.operator_key(DESK))
    Disk().write(path, note.raw)
    console().print(describe_absence(note.raw, state, path.name))
    say(f"written to {path.name}; next, by every other custodian, within 7 days:")
    for other in (other for other in state.roster.names if other != name):
        say(
            f"  {other}: coffer roster sign {vault} {path.name} --as {other}, or coffer custodian sign-roster DIR {path.name}"
        )
    say(f"then: coffer roster publish {vault} {path.name}   (or all the copies that were signed apart)")


def sign_absence_as(
    service: CustodianService, raw: bytes, path: Path, *, is_asking: bool, state: State | None = None
) -> None:
    """Show what a note says, ask, and sign it in its place."""
    state = state or service.peek()
    console().print(describe_absence(raw, state, path.name))
    if is_asking:
        click.confirm(f"sign this as {service.name}?", abort=True, err=True)
    Disk().write(path, service.sign_absence(raw, path.name, state=state).raw)
    say(f"signed by {service.name}")


def publish_absence(opened: Vault, raw: bytes, place: str) -> None:
    """Log an absence that all the others signed."""
    with opened.writing() as state:
        body = verify_absence_signed(parse_note(raw, place), state, place)
        index = opened.append([raw], state)[0]
        until = state.absences[body.custodian]
    console().print(
        f"logged as entry {index}: {body.custodian} may object for {counted(until.waiting_days, 'day')} (coffer custodian object DIR, then coffer sync)"
    )


@click.command("object", epilog="Example: coffer roster object vault --as fr")
@click.argument("vault")
@click.option("--as", "name", required=True, metavar="CUSTODIAN", help="Who is said to be gone, and is not.")
@click.option("--passphrase-file", help="File with the custodian's passphrase; else the environment or a prompt.")
def object_in_vault(vault: str, name: str, passphrase_file: str | None) -> None:
    """Say in the log that a custodian of this folder is there, though all others say that it is gone."""
    opened, passphrases = vault_at(vault), Passphrases(passphrase_file)
    opened.custodian(name)
    passphrases.get(name)  # a prompt must not hold the vault up
    with opened.writing() as state:
        index = opened.append([unlock(opened, passphrases, [name])[0].objection_entry()], state)[0]
    say(f"{name} objects, logged as entry {index}")


@click.command(epilog="Example: coffer roster acknowledge vault --as judge")
@click.argument("vault")
@click.option("--as", "name", required=True, metavar="CUSTODIAN", help="Whose people have read what changed.")
@click.option("--passphrase-file", help="File with the custodian's passphrase; else the environment or a prompt.")
def acknowledge(vault: str, name: str, passphrase_file: str | None) -> None:
    """Show what changed in the roster since this custodian's people looked last, and keep that they have read it."""
    opened, passphrases = vault_at(vault), Passphrases(passphrase_file)
    opened.custodian(name)
    passphrases.get(name)
    with opened.alone():
        service = unlock(opened, passphrases, [name])[0]
        _acknowledge(service)


def say_news(news: tuple[News, ...], name: str, how: str) -> None:
    """Tell a custodian's people what of the roster they have not acknowledged."""
    for item in news:
        say(f"not acknowledged by {name}: {item.format()}")
    if news:
        say(f"once you have read it: {how}")


def _acknowledge(service: CustodianService) -> None:
    news = service.news()
    for item in news:
        console().print(item.format(), soft_wrap=True)
    service.acknowledge()
    left = service.news()
    say(f"acknowledged by {service.name}" if news else "nothing is new")
    if left:
        say("that it is said to be gone is told until it objects")


@click.command("object", epilog="Example: coffer custodian object judge/")
@click.argument("folder", metavar="DIR")
@passphrase_option
def object_here(folder: str, passphrase_file: str | None) -> None:
    """Say that this custodian is there, though all others say that it is gone; it is in the log after the operator's next sync."""
    machine, _, service = at_work(folder, passphrase_file)
    machine.put([service.objection_entry()])
    say(
        f"{machine.config.name} objects; it is in the log after the operator's next: coffer sync. Make sure that it runs"
    )


@click.command("acknowledge", epilog="Example: coffer custodian acknowledge judge/")
@click.argument("folder", metavar="DIR")
@passphrase_option
def acknowledge_here(folder: str, passphrase_file: str | None) -> None:
    """Show what changed in the roster since this custodian's people looked last, and keep that they have read it."""
    machine, _, service = at_work(folder, passphrase_file)
    service.sync()
    _acknowledge(service)
    machine.write_news(service)


def sign_absence_in_vault(opened: Vault, note: str, name: str, passphrases: Passphrases, *, is_asking: bool) -> None:
    """``coffer roster sign`` for what says that a custodian is gone."""
    raw = read_file(note)
    say(describe_absence(raw, opened.replay(), Path(note).name))
    if is_asking:
        click.confirm(f"sign this as {name}?", abort=True, err=True)
    passphrases.get(name)
    with opened.alone():
        service = unlock(opened, passphrases, [name])[0]
        signed = service.sign_absence(raw, Path(note).name, state=service.peek())
    Disk().write(Path(note), signed.raw)
    say(f"signed by {name}")
