"""Every request that the desk keeps, a line each, by what is known in the vault's folder.

Nobody is asked.
"""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass

from coffer.authority.authorization import Terms
from coffer.authority.countersign import signers_of
from coffer.authority.due import deadline_of, has_deadline, shown_left
from coffer.authority.lacking import parts_for
from coffer.cli.console import clock, console, print_json, say
from coffer.cli.course import course_document, limit_in_use, needed_of, refusers_of, stage_of
from coffer.cli.tables import Table
from coffer.custody.earlier import history_of
from coffer.ledger.entries import NAME_DIGITS, Commitment
from coffer.ledger.state import State
from coffer.procedures.opening.kept import Kept, is_living, kept_requests
from coffer.vault.folder import Vault
from coffer.visible import counted


@dataclass(frozen=True, slots=True, kw_only=True)
class _Told:
    """What the vault's folder knows of a request besides. Fields: as of ``stage_of``."""

    needed: int
    untold: Sequence[str]


def list_requests(opened: Vault, vault: str, *, as_json: bool) -> None:
    """Print the requests by time left. ``vault``: its path as typed."""
    state, now = opened.replay(), clock()
    kept, damaged = kept_requests(opened, state)
    rows = sorted(kept, key=lambda one: (not is_living(one, state, now), deadline_of(one.authorization.terms)))
    terms, untold = terms_of(kept), {one.authorization.commitment: _untold(opened, one, state) for one in kept}
    needed = {commitment: needed_of(opened.desk, commitment, terms) for commitment in terms}
    told = {commitment: _Told(needed=needed[commitment], untold=untold[commitment]) for commitment in terms}
    if as_json:
        listed = [_document(one, state, now, terms, told[one.authorization.commitment]) for one in rows]
        print_json({"format": "coffer.requests/v1", "requests": listed})
    elif rows:
        table = Table("request", "class", "due", "what", whole=("request", "class"))
        for one in rows:
            table.add_row(*_row(one, state, now, terms, told[one.authorization.commitment]))
        console().print(table)
        local, living = set(opened.custodian_names()), [one for one in rows if is_living(one, state, now)]
        unsure = {
            name
            for one in living
            for name in _lacking(one, state)
            if name not in local or name in untold[one.authorization.commitment]
        }
        if unsure:
            names = ", ".join(sorted(unsure))
            say(f"what is shown is as last heard of {names}: coffer status {vault} REQUEST asks how it stands now")
    else:
        say("the desk keeps no request")
    if damaged:
        say(f"{counted(damaged, 'request')} of the desk: a file was changed, and cannot be read")


def terms_of(kept: Sequence[Kept]) -> dict[Commitment, Terms]:
    """The terms of each request that is kept."""
    return {one.authorization.commitment: one.authorization.terms for one in kept}


def _untold(opened: Vault, one: Kept, state: State) -> list[str]:
    """The custodians of this folder that decided on a request, where neither desk nor log knows how."""
    authorization = one.authorization
    told = {
        *signers_of(authorization, state.rosters[authorization.terms.roster]),
        *refusers_of(authorization, one.reports, state),
    }
    names = [name for name in opened.custodian_names() if name not in told]
    return [name for name in names if opened.custodian_folder(name).requests.is_decided(authorization.commitment)]


def _lacking(one: Kept, state: State) -> set[str]:
    """The custodians that a request waits for, as far as that is known."""
    authorization = one.authorization
    terms, roster = authorization.terms, state.rosters[authorization.terms.roster]
    refusers = refusers_of(authorization, one.reports, state)
    signers = [name for name in signers_of(authorization, roster) if name not in refusers]
    parts = parts_for(terms.subjects, roster, signers, is_hub=terms.is_hub)
    return {name for part in parts for name in part.lacks} - refusers


def _document(
    one: Kept, state: State, now: dt.datetime, terms: dict[Commitment, Terms], told: _Told
) -> dict[str, object]:
    authorization = one.authorization
    limit = limit_in_use(authorization.terms.amends or authorization.commitment, terms, state)
    course = course_document(
        authorization, one, one.reports, state, now, limit=limit, needed=told.needed, untold=told.untold
    )
    return {"request": authorization.commitment.hex()} | course


def _row(
    one: Kept, state: State, now: dt.datetime, terms: dict[Commitment, Terms], told: _Told
) -> tuple[str, str, str, str]:
    authorization = one.authorization
    amends, left = authorization.terms.amends, _left(one, state, now)
    limit = limit_in_use(amends or authorization.commitment, terms, state)
    needed, untold = told.needed, told.untold
    what = stage_of(
        authorization, one.reports, state, now, has_key=one.has_key, limit=limit, needed=needed, untold=untold
    )
    if amends is not None and limit == authorization.limit:
        what, left = f"amends {amends.hex()[:NAME_DIGITS]}; in use", "answered"
    elif amends is not None:
        what = f"amends {amends.hex()[:NAME_DIGITS]}; {what}"
    asked = "".join(f"; {question.custodian} asks" for question in one.open_questions)
    return authorization.commitment.hex()[:NAME_DIGITS], authorization.terms.ordered.urgency.value, left, what + asked


def _left(one: Kept, state: State, now: dt.datetime) -> str:
    """The time left to answer; what was opened and closed is answered, unless nothing could be opened."""
    terms = one.authorization.terms
    if any(use.records is not None and not use.is_void for use in history_of(one.authorization, state).uses):
        return "answered"
    if not is_living(one, state, now):
        return "over"
    left = shown_left(deadline_of(terms), now)
    return left if has_deadline(terms.ordered) else f"{left}, no deadline"
