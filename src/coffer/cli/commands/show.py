"""``coffer show``."""

from pathlib import Path

import click

from coffer import wire
from coffer.authority.authorization import Authorization
from coffer.authority.hold import Requested, parse_requested_note
from coffer.authority.ordered import order_file
from coffer.cli.authorities import marks_of, read_authorities
from coffer.cli.console import clock, console, print_json, read_file, say
from coffer.cli.course import rule_rows, rules_document
from coffer.cli.notes import read_notes
from coffer.cli.signatures import anchors_option, say_signatures
from coffer.cli.tables import Table
from coffer.cli.terms import letters_remarks, roster_of, say_older_rosters, show_terms, status_of
from coffer.cli.vaults import vault_at
from coffer.errors import NotProven
from coffer.ledger.roster import Roster
from coffer.ledger.state import State
from coffer.vault.known import desk_authorities
from coffer.visible import counted


@click.command(epilog="Example: coffer show request.note")
@click.argument("notes", metavar="NOTE...", nargs=-1, required=True)
@click.option(
    "--vault", help="Also verify the signatures against this vault's roster, and say what its log says of the request."
)
@click.option(
    "--order", "orders", multiple=True, metavar="FILE", help="Also prove that this is a file of the order. Repeatable."
)
@click.option(
    "--authorities", metavar="FILE", help="Say what this list says of the authority; else the vault's own list does."
)
@anchors_option
@click.option("--json", "as_json", is_flag=True, help="The terms as JSON.")
def show(
    notes: tuple[str, ...],
    vault: str | None,
    orders: tuple[str, ...],
    authorities: str | None,
    anchors: str | None,
    *,
    as_json: bool,
) -> None:
    """Show a request as people read it.

    What is shown is exactly what is enforced. If copies were signed apart, give all.
    """
    authorization, now = parse_requested_note(*read_notes(notes)), clock()
    proven = [(Path(name).name, _prove_order(authorization, name)) for name in orders]
    if anchors is not None:
        say_signatures(proven, anchors)
    opened = vault_at(vault) if vault else None
    state = opened.replay() if opened else None
    known = read_authorities(authorities) if authorities else desk_authorities(opened) if opened else None
    marks = list(marks_of(authorization.terms, known)) if authorities or opened else []
    roster = roster_of(authorization, state)
    if as_json:
        lines = [line.split(": ", 1) for line in authorization.note.text.decode("utf-8").splitlines()[1:]]
        document: dict[str, object] = {
            "commitment": authorization.commitment.hex(),
            "signed_by": [s.name for s in authorization.note.signatures],
        }
        for key, value in lines:
            if key in ("subject", "person", "period", "order"):
                continue
            if key == "rules":
                document["subjects"] = _subjects_document(authorization)
                document["days_opened"] = [str(day) for day in authorization.terms.all_days]
            if key == "authority":
                document["orders"] = [
                    {"sha256": file.sha256.hex(), "bytes": file.size} for file in authorization.terms.ordered.files
                ]
            if key != "salt":
                document[key] = value
        document["marks"] = marks
        document["letters"] = letters_remarks(authorization.terms)
        document["status"] = status_of(authorization, state, now)
        document["enforced"] = None if roster is None or state is None else rules_document(authorization, roster)
        document["is_revoked"] = None if state is None else authorization.commitment in state.revoked
        print_json(document)
        return
    show_terms(authorization, roster, status_of(authorization, state, now), marks)
    if roster is not None and state is not None and roster.hash == authorization.terms.roster:
        _show_enforced(authorization, roster, state)
    if state is not None and isinstance(authorization, Authorization):
        say_older_rosters(authorization, state, now)


def _show_enforced(authorization: Requested, roster: Roster, state: State) -> None:
    """The rules that will be enforced: of the roster that the note names, whatever is in force now."""
    refusers = [entry.custodian for _, entry in state.refusals if entry.authorization == authorization.commitment]
    table = Table()
    is_newest = roster.hash == state.roster.hash
    since = (
        f"of {wire.format_time(roster.time)}, {'in force' if is_newest else 'an older one, whose rules count for this'}"
    )
    table.add_row("roster", f"{roster.hash.hex()[:16]} {since}")
    for key, text in rule_rows(authorization, roster, refusers):
        table.add_row(key, text)
    if isinstance(authorization, Authorization):
        is_revoked = authorization.commitment in state.revoked
        table.add_row("revoked", "yes: nobody answers to it" if is_revoked else "no")
    console().print(table)


def _prove_order(authorization: Requested, name: str) -> bytes:
    """The file's content. Says which file of the order it is; raises ``NotProven`` if it is none."""
    place, files, raw = Path(name).name, authorization.terms.ordered.files, read_file(name)
    file = order_file(raw, place)
    if file not in files:
        named = "the request names no file" if not files else f"it has {counted(file.size, 'byte')} and another hash"
        raise NotProven(
            f"{place}: not a file of this request's order: {named}",
            hint="a file that was saved again or signed since is another file",
        )
    say(f"{place} is file {files.index(file) + 1} of {len(files)} of the order")
    return raw


def _subjects_document(authorization: Requested) -> list[dict[str, object]]:
    terms = authorization.terms
    return [
        {
            "subject": subject.format(),
            "person": terms.persons[number - 1],
            "periods": [period.format().split(" ") for period in terms.periods[number - 1]],
            "days_opened": [str(day) for day in terms.days_of(number)],
        }
        for number, subject in enumerate(terms.subjects, 1)
    ]
