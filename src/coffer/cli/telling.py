"""``coffer reveal``, ``notices`` and ``subject-access``: after secrecy, and for the person concerned."""

import datetime as dt
from pathlib import Path

import click

from coffer import wire
from coffer.authority.authorization import parse_authorization
from coffer.authority.countersign import verify_requested
from coffer.cli.console import Table, clock, console, print_json, read_file, say, verify_absent
from coffer.cli.disclosing import notices_of
from coffer.cli.from_etsi import periods_of
from coffer.cli.periods import InOrder, time_options, typed_times
from coffer.cli.vaults import vault_at
from coffer.disclosure.notice import SUBJECT_ACCESS, Notice, entry_indexes, format_letter, proof_files
from coffer.disclosure.pdf_texts import LANGUAGES
from coffer.disk import Disk
from coffer.ledger.entries import NAME_DIGITS
from coffer.ledger.state import State
from coffer.procedures.opening.request import Order, make_request
from coffer.procedures.opening.reveal import HIDDEN_BY_DEFAULT, parse_hidden, reveal_entry, verify_may_reveal
from coffer.vault.folder import DESK, Vault
from coffer.visible import counted

ACCESS_LIFE_DAYS = 30
"""The law gives a month to answer (GDPR, article 12(3))."""
DEFAULT_ACCESS_RECORDS = 10_000


@click.command(epilog="Example: coffer reveal vault request.note")
@click.argument("vault")
@click.argument("note")
@click.option(
    "--hide",
    default=",".join(HIDDEN_BY_DEFAULT),
    show_default=True,
    help="Keys of lines that stay hidden, joined by commas; nothing shows all but the salt.",
)
def reveal(vault: str, note: str, hide: str) -> None:
    """Publish the lines of an authorization in the log, once its secrecy is over.

    The public learns who ordered what, why, for which times and how much. Whom it concerned stays hidden unless asked for:
    that person is told with ``coffer notices``.
    """
    hidden = parse_hidden(hide, "--hide")
    opened = vault_at(vault)
    authorization = parse_authorization(read_file(note), Path(note).name)
    with opened.writing() as state:
        verify_may_reveal(authorization, hidden, state, clock())
        verify_requested(authorization, state.rosters[authorization.terms.roster])
        body = reveal_entry(authorization, hidden)
        index = opened.append([opened.entry(body, opened.operator_key(DESK), state)], state)[0]
    shown = sum(line.line is not None for line in body.lines)
    say(f"{counted(shown, 'line')} revealed, {len(body.lines) - shown} hidden, logged as entry {index}")


@click.command(
    epilog="""\b
Examples:
coffer notices vault
coffer notices vault --write letters/ --language fr"""
)
@click.argument("vault")
@click.option("--write", "folder", help="Make this folder, with a letter and its proof for each person who is due.")
@click.option("--language", default="en", show_default=True, type=click.Choice(LANGUAGES), help="Of the letters.")
@click.option("--complaints", metavar="TEXT", help="Where to complain, in your own words; else a general sentence.")
@click.option("--json", "as_json", is_flag=True, help="The list as JSON.")
def notices(vault: str, folder: str | None, language: str, complaints: str | None, *, as_json: bool) -> None:
    """List who is due to be told that their records were opened, and write the letters.

    Only what this vault's desk opened is known here. With --write the persons count as told: send the letters.
    """
    opened, now = vault_at(vault), clock()
    path = verify_absent(folder.rstrip("/")) if folder else None
    if path is None:
        _list(notices_of(opened, opened.replay()), now, as_json=as_json)
        return
    with opened.alone():
        state = opened.replay()
        due = [notice for notice in notices_of(opened, state) if notice.is_due(now)]
        files: dict[str, bytes] = {}
        for notice in due:
            name = notice.authorization.commitment.hex()[:NAME_DIGITS]
            files[f"{name}/letter.pdf"] = format_letter(notice, language=language, complaints=complaints, now=now)
            files |= {f"{name}/proof/{inner}": raw for inner, raw in _proof(opened, state, notice).items()}
        if files:
            Disk().write_folder(path, files)
        for notice in due:
            opened.desk.mark_told(notice.authorization.commitment, now)
    console().print(f"{counted(len(due), 'letter')} written" + (f" in {path}/" if due else ""))
    if due:
        say("each folder holds a letter and its proof: send both to the person; they count as told from now on")


