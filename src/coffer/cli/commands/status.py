"""``coffer status``."""

import datetime as dt
from collections.abc import Mapping

import click

from coffer import wire
from coffer.authority.authorization import Authorization, parse_authorization
from coffer.cli.console import console, print_json, say, verify_absent
from coffer.cli.custodians import remote_custodians, unlock
from coffer.cli.notes import read_notes
from coffer.cli.passphrases import Passphrases, passphrases_option
from coffer.cli.patience import deadline_option
from coffer.cli.tables import Table
from coffer.cli.terms import say_signers
from coffer.cli.vaults import vault_at
from coffer.custody.standing import Held, SaidNo, Signed, Standing
from coffer.disk import Disk
from coffer.errors import CofferError, Unavailable
from coffer.procedures.opening.standings import Words, ask_standings, roster_of, shown_words, with_countersignatures

UNKNOWN = "no answer"
NOT_HELD = "not held"


@click.command(
    epilog="""\b
Examples:
coffer status vault request.note
coffer status vault request.note -o merged.note"""
)
@click.argument("vault")
@click.argument("notes", metavar="NOTE...", nargs=-1, required=True)
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

    The check words are computed from NOTE, as it lies here. Read them to the custodian's people on the phone: they see the same four only if their
    machine holds this very text.
    """
    path = None if output is None else verify_absent(output)
    opened = vault_at(vault)
    raw, place = read_notes(notes)
    authorization = parse_authorization(raw, place)
    roster = roster_of(opened, authorization)
    services = unlock(opened, Passphrases(passphrase_file), opened.custodian_names(), may_skip=True)
    with remote_custodians(opened, deadline_s) as remotes:
        standings = ask_standings(opened, authorization, [*services, *remotes], deadline_s=deadline_s)
    words = shown_words(opened, authorization, standings)
    merged = with_countersignatures(authorization, roster, standings)
    if path is not None:
        Disk().write(path, merged.raw, private=True)
    if as_json:
        print_json(_document(authorization, standings, words))
    else:
        _print(standings, words)
    for name, one in words.items():
        if one.before is not None:
            say(
                f"custodian {name}: its check words were {' '.join(one.before)} before: its machine lost the request or holds another one; call its people"
            )
    for standing in standings.values():
        if isinstance(standing, CofferError):
            say(standing.message)
    say_signers(opened, parse_authorization(merged.raw, place))
    if path is not None:
        say(f"written to {path.name}; then: coffer open {vault} {path.name} -o ANSWER")
    troubles = [standing for standing in standings.values() if isinstance(standing, CofferError)]
    proven_false = [trouble for trouble in troubles if not isinstance(trouble, Unavailable)]
    if proven_false:
        raise proven_false[0]


def describe(standing: Standing | CofferError) -> tuple[str, str]:
    """What a custodian does with a request, and since when, in the words of the table."""
    if isinstance(standing, CofferError):
        return UNKNOWN, ""
    held = standing.held
    if held is None:
        return NOT_HELD + _away(standing), ""
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
                return f"being read{agreed}", held.reading
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
    authorization: Authorization, standings: Mapping[str, Standing | CofferError], words: Mapping[str, Words]
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
    entry: dict[str, object] = {"what": what.partition(";")[0], "since": since or None}
    held, away = standing.held, standing.away
    if held is not None:
        entry |= {"held": wire.format_time(held.since), "agreed": held.agreed, "needed": held.needed}
    if words is not None:
        entry |= {"check_words": list(words.now), "check_words_before": words.before and list(words.before)}
    if away is not None:
        entry |= {"away_until": wire.format_time(away.until), "deputy_told": away.is_told}
    return entry
