"""``coffer notices``."""

import datetime as dt
from collections.abc import Mapping, Sequence

import click

from coffer import wire
from coffer.cli.console import clock, console, print_json, say, verify_absent
from coffer.cli.letterheads import chosen_letterhead, read_letterhead
from coffer.cli.tables import Table
from coffer.cli.vaults import vault_at
from coffer.disclosure.notice import Notice, format_letter
from coffer.disclosure.pdf_texts import LANGUAGES
from coffer.disk import Disk
from coffer.errors import MalformedInput, Refused
from coffer.ledger.entries import NAME_DIGITS
from coffer.procedures.notices import notices_of, proof_of
from coffer.vault.folder import Vault
from coffer.visible import counted


@click.command(
    epilog="""\b
Examples:
coffer notices vault
coffer notices vault --write letters/ --language fr
coffer notices vault --mark-told 2c26b46b68ffc68ff99b453c1d304134"""
)
@click.argument("vault")
@click.option("--write", "folder", help="Make this folder, with a letter and its proof for each person who is due.")
@click.option(
    "--mark-told",
    "told",
    metavar="AUTHORIZATION",
    multiple=True,
    help="Its letters were sent: its persons are told; repeat for more. The name is that of the list.",
)
@click.option("--language", default="en", show_default=True, type=click.Choice(LANGUAGES), help="Of the letters.")
@click.option("--complaints", metavar="TEXT", help="Where to complain, in your own words; else a general sentence.")
@click.option(
    "--letterhead", "head", metavar="FILE", help="Your name and addresses; else letterhead.toml of the vault."
)
@click.option("--json", "as_json", is_flag=True, help="The list as JSON.")
def notices(
    vault: str,
    folder: str | None,
    told: tuple[str, ...],
    language: str,
    complaints: str | None,
    head: str | None,
    *,
    as_json: bool,
) -> None:
    """List who is due to be told of an opening, and write the letters.

    Only what this vault's desk opened is known here. A letter that is written tells nobody: send it with its proof, then
    say so with --mark-told.
    """
    opened, now = vault_at(vault), clock()
    path = verify_absent(folder.rstrip("/")) if folder else None
    given = read_letterhead(head)
    if told:
        if path is not None or as_json:
            raise MalformedInput("--mark-told: beside --write or --json, expected alone")
        _mark(opened, told, now)
        return
    if path is None:
        _list(notices_of(opened, opened.replay()), now, as_json=as_json)
        return
    with opened.alone():
        state = opened.replay()
        due = [notice for notice in notices_of(opened, state) if notice.is_due(now)]
        letterhead = chosen_letterhead(given, opened) if due else None
        files: dict[str, bytes] = {}
        letters = 0
        for notice in due:
            each = notice.for_each_person()
            letters += len(each)
            for number, own in enumerate(each, 1):
                name = notice.authorization.commitment.hex()[:NAME_DIGITS] + (f"/{number}" if len(each) > 1 else "")
                files[f"{name}/letter.pdf"] = format_letter(
                    own, language=language, complaints=complaints, now=now, letterhead=letterhead
                )
                files |= {f"{name}/proof/{inner}": raw for inner, raw in proof_of(opened, state, own).items()}
        if files:
            Disk().write_folder(path, files)
    console().print(f"{counted(letters, 'letter')} written" + (f" in {path}/" if due else ""))
    if due:
        say("each folder holds a letter and its proof: send both to its person; nobody counts as told yet")
        say(f"then: coffer notices {vault} --mark-told AUTHORIZATION, the name of a folder whose letters were sent")


def _mark(opened: Vault, names: Sequence[str], now: dt.datetime) -> None:
    """Mark the persons of these authorizations as told: all of them, or nobody if one is not due."""
    with opened.alone():
        known = {notice.authorization.commitment.hex(): notice for notice in notices_of(opened, opened.replay())}
        chosen = [_named(name, known) for name in names]
        for notice in chosen:
            if not notice.is_due(now):
                raise Refused(
                    f"{notice.authorization.commitment.hex()[:NAME_DIGITS]}: {_status(notice, now)}, expected due",
                    code="time",
                )
        for notice in chosen:
            opened.desk.mark_told(notice.authorization.commitment, now)
    console().print(f"{counted(len({id(notice) for notice in chosen}), 'authorization')} marked as told")


def _named(name: str, known: Mapping[str, Notice]) -> Notice:
    """The authorization whose commitment begins with these digits, as list and folders have them."""
    digits = name.rstrip("/")
    matching = [notice for commitment, notice in known.items() if commitment.startswith(digits)]
    if len(digits) < NAME_DIGITS or len(matching) != 1:
        raise MalformedInput(
            f"--mark-told: expected the {NAME_DIGITS} digits of an authorization that was used here",
            hint="coffer notices VAULT lists them",
        )
    return matching[0]


def _list(listed: tuple[Notice, ...], now: dt.datetime, *, as_json: bool) -> None:
    if as_json:
        print_json(
            [
                {
                    "authorization": notice.authorization.commitment.hex(),
                    "persons": list(notice.persons),
                    "secret_until": str(notice.authorization.terms.secret_until),
                    "status": _status(notice, now),
                    "told": None if notice.told is None else wire.format_time(notice.told),
                    "revealed": notice.reveal,
                    "records": notice.records,
                }
                for notice in listed
            ]
        )
        return
    heads = ("authorization", "person", "secret until", "records", "revealed", "status")
    table = Table(*heads, numbers=("records",), whole=("authorization", "secret until"))
    for notice in listed:
        terms = notice.authorization.terms
        revealed = "no" if notice.reveal is None else f"entry {notice.reveal}"
        name = notice.authorization.commitment.hex()[:NAME_DIGITS]
        table.add_row(
            name,
            ", ".join(notice.persons),
            str(terms.secret_until),
            f"{notice.records:,}",
            revealed,
            _status(notice, now),
        )
    if listed:
        console().print(table)
    due = sum(notice.is_due(now) for notice in listed)
    console().print(f"{due} due to be told, of {counted(len(listed), 'authorization')} used here")


def _status(notice: Notice, now: dt.datetime) -> str:
    if notice.told is not None:
        return f"told {notice.told:%Y-%m-%d}"
    return "due" if notice.is_due(now) else "secret"
