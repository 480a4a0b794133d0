"""The notifications of a served custodian, as its ``notify.toml`` says."""

import os

from coffer.cli.console import clock
from coffer.custodian.machine.folder import Machine
from coffer.custodian.machine.notifier import Notifier
from coffer.custodian.service import CustodianService
from coffer.disk import Disk
from coffer.notify.deliver import deliver
from coffer.notify.message import Message, Party
from coffer.notify.settings import NOTIFY, Recipient, parse_settings


def notifier_of(machine: Machine, service: CustodianService) -> Notifier | None:
    """Who tells the custodian's people; None if there is no ``notify.toml``.

    Raises:
        MalformedInput: the file is not in its form.
    """
    disk, path = Disk(), machine.path / NOTIFY
    if not disk.is_file(path):
        return None
    settings = parse_settings(disk.read(path), NOTIFY, read=lambda name: disk.read(machine.path / name))

    def send(message: Message, to: Recipient) -> None:
        deliver(
            message,
            to.address,
            settings,
            party=Party.CUSTODIAN,
            language=to.language,
            now=clock(),
            entropy=os.urandom,
        )

    return Notifier(machine, service, settings.people, clock=clock, deliver=send, paces=settings.paces)
