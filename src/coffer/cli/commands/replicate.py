"""``coffer replicate``."""

import os
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

import click

from coffer.cli.console import console, print_json, read_file
from coffer.cli.examined import examined_document, print_examined, verify_faultless
from coffer.cli.vaults import vault_at
from coffer.disk import Disk
from coffer.errors import MalformedInput
from coffer.objects.address import parse_address
from coffer.objects.folder import FolderObjects
from coffer.objects.place import place_of
from coffer.objects.port import Objects
from coffer.translog.store.files import FileLog
from coffer.vault.folder import CONFIG
from coffer.vault.pins import parse_pins
from coffer.visible import counted

if TYPE_CHECKING:
    from coffer.procedures.replicate import Replicated


@click.command(
    epilog="""\b
Examples:
coffer replicate vault s3://second-bucket/vault
coffer replicate vault /mnt/audit/vault
coffer replicate s3://bucket/vault /mnt/audit/vault --pins vault.toml"""
)
@click.argument("source", metavar="VAULT")
@click.argument("target", metavar="TARGET")
@click.option(
    "--pins",
    metavar="vault.toml",
    help="VAULT is a store or a copy: prove its log by this file, which the operator publishes.",
)
@click.option("--json", "as_json", is_flag=True, help="As JSON.")
def replicate(source: str, target: str, pins: str | None, *, as_json: bool) -> None:
    """Copy a vault's log, segments and tallies to a folder or store, and prove the copy.

    Keys, desk, custodians and what machines remember of files (memory/) stay where they are. What is there already is
    not copied again, and what died is deleted there. coffer-audit reads a folder that was made so. With --pins, VAULT is an address such as
    s3://BUCKET/PREFIX, or a copy, and nothing of the vault's own folder is needed.
    """
    done = _replicate(source, target, pins)
    if as_json:
        copied = {"copied": done.copied, "bytes": done.size_bytes, "kept": done.kept, "deleted": done.deleted}
        print_json(copied | {"unproven": list(done.unproven)} | examined_document(done.examined))
    else:
        out = console()
        copied_now = f"{counted(done.copied, 'object')} copied ({counted(done.size_bytes, 'byte')})"
        out.print(f"{copied_now}, {done.kept:,} there already, {done.deleted:,} deleted that died")
        for key in done.unproven:
            out.print(f"{key}: in the source missing, or not the one in the log: not copied", soft_wrap=True)
        print_examined(out, done.examined)
    verify_faultless(done.examined, "replicate")


def _replicate(source: str, target: str, pins: str | None) -> "Replicated":
    from coffer.procedures.fsck import expected_by, expected_of  # noqa: PLC0415 - as the next
    from coffer.procedures.replicate import replicate as copy  # noqa: PLC0415 - loads the libraries of arrays
    from coffer.procedures.replicate import verify_continues  # noqa: PLC0415 - as above

    if pins is None:
        if "://" in source:
            raise MalformedInput(
                "VAULT: an address, expected its pins too", hint="--pins vault.toml, which the operator publishes"
            )
        opened, place = vault_at(source), _target(target, source)
        expected, checkpoint = expected_of(opened), opened.log.checkpoint()
        verify_continues(place, opened.log, checkpoint, opened.pins.log_key, "the copy")
        done = copy(opened.objects, place, expected, checkpoint)
        place.put(CONFIG, opened.disk.read(opened.path / CONFIG))
        return done
    raw, place, origin = read_file(pins), _target(target, source), _place(source)
    proven = parse_pins(raw, Path(pins).name)
    with TemporaryDirectory() as folder:  # the log is public
        log = FileLog(Path(folder) / "log", Disk(), key=proven.log_key)
        expected = expected_by(origin, proven, log)
        verify_continues(place, log, log.checkpoint(), proven.log_key, "the copy")
        done = copy(origin, place, expected, log.checkpoint())
    place.put(CONFIG, raw)
    return done


def _target(target: str, source: str) -> Objects:
    """Where the copy goes.

    Raises:
        MalformedInput: it is the vault itself, or another vault's folder.
    """
    folder = Path(target)
    if "://" in target:
        own = parse_address(source, "VAULT") if "://" in source else place_of(Path(source), Disk()).store
        if parse_address(target, "TARGET") == own:
            raise MalformedInput("TARGET: the vault itself, expected another place")
    elif folder.resolve() == Path(source).resolve() or (folder / "operator").exists():
        raise MalformedInput(f"{folder.name}: a vault that is in use, expected a folder for a copy")
    return _place(target)


def _place(name: str) -> Objects:
    """The store or folder of that name."""
    if "://" not in name:
        return FolderObjects(Path(name), Disk())
    from coffer.objects.store import StoreObjects  # noqa: PLC0415 - only a store needs its library

    return StoreObjects(parse_address(name, "address"), None, os.urandom)
