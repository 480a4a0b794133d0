"""``coffer countersign``.

Only the options are here. What it does lies in ``cli.countersigning``, which is read while a passphrase is stretched.
"""

import click

from coffer.cli.passphrases import Passphrases, passphrase_option


@click.command(epilog="Example: coffer countersign vault request.note --as judge")
@click.argument("vault")
@click.argument("note")
@click.option("--as", "name", required=True, metavar="CUSTODIAN", help="Which custodian approves.")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts. Whoever runs it has read the request.")
@passphrase_option
def countersign(vault: str, note: str, name: str, passphrase_file: str | None, *, yes: bool) -> None:
    """Approve a request as a custodian of this vault's folder.

    The request is shown, put into the custodian's own approvals file, and signed.
    """
    passphrases = Passphrases(passphrase_file)
    with passphrases.stretched_ahead(vault, [name]):
        from coffer.cli.countersigning import countersign_request  # noqa: PLC0415 - reading it takes as long

        countersign_request(vault, note, name, passphrases, is_asking=not yes)
