"""``coffer status``."""

import datetime as dt
from collections.abc import Mapping

import click

from coffer import wire
from coffer.authority.authorization import Authorization, parse_authorization
from coffer.authority.due import deadline_of, has_deadline, shown_left
from coffer.cli.console import clock, console, print_json, say, verify_absent
from coffer.cli.course import (
    BINDS_NOBODY,
    course_document,
    course_rows,
    limit_in_use,
    needed_of,
    question_rows,
    said_no,
    shown_again,
    shown_need,
)
from coffer.cli.custodians import remote_custodians, unlock
from coffer.cli.kept import kept_or_read
from coffer.cli.kept_list import list_requests, terms_of
from coffer.cli.passphrases import Passphrases, passphrases_option
from coffer.cli.patience import deadline_option
from coffer.cli.periods import show_moment
from coffer.cli.progress import opened_document, owed_of, say_opened
from coffer.cli.tables import Table
from coffer.cli.terms import say_signers
from coffer.cli.vaults import vault_at
from coffer.custody.standing import Held, SaidNo, Signed, Standing
from coffer.disk import Disk
from coffer.errors import CofferError, MalformedInput, Unavailable
from coffer.ledger.entries import NAME_DIGITS
from coffer.ledger.state import State
from coffer.procedures.opening.continuing import opened_parts
from coffer.procedures.opening.early import days_ahead
from coffer.procedures.opening.kept import Kept, kept_requests, read_kept, take_reports
from coffer.procedures.opening.standings import Words, ask_standings, roster_of, shown_words

UNKNOWN = "no answer"
NOT_HELD = "not held"
"""In JSON. The table says more, since ``not held`` sounds like records that are not kept."""
_NOT_HELD_SHOWN = "does not have the request"


@click.command(
    epilog="""\b
Examples:
coffer status vault
coffer status vault request.note
coffer status vault 1d9c7e5c0f3a4b6d8e2f91a07b5c3d4e -o merged.note"""
)
@click.argument("vault")
@click.argument("notes", metavar="[NOTE...]", nargs=-1)
@click.option("-o", "--output", help="Where to write the request with the countersignatures that arrived.")
@passphrases_option
@click.option("--json", "as_json", is_flag=True, help="The table as JSON.")
@deadline_option
def status(
    vault: str,
    notes: tuple[str, ...],
    output: str | None,
    passphrase_file: str | None,
    deadline_s: float,
    *,
    as_json: bool,
) -> None:
    """Ask every custodian how a request stands, and fetch what they signed.

    NOTE is a file, or the first digits of a request that the desk keeps. Without any nobody is asked: the requests that
    it keeps are listed by what is known here.

    The check words are computed from NOTE, as it lies here. Read them to the custodian's people on the phone: they see
    the same four only if their machine holds this very text.
    """
    path = None if output is None else verify_absent(output)
    opened = vault_at(vault)
    if not notes:
        if path is not None:
            raise MalformedInput("-o: no request is named", hint="name one of the list")
        list_requests(opened, vault, as_json=as_json)
        return
    authorization, place = kept_or_read(opened, notes)
    roster = roster_of(opened, authorization)
    services = unlock(opened, Passphrases(passphrase_file), opened.custodian_names(), may_skip=True)
    with remote_custodians(opened, deadline_s) as remotes:
        standings = ask_standings(opened, authorization, [*services, *remotes], deadline_s=deadline_s)
    words = shown_words(opened, authorization, standings)
    merged = parse_authorization(take_reports(opened, authorization, roster, standings).raw, place)
    if path is not None:
        Disk().write(path, merged.note.raw, private=True)
    state = opened.replay()
    parts = opened_parts(authorization, state)
    owed = owed_of(opened.desk, authorization, parts, state)
    kept = read_kept(opened, authorization.commitment, state)
    reports = {name: one for name, one in standings.items() if isinstance(one, Standing)}
    terms = {authorization.commitment: authorization.terms, **terms_of(kept_requests(opened, state)[0])}
    limit = limit_in_use(authorization.terms.amends or authorization.commitment, terms, state)
    needed = needed_of(opened.desk, authorization.commitment, terms)
    if as_json:
        course = course_document(merged, kept, reports, state, clock(), limit=limit, needed=needed)
        progress = {"opened": opened_document(authorization, parts, owed, limit=limit)}
        print_json(_document(merged, standings, words) | course | progress)
    else:
        _print(standings, words)
        _print_course(merged, kept, reports, state, limit=limit)
    _say_heard(standings, words)
    say_signers(opened, merged)
    if needed and kept is not None and kept.has_key:
        say(f"an opening was over its limit: {shown_need(needed)}")
    ahead = days_ahead(authorization, state, clock()) if kept is None or kept.has_key else ()
    say_opened(authorization, parts, owed, ahead=ahead, limit=limit)
    if kept is not None and kept.open_questions:
        asker, digits = kept.open_questions[0].custodian, authorization.commitment.hex()[:NAME_DIGITS]
        say(f"{asker} asks something: coffer send {vault} {digits} --explain TEXT, once, to every custodian")
    if path is not None:
        say(f"written to {path.name}; then: coffer open {vault} {path.name} -o ANSWER")
    troubles = [standing for standing in standings.values() if isinstance(standing, CofferError)]
    proven_false = [trouble for trouble in troubles if not isinstance(trouble, Unavailable)]
    if proven_false:
        raise proven_false[0]


