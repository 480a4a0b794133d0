"""``coffer open --since-last``: an order over coming days, opened part by part into one folder.

A run that finds nothing to open says so before any passphrase is asked for, so that a machine's clock can start it.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import click

from coffer.authority.amended import parse_amended
from coffer.authority.authorization import MAX_RECORDS, Authorization
from coffer.cli.console import clock, console, print_json
from coffer.cli.deliveries import answer_at, answers_in, write_manifest
from coffer.cli.form_options import asked_forms
from coffer.cli.notes import read_amended
from coffer.cli.opening import open_answer
from coffer.cli.passphrases import Passphrases
from coffer.cli.progress import Debt, opened_document, owed_of, say_progress
from coffer.cli.vaults import vault_at
from coffer.errors import MalformedInput, Refused
from coffer.ledger.state import State
from coffer.procedures.opening.continuing import Due, End, Next, Nothing, Opened, decide_next, opened_parts
from coffer.procedures.opening.early import days_ahead
from coffer.procedures.opening.journal import Journal
from coffer.vault.folder import Vault
from coffer.visible import counted

NOTHING_NEW: Final = 6
"""Exit code: a later run may open something."""
ENDED: Final = 7
"""Exit code: no run will."""
_SAID: Final = {
    Nothing.EARLY: "it is not in force yet",
    Nothing.TODAY: "a part was opened on this UTC day",
    Nothing.NOTHING_CAME: "nothing that it asks for was ingested since",
    Nothing.DRAWN: "all records that these notes allow were drawn: give its amendment too, or make one (coffer amend)",
    End.EXPIRED: "the authorization has expired",
    End.REVOKED: "the authorization was revoked",
    End.SPENT: "all records that it allows were drawn (max-records)",
    End.ASKED_OUT: "custodians answer to no further intent of it",
}


def open_next(
    vault: str,
    notes: Sequence[str],
    output: str,
    passphrases: Passphrases,
    options: Mapping[str, Any],
    *,
    deadline_s: float,
    as_json: bool,
    holds: Sequence[str],
) -> None:
    """Open the next part, or say that there is none, by the exit code too."""
    opened, folder = vault_at(vault), Path(output.rstrip("/"))
    raw = read_amended(notes)
    authorization = parse_amended(raw, "request")
    answers_in(folder, authorization)  # a folder of another order is refused before anything is drawn
    state = opened.replay()
    due = next_of(opened, authorization, state)
    if due is Nothing.SHORT:
        raise _short(vault, notes[0], authorization, state, opened.desk.read_short(authorization.commitment))
    if isinstance(due, Due) and _is_delivered(opened, authorization, folder, due):
        due = next_of(opened, authorization, state)
    if isinstance(due, Due):
        name = f"{due.part.number:04d}"
        if (folder / name).exists():
            raise MalformedInput(f"{name}: something lies where the next part goes", hint="move it elsewhere first")
        forms = asked_forms(dict(options) | {"package": _numbered(options["package"], name)})
        open_answer(
            vault,
            notes,
            folder / name,
            passphrases,
            forms,
            deadline_s=deadline_s,
            as_json=False,
            holds=holds,
            is_continuing=True,
            is_quiet=as_json,
        )
        state = opened.replay()
    parts = opened_parts(authorization, state)
    # A key that is here may still open something: a clock that is ahead, or a note without its amendment, ends nothing.
    is_ended = isinstance(next_of(opened, authorization, state), End)
    is_over = is_ended and not opened.desk.has_seal_key(authorization.commitment)
    write_manifest(folder, authorization, parts, is_over=is_over)
    if as_json:
        print_json(_document(authorization, parts, due, owed_of(opened.desk, authorization, parts, state)))
    elif not isinstance(due, Due):
        console().print(f"nothing to open: {_SAID[due]}", soft_wrap=True)
    ahead = () if is_ended else days_ahead(authorization, state, clock())
    say_progress(authorization, parts, owed_of(opened.desk, authorization, parts, state), ahead=ahead)
    if not isinstance(due, Due):
        click.get_current_context().exit(ENDED if isinstance(due, End) else NOTHING_NEW)


def next_of(vault: Vault, authorization: Authorization, state: State) -> Next:
    """What is to be opened next of an order, by the log and the vault's desk folder."""
    raw, needed = vault.desk.read_opening(authorization.commitment), vault.desk.read_short(authorization.commitment)
    journal = None if raw is None else Journal.parse(raw)
    part = None if journal is None or journal.intent not in state.openings else journal.part
    if journal is not None and part is None:
        raise Refused(
            "opening: one without --since-last is in progress",
            code="form",
            hint="finish it with the same command as before; the next part is then what came since",
        )
    owed, has_key = vault.desk.read_owed(authorization.commitment), vault.desk.has_seal_key(authorization.commitment)
    return decide_next(authorization, state, clock(), in_progress=part, needed=needed, owed=owed, has_key=has_key)


def _short(vault: str, note: str, authorization: Authorization, state: State, needed: int) -> Refused:
    """Why the next part is over the limit, and what helps. ``needed``: the limit that it asks for."""
    if needed > MAX_RECORDS:
        cap = state.rosters[authorization.terms.roster].cell_cap
        return Refused(
            f"records: the next part has more than {cap} of one subject on one day, or more than {MAX_RECORDS:,} in "
            "all: no amendment allows that",
            code="budget",
            hint="make a new request: with --hub for a number that so many call, else for fewer days",
        )
    ahead = len(days_ahead(authorization, state, clock()))
    room = f" or more: {counted(ahead, 'UTC day')} of it still to come" if ahead else ""
    return Refused(
        f"records: the next part needs max-records {needed}, found {authorization.limit}",
        code="budget",
        hint=f"coffer amend {vault} {note} --max-records {needed}{room}",
    )


def _document(authorization: Authorization, parts: Sequence[Opened], due: Next, owed: Debt) -> dict[str, object]:
    return {
        "format": "coffer.continuing/v1",
        "request": authorization.commitment.hex(),
        "outcome": "opened" if isinstance(due, Due) else "ended" if isinstance(due, End) else "nothing new",
        "reason": None if isinstance(due, Due) else str(due),
        **opened_document(authorization, parts, owed),
    }


def _is_delivered(vault: Vault, authorization: Authorization, folder: Path, due: Due) -> bool:
    """End an opening whose answer is in the folder already.

    A crash left only its file at the desk behind.
    """
    raw, path = vault.desk.read_opening(authorization.commitment), folder / f"{due.part.number:04d}"
    if raw is None or not path.is_dir():
        return False
    if answer_at(path)["intent"] != Journal.parse(raw).intent:
        raise MalformedInput(
            f"{path.name}: an answer of another opening lies where the next one goes",
            hint="give the folder in which the parts before lie",
        )
    with vault.writing():
        vault.desk.remove_opening(authorization.commitment)
    return True


def _numbered(package: str | None, name: str) -> str | None:
    """A package's name with the number of the part before its first dot."""
    if package is None:
        return None
    path = Path(package)
    stem, dot, rest = path.name.partition(".")
    return str(path.with_name(f"{stem}-{name}{dot}{rest}"))
