"""What the commands of a custodian on its own machine share."""

from pathlib import Path

import click

from coffer.cli import costs
from coffer.cli.console import clock, uptime
from coffer.cli.passphrases import Passphrases
from coffer.custodian.machine.folder import Machine, Pinned
from coffer.custodian.service import CustodianService
from coffer.disk import Disk
from coffer.extras import extra
from coffer.notes.keys import Secret
from coffer.translog.port import LogReader
from coffer.translog.store.files import FileLog

yes_option = click.option("--yes", is_flag=True, help="Do not ask; for scripts. Whoever runs it has read the text.")


def at_work(folder: str, passphrase_file: str | None) -> tuple[Machine, CustodianService]:
    """The custodian of a folder with its keys unlocked, and the log it follows; the log is not read yet."""
    machine = machine_at(folder)
    log = log_of(machine.pinned)
    opener = Passphrases(passphrase_file).opener(machine.folder)
    return machine, machine.service(opener, log=log, clock=clock, uptime=uptime)


def at_work_retiring(folder: str, passphrase_file: str | None) -> tuple[Machine, Secret, CustodianService]:
    """The same with the passphrase itself.

    Whoever destroys keys seals the others anew, and what an agent holds seals nothing.
    """
    machine = machine_at(folder)
    log = log_of(machine.pinned)
    passphrase = Passphrases(passphrase_file).get(machine.config.name)
    return machine, passphrase, machine.service(passphrase, log=log, clock=clock, uptime=uptime)


def machine_at(folder: str) -> Machine:
    """The custodian's own folder."""
    return Machine.open(Path(folder), Disk(), cost=costs.COSTS.passphrase)


def log_of(pinned: Pinned) -> LogReader:
    """The log at a custodian's ``log-at``."""
    if "://" not in pinned.log_at:
        return FileLog(Path(pinned.log_at), Disk(), key=pinned.log_key)
    with extra("web"):
        from coffer.translog.store.http import HttpLog  # noqa: PLC0415 - needs the extra web
    return HttpLog(pinned.log_at, key=pinned.log_key)