def _say_heard(standings: Mapping[str, Standing | CofferError], words: Mapping[str, Words]) -> None:
    """What should make people look: other check words than before, and who could not be heard."""
    for name, one in words.items():
        if one.before is not None:
            say(
                f"custodian {name}: its check words were {' '.join(one.before)} before: its machine lost the request or holds another one; call its people"
            )
    for standing in standings.values():
        if isinstance(standing, CofferError):
            say(standing.message)


def _print_course(
    authorization: Authorization, kept: Kept | None, reports: Mapping[str, Standing], state: State, *, limit: int
) -> None:
    """When the request came, was sent and is due, what became of it, and what was asked."""
    ordered, now, table = authorization.terms.ordered, clock(), Table()
    due = deadline_of(authorization.terms)
    table.add_row("class", ordered.urgency.value)
    table.add_row("received", show_moment(ordered.received))
    table.add_row("due" if has_deadline(ordered) else "expires", f"{wire.format_time(due)}, {shown_left(due, now)}")
    for name, time in sorted((kept.sent if kept is not None else {}).items()):
        table.add_row("sent", f"{wire.format_time(time)} to {name}")
    for key, text in course_rows(authorization, state, now, limit=limit):
        table.add_row(key, text)
    for name, no in said_no(reports).items():
        if no.again is not None:
            table.add_row(f"{name} says", shown_again(no.again))
    questions = list(question_rows(kept.questions, kept.explanations)) if kept is not None else []
    for key, text in questions:
        table.add_row(key, text)
    console().print(table)
    if questions:
        say(BINDS_NOBODY)


def describe(standing: Standing | CofferError) -> tuple[str, str]:
    """What a custodian does with a request, and since when, in the words of the table."""
    if isinstance(standing, CofferError):
        return UNKNOWN, ""
    held = standing.held
    if held is None:
        return _NOT_HELD_SHOWN + _away(standing), ""
    what, since = _what(held)
    return what + _away(standing), "" if since is None else wire.format_time(since)


def _what(held: Held) -> tuple[str, dt.datetime | None]:
    match held.decision:
        case Signed():
            return "signed", held.decision.time
        case SaidNo():
            word = "withdrawn" if held.decision.is_withdrawal else "refused"
            return f"{word} ({held.decision.reason or 'no reason told'})", held.decision.time
        case None:
            agreed = f", {held.agreed} of {held.needed} agreed" if held.agreed else ""
            if held.reading is not None:
                return f"being read by one of its people{agreed}", held.reading
            if held.seen is not None:
                return f"seen{agreed}", held.seen
            return f"held{agreed}", held.since


def _away(standing: Standing) -> str:
    if standing.away is None:
        return ""
    told = "its deputy was told" if standing.away.is_told else "its deputy was not told yet"
    return f"; away until {wire.format_time(standing.away.until)}, {told}"


def _print(standings: Mapping[str, Standing | CofferError], words: Mapping[str, Words]) -> None:
    table = Table("custodian", "what", "since", "check words", whole=("custodian", "since"))
    for name, standing in standings.items():
        what, since = describe(standing)
        table.add_row(name, what, since, " ".join(words[name].now) if name in words else "")
    console().print(table)


def _document(
    authorization: Authorization,
    standings: Mapping[str, Standing | CofferError],
    words: Mapping[str, Words],
) -> dict[str, object]:
    return {
        "format": "coffer.status/v1",
        "request": authorization.commitment.hex(),
        "custodians": {name: _entry(standing, words.get(name)) for name, standing in standings.items()},
    }


def _entry(standing: Standing | CofferError, words: Words | None) -> dict[str, object]:
    if isinstance(standing, CofferError):
        return {"what": UNKNOWN, "trouble": standing.message}
    what, since = describe(standing)
    held, away = standing.held, standing.away
    entry: dict[str, object] = {"what": NOT_HELD if held is None else what.partition(";")[0], "since": since or None}
    if held is not None:
        entry |= {"held": wire.format_time(held.since), "agreed": held.agreed, "needed": held.needed}
    if words is not None:
        entry |= {"check_words": list(words.now), "check_words_before": words.before and list(words.before)}
    if away is not None:
        entry |= {"away_until": wire.format_time(away.until), "deputy_told": away.is_told}
    return entry
