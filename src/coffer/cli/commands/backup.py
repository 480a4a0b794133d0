"""``coffer backup``."""

from pathlib import Path

import click

from coffer.cli.console import console, print_json, say
from coffer.cli.examined import examined_document, print_examined, verify_faultless
from coffer.cli.vaults import vault_at
from coffer.errors import MalformedInput
from coffer.visible import counted, visible_cell


@click.command(epilog="Example: coffer backup vault /mnt/backup/vault")
@click.argument("vault")
@click.argument("target", metavar="FOLDER")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def backup(vault: str, target: str, *, as_json: bool) -> None:
    """Copy everything of a vault but keys to a folder, and prove the copy.

    Others may work in the vault meanwhile. The folder is laid out as the vault's: copied back, with operator/keys put beside it, it is the vault. Run
    again, what is new is copied, and what died is removed. Keys of the operator are kept apart, those of
    custodians nowhere. A desk on PostgreSQL is backed up by pg_dump.
    """
    from coffer.procedures.backup import back_up  # noqa: PLC0415 - loads the libraries of arrays

    if "://" in target:
        raise MalformedInput(
            "FOLDER: an address, expected a folder", hint="into a store: coffer replicate VAULT s3://..."
        )
    opened = vault_at(vault)
    if opened.stored is not None:
        say(f"segments and tallies stay in their store: coffer replicate {vault} FOLDER copies them")
    done = back_up(opened, Path(target))
    for name in done.unknown:
        say(f"{visible_cell(name)}: not a file of a vault, and not copied")
    copied = done.replicated
    if as_json:
        numbers = {"copied": copied.copied, "bytes": copied.size_bytes, "kept": copied.kept, "deleted": copied.deleted}
        print_json(numbers | {"files": done.files, "unknown": list(done.unknown)} | examined_document(copied.examined))
    else:
        out = console()
        now = f"{counted(copied.copied, 'object')} copied ({counted(copied.size_bytes, 'byte')})"
        out.print(f"{now}, {copied.kept:,} there already, {copied.deleted:,} deleted that died, {done.files:,} files")
        print_examined(out, copied.examined)
    verify_faultless(copied.examined, "backup")
