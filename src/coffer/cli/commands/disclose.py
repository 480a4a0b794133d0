"""``coffer disclose``."""

from pathlib import Path

import click

from coffer.cli.answers import read_answer, states_of
from coffer.cli.console import console, print_json, say, verify_absent
from coffer.cli.form_options import FOLDER, form_options
from coffer.cli.forms import parse_forms, pins_of, zip_bytes
from coffer.cli.vaults import vault_at
from coffer.disclosure.verified import verify_complete, verify_disclosure
from coffer.disk import Disk
from coffer.errors import MalformedInput
from coffer.visible import counted


@click.command(
    epilog="""\b
Examples:
coffer disclose answer/ --format etsi,pdf --language fr \\
    --time-zone Europe/Paris
coffer disclose answer/ --package case-16-0042.zip --vault vault
coffer disclose answer/ --package case-16-0042.zip.p7m --to court.pem \\
    --vault vault"""
)
@click.argument("answer")
@click.option("-o", "--output", help="Folder to make for the forms; ANSWER/disclosure if not given.")
@click.option("--vault", help="The vault it was opened from: its log is compared, and its desk signs a package.")
@click.option("--json", "as_json", is_flag=True, help="What was written, as JSON.")
@form_options
def disclose(answer: str, output: str | None, vault: str | None, *, as_json: bool, **options: object) -> None:
    """Make the forms of an answer that courts and programs read.

    With --package it is a signed package of all of it. The answer is proven first: nothing is made of one that
    was changed.
    """
    forms = parse_forms(options)
    if not forms.formats:
        raise MalformedInput(
            "disclose: nothing asked for, expected --format or --package", hint="coffer disclose --help"
        )
    if forms.package and output:
        raise MalformedInput(
            "--output: not beside --package, which holds the forms", hint="run the command twice for both"
        )
    if forms.package and vault is None:
        raise MalformedInput("--package: needs the vault whose desk signs it", hint="add --vault VAULT")
    folder = Path(answer)
    files = read_answer(folder)
    opened = vault_at(vault) if vault else None
    disclosure = verify_disclosure(files, pins_of(opened) if opened else None)
    if opened is not None:
        verify_complete(disclosure, *states_of(opened, disclosure))
    forms = forms.headed(opened)
    if forms.package:
        assert opened is not None, "it was asked for above"
        raw = zip_bytes(forms, disclosure, opened)
        Disk().write(forms.package, raw, private=True)
        written = {str(forms.package): raw}
    else:
        path = verify_absent(output.rstrip("/") if output else str(folder / FOLDER))
        made = forms.render(disclosure, opened)
        Disk().write_folder(path, made)
        written = {f"{path}/{name}": raw for name, raw in made.items()}
    if as_json:
        print_json({"files": [{"path": name, "bytes": len(raw)} for name, raw in written.items()]})
    else:
        for name in written:
            console().print(name, soft_wrap=True)
    say(f"{counted(len(disclosure.rows), 'record')}, as the close entry {disclosure.close.index} of the log commits to")
    if opened is None:
        say("whether segments were left out was not looked at: add --vault")
        if disclosure.part is not None:
            say(
                f"that it is part {disclosure.part.number} of its order is unproven, only the log shows it: add --vault"
            )
        say(
            "the log's key was taken from the answer itself: add --vault to compare it, or let coffer-audit prove everything"
        )
