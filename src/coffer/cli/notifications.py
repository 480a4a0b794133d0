"""How the desk's people are told: the file of ``coffer serve --notifications``.

Implements docs/operating.md, "The desk".
"""

from pathlib import Path

from coffer.cli.console import read_file
from coffer.desk.telling import Channels
from coffer.errors import MalformedInput
from coffer.notify.address import Mailbox
from coffer.notify.smtp import MailServer, Tls
from coffer.toml import Table, parse_toml

_MAX_PORT = 65_535


def read_channels(file: str | None) -> Channels:
    """The channels of a file; none without one.

    Raises:
        MalformedInput: it is not of the form. No value is repeated, since it may be a password.
    """
    if file is None:
        return Channels()
    document = parse_toml(read_file(file), Path(file).name, hint="docs/operating.md shows the file")
    hooks = document.texts("webhook-hosts", ())
    mail = _mail(document.table("mail")) if "mail" in document.values else None
    document.end()
    return Channels(mail=mail, hooks=frozenset(hooks))


def _mail(table: Table) -> MailServer:
    host, sender, protection = table.text("host"), table.text("from"), table.text("tls")
    port = table.get("port", int)
    name, password = table.text("name", ""), table.text("password", "")
    ca_file = table.text("ca-file", "")
    table.end()
    if protection not in set(Tls):
        raise MalformedInput(f"{table.place}: tls: expected starttls, tls or none")
    if not 1 <= port <= _MAX_PORT:
        raise MalformedInput(f"{table.place}: port: expected 1 to {_MAX_PORT}")
    if bool(name) != bool(password):
        raise MalformedInput(f"{table.place}: name, password: expected both or neither")
    return MailServer(
        host=host,
        port=port,
        tls=Tls(protection),
        sender=Mailbox(address=sender),
        login=(name, password) if name else None,
        ca_file=ca_file or None,
    )
