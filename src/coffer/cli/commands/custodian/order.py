"""``coffer custodian order``."""

import click

from coffer.authority.file_kind import file_name, kind_of
from coffer.cli.console import clock, console, say, verify_absent
from coffer.cli.inbox import verified_request
from coffer.cli.machine import at_work
from coffer.cli.passphrases import passphrase_option
from coffer.cli.signatures import anchors_option, say_signatures
from coffer.cli.tables import Table
from coffer.disk import Disk
from coffer.visible import counted


@click.command(epilog="Example: coffer custodian order judge/ 1d9c7e5c0f3a4b6d8e2f91a07b5c3d4e -o order/")
@click.argument("folder", metavar="DIR")
@click.argument("note", metavar="REQUEST")
@click.option("-o", "--output", metavar="FOLDER", help="A new folder to write the files into, to be read there.")
@anchors_option
@passphrase_option
def order(folder: str, note: str, output: str | None, anchors: str | None, passphrase_file: str | None) -> None:
    """List the files of a request's order, or write them out to be read.

    REQUEST is the first digits of a request in the list. What a file is, its first bytes say; its hash is proven. Files that
    were written out count as opened here, and coffer custodian review says which were not.
    """
    path = None if output is None else verify_absent(output)
    machine, service = at_work(folder, passphrase_file)
    request, _ = verified_request(machine, service, note)
    files = machine.requests.order_files(request, service.keys)
    if not files:
        say("no file of the order came with it: the request names none")
        return
    table, written = Table("file", "bytes", "kind", "here", "SHA-256", numbers=("bytes",), whole=("SHA-256",)), {}
    for one in files:
        said, here = "", "not sent"
        if one.is_here:
            raw = machine.requests.read_order(request, one.number, service.keys)
            said, here = kind_of(raw).said, "opened" if one.opened or path else "not opened"
            written[one.number] = file_name(one.number, raw), raw
        table.add_row(str(one.number), f"{one.file.size:,}", said, here, one.file.sha256.hex())
    if path is not None and written:
        Disk().write_folder(path, dict(written.values()))
        for number in written:
            machine.requests.mark_opened(request.commitment, number, clock(), service.keys)
    console().print(table)
    if anchors is not None:
        say_signatures(list(written.values()), anchors)
    if len(written) < len(files):
        say("what was not sent, the desk can send: coffer send VAULT NOTE --order FILE")
    if path is not None and written:
        say(f"{counted(len(written), 'file')} written to {output}: strangers made them, so open them with care")
