"""``coffer open``.

Only the options are here. What it does lies in ``cli.opening``, which is read while passphrases are stretched.
"""

import click

from coffer.cli.console import verify_absent
from coffer.cli.form_options import asked_forms, form_options
from coffer.cli.passphrases import Passphrases, passphrases_option
from coffer.cli.patience import deadline_option


@click.command(
    "open",
    epilog="""\b
Examples:
coffer open vault request.note -o answer/
coffer open vault judge.note dpo.note -o answer/
coffer open vault request.note -o answers/ --since-last
coffer open vault request.note -o answer/ --format csv,etsi,pdf,json \\
    --language fr --time-zone Europe/Paris""",
)
@click.argument("vault")
@click.argument("notes", metavar="NOTE...", nargs=-1, required=True)
@click.option("-o", "--output", required=True, help="Folder to make for the answer, or for answers.")
@click.option(
    "--since-last",
    is_flag=True,
    help="Open what came since the last opening, into a folder of its own in -o; for an order over coming days.",
)
@click.option(
    "--hold",
    "holds",
    metavar="FILE",
    multiple=True,
    help="A hold under which custodians kept days whose keys have died since; repeat for more.",
)
@passphrases_option
@click.option("--json", "as_json", is_flag=True, help="The outcome as JSON (answer.json).")
@deadline_option
@form_options
def open_records(
    vault: str,
    notes: tuple[str, ...],
    output: str,
    holds: tuple[str, ...],
    passphrase_file: str | None,
    deadline_s: float,
    *,
    since_last: bool,
    as_json: bool,
    **options: object,
) -> None:
    """Open what a countersigned request allows, and write the answer with its evidence.

    The opening is logged, and the answer is a folder with its evidence.

    If custodians signed copies of the request apart, give all copies. With --format the forms lie in the folder
    disclosure/ of the answer; with --package they are in the zip.

    With --since-last the exit code is 0 if a part was opened, 6 if there is nothing to open now, and 7 if nothing will
    be opened any more. It needs no passphrase to say so.
    """
    if since_last:
        from coffer.cli.continuing import open_next  # noqa: PLC0415 - few orders go on

        open_next(
            vault,
            notes,
            output,
            Passphrases(passphrase_file),
            options,
            deadline_s=deadline_s,
            as_json=as_json,
            holds=holds,
        )
        return
    path = verify_absent(output.rstrip("/"))
    forms = asked_forms(options)
    passphrases = Passphrases(passphrase_file)
    with passphrases.stretched_ahead(vault):
        from coffer.cli.opening import open_answer  # noqa: PLC0415 - reading it takes as long as the stretching

        open_answer(vault, notes, path, passphrases, forms, deadline_s=deadline_s, as_json=as_json, holds=holds)
