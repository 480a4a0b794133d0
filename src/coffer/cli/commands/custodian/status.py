"""``coffer custodian status``."""

from pathlib import Path

import click

from coffer.cli.console import console, read_file, say
from coffer.custodian.machine.folder import Machine
from coffer.custodian.machine.tls import fingerprint_of
from coffer.disk import Disk
from coffer.visible import counted


@click.command(epilog="Example: coffer custodian status judge/")
@click.argument("folder", metavar="DIR")
def status(folder: str) -> None:
    """Show the vault, the log, what waits, and whether the custodian is frozen.

    It reads the folder alone, without its keys.
    """
    machine = Machine.open(Path(folder), Disk())
    out = console()
    out.print(f"custodian    {machine.config.name}")
    out.print(f"listens at   {machine.config.listen}   (unless serve was given --listen)")
    certificate = read_file(str(machine.path / machine.config.certificate))
    out.print(f"fingerprint  {fingerprint_of(certificate, machine.config.certificate)}", soft_wrap=True)
    if machine.config.pinned is None:
        out.print("vault        none yet")
        return
    out.print(f"vault        {machine.pinned.log_key.name}")
    out.print(f"log at       {machine.pinned.log_at}", soft_wrap=True)
    out.print(f"log          {counted(machine.mirror().size(), 'entry')} in the mirror")
    days = machine.folder.epoch_days()
    out.print(f"epoch keys   {len(days)}" + (f", {days[0]} to {days[-1]}" if days else ""))
    out.print(f"to be logged {counted(len(machine.waiting()), 'entry')}, as far as the mirror knows")
    out.print(f"to review    {counted(machine.waiting_notes(), 'request')}")
    news = machine.news()
    for line in news:
        out.print(f"roster       {line}", soft_wrap=True)
    if news:
        say(f"once you have read it: coffer custodian acknowledge {folder}")
    if machine.folder.memory.is_frozen():
        out.print("frozen       two histories of the log were seen: both checkpoints are in the file frozen")
