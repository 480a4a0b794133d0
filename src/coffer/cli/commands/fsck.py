"""``coffer fsck``."""

import click

from coffer.cli.console import console, print_json
from coffer.cli.examined import examined_document, print_examined, verify_faultless
from coffer.cli.vaults import vault_at


@click.command(
    epilog="""\b
Examples:
coffer fsck vault
coffer fsck vault --deep --json"""
)
@click.argument("vault")
@click.option("--deep", is_flag=True, help="Read every manifest and every row too.")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def fsck(vault: str, *, deep: bool, as_json: bool) -> None:
    """Compare segments, tallies and log tiles, in the folder or its store, with the log.

    Nothing is changed. Ends with code 3 if anything is missing, changed, or not wanted by the log.
    """
    from coffer.procedures.fsck import examine, expected_of  # noqa: PLC0415 - loads the libraries of arrays

    opened = vault_at(vault)
    examined = examine(opened.objects, expected_of(opened), is_deep=deep)
    if as_json:
        print_json(examined_document(examined))
    else:
        print_examined(console(), examined)
    verify_faultless(examined, "fsck")