def _proof(vault: Vault, state: State, notice: Notice) -> dict[str, bytes]:
    checkpoint = vault.log.checkpoint()
    wanted = sorted({*state.trust_indexes, *entry_indexes(notice)})
    return proof_files(
        notice,
        trust={"origin": vault.pins.origin, "log": vault.pins.log_key.format(), "genesis": vault.pins.genesis.hex()},
        checkpoint=checkpoint,
        logged={index: vault.logged(index, checkpoint) for index in wanted},
    )


def _list(found: tuple[Notice, ...], now: dt.datetime, *, as_json: bool) -> None:
    if as_json:
        print_json(
            [
                {
                    "authorization": notice.authorization.commitment.hex(),
                    "person": notice.authorization.terms.person,
                    "secret_until": str(notice.authorization.terms.secret_until),
                    "status": _status(notice, now),
                    "told": None if notice.told is None else wire.format_time(notice.told),
                    "revealed": notice.reveal,
                    "records": notice.records,
                }
                for notice in found
            ]
        )
        return
    table = Table(box=None, pad_edge=False, header_style="bold")
    for name in ("authorization", "person", "secret until", "records", "revealed", "status"):
        width = {"authorization": NAME_DIGITS, "secret until": len("2027-01-01")}.get(name)
        table.add_column(
            name,
            justify="right" if name == "records" else "left",
            min_width=width,
            no_wrap=bool(width),
            overflow="fold",
        )
    for notice in found:
        terms = notice.authorization.terms
        revealed = "no" if notice.reveal is None else f"entry {notice.reveal}"
        name = notice.authorization.commitment.hex()[:NAME_DIGITS]
        table.add_row(
            name, terms.person, str(terms.secret_until), f"{notice.records:,}", revealed, _status(notice, now)
        )
    if found:
        console().print(table)
    due = sum(notice.is_due(now) for notice in found)
    console().print(f"{due} due to be told, of {counted(len(found), 'authorization')} used here")


def _status(notice: Notice, now: dt.datetime) -> str:
    if notice.told is not None:
        return f"told {notice.told:%Y-%m-%d}"
    return "due" if notice.is_due(now) else "secret"


@click.command(
    "subject-access",
    cls=InOrder,
    epilog="Example: coffer subject-access vault --subject tel:+33612345678 --days 2012-12-10 2013-01-08 --person 'A. Example' "
    "--verified-by 'desk officer, passport seen' -o access.note",
)
@click.argument("vault")
@click.option("--subject", "subjects", multiple=True, required=True, help="The person's own identity; repeat for more.")
@time_options
@click.option("--kinds", default="call,text,email", show_default=True, help="Which kinds of record.")
@click.option("--max-records", type=int, default=DEFAULT_ACCESS_RECORDS, show_default=True, help="How many at most.")
@click.option("--person", required=True, help="Who asks.")
@click.option("--verified-by", required=True, help="Who verified, and how, that the identities are that person's.")
@click.option("--hub", is_flag=True, help="More than the cell cap in one day; every custodian must then sign.")
@click.option("-o", "--output", required=True, help="Where to write the note.")
def subject_access(
    vault: str,
    subjects: tuple[str, ...],
    kinds: str,
    max_records: int,
    person: str,
    verified_by: str,
    output: str,
    *,
    hub: bool,
    **typed: object,
) -> None:
    """Turn a person's own request for their data into one that custodians countersign like any other.

    The answer holds their records, and the openings that concerned them and are no longer secret.
    """
    now = clock().replace(microsecond=0)
    periods = periods_of(typed_times({"subjects": subjects} | typed), len(subjects))
    path = verify_absent(output)
    opened = vault_at(vault)
    order = Order(
        subjects=subjects,
        periods=periods,
        kinds=kinds,
        max_records=max_records,
        authority="the person concerned",
        basis=SUBJECT_ACCESS,
        purpose=f"subject access; verified by: {verified_by}",
        person=person,
        is_hub=hub,
        not_before=now,
        expires=now + dt.timedelta(days=ACCESS_LIFE_DAYS),
        secret_until=now.date(),
    )
    authorization = make_request(opened, order)
    Disk().write(path, authorization.note.raw, private=True)
    say(f"written to {path.name}; it names a person: keep it as you would keep an order")
    if opened.custodian_names():
        say(f"next: coffer countersign {vault} {output} --as CUSTODIAN, for custodians in this folder")
    if opened.addresses():
        say(
            f"next: coffer send {vault} {output}, for custodians on machines of their own; each gives back the note that it signed"
        )
    say(f"then, with all the notes that were signed: coffer open {vault} NOTE... -o ANSWER")
