"""``coffer replicate``."""

import os
from pathlib import Path

import click

from coffer.cli.console import console, print_json
from coffer.cli.examined import examined_document, print_examined, verify_faultless
from coffer.cli.vaults import vault_at
from coffer.disk import Disk
from coffer.errors import MalformedInput
from coffer.objects.address import parse_address
from coffer.objects.folder import FolderObjects
from coffer.objects.port import Objects
from coffer.vault.folder import CONFIG
from coffer.visible import counted


@click.command(
    epilog="""\b
Examples:
coffer replicate vault s3://second-bucket/vault
coffer replicate vault /mnt/audit/vault"""
)
@click.argument("source", metavar="VAULT")
@click.argument("target", metavar="TARGET")
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def replicate(source: str, target: str, *, as_json: bool) -> None:
    """Copy a vault's log, segments and tallies to a folder or store, and prove the copy.

    Keys, desk and custodians stay where they are. What is there already is not copied again, and what died is
    deleted there. coffer-audit reads a folder that was made so.
    """
    from coffer.procedures.fsck import expected_of  # noqa: PLC0415 - as the next
    from coffer.procedures.replicate import replicate as copy  # noqa: PLC0415 - loads the libraries of arrays

    opened, place = vault_at(source), _place(target, Path(source))
    done = copy(opened.objects, place, expected_of(opened), opened.log.checkpoint())
    place.put(CONFIG, opened.disk.read(opened.path / CONFIG))
    if as_json:
        copied = {"copied": done.copied, "bytes": done.size_bytes, "kept": done.kept, "deleted": done.deleted}
        print_json(copied | examined_document(done.examined))
    else:
        out = console()
        copied_now = f"{counted(done.copied, 'object')} copied ({counted(done.size_bytes, 'byte')})"
        out.print(f"{copied_now}, {done.kept:,} there already, {done.deleted:,} deleted that died")
        print_examined(out, done.examined)
    verify_faultless(done.examined, "replicate")


def _place(target: str, source: Path) -> Objects:
    """Where the copy goes: the store or folder of that name.

    Raises:
        MalformedInput: it is the vault itself, or another vault's folder.
    """
    if "://" in target:
        from coffer.objects.store import StoreObjects  # noqa: PLC0415 - only a store needs its library

        return StoreObjects(parse_address(target, "TARGET"), None, os.urandom)
    folder = Path(target)
    if folder.resolve() == source.resolve() or (folder / "operator").exists():
        raise MalformedInput(f"{folder.name}: a vault that is in use, expected a folder for a copy")
    return FolderObjects(folder, Disk())
