"""The terms of a request as people read them, and what stands in its way."""

import datetime as dt
from collections.abc import Sequence

from coffer import wire
from coffer.authority.authorization import Authorization
from coffer.authority.countersign import signers_of, subject_rule
from coffer.cli.console import console, say
from coffer.cli.periods import show_days, show_period
from coffer.cli.tables import Table
from coffer.identity.identifier import Identifier
from coffer.ledger.roster import Roster
from coffer.ledger.state import State
from coffer.vault.folder import Vault
from coffer.visible import counted


def status_of(authorization: Authorization, state: State | None, now: dt.datetime) -> list[str]:
    """What keeps an authorization from being used; empty if nothing does.

    This clock decides, and the log where there is one.
    """
    terms, remarks = authorization.terms, []
    if state is not None:
        if terms.origin != state.origin or terms.roster not in state.rosters:
            remarks.append("of another vault")
        if authorization.commitment in state.revoked:
            remarks.append("revoked")
        remarks += [
            f"refused by {entry.custodian} ({entry.reason})"
            for _, entry in state.refusals
            if entry.authorization == authorization.commitment
        ]
    if now >= terms.expires:
        remarks.append("expired")
    elif now < terms.not_before:
        remarks.append("not yet in force")
    return remarks


def roster_of(authorization: Authorization, state: State | None) -> Roster | None:
    """The roster that the request names, whose rules are enforced.

    For a request of another vault it is the roster in force, so that the table can say so.
    """
    return None if state is None else state.rosters.get(authorization.terms.roster, state.roster)


def rule_of(subject: Identifier, authorization: Authorization, roster: Roster) -> str:
    """The rule for this subject: that of its country, or every custodian of it for a hub."""
    rule = subject_rule(subject, roster)
    if authorization.terms.is_hub:
        return f"{rule.name}: all of {', '.join(sorted({*rule.members, *rule.indispensable}))}, since it is a hub"
    return f"{rule.name}: {rule.expression}"


def show_terms(authorization: Authorization, roster: Roster | None, status: Sequence[str] = ()) -> None:
    """Print every line that is enforced, as a table on stdout.

    ``roster``: the one that the request names. ``status``: from ``status_of``.
    """
    terms = authorization.terms
    table = Table()
    for key in ("authority", "basis", "purpose", "person"):
        table.add_row(key, getattr(terms, key))
    for number, subject in enumerate(terms.subjects, 1):
        rule = f"   (rule {rule_of(subject, authorization, roster)})" if roster else ""
        table.add_row("subject", subject.format() + rule)
        for period in terms.periods[number - 1]:
            table.add_row("  when", show_period(period))
        if not all(period.is_whole_days for period in terms.periods[number - 1]):
            days = show_days(terms.days_of(number))
            table.add_row("  opens", f"UTC days {days}; records that start outside these times are dropped")
    table.add_row("rules", ", ".join(terms.rules))
    table.add_row("kinds", ", ".join(terms.kinds))
    table.add_row("at most", f"{counted(terms.max_records, 'record')}" + (", a hub" if terms.is_hub else ""))
    table.add_row("in force", f"{wire.format_time(terms.not_before)} to {wire.format_time(terms.expires)}")
    table.add_row("secret", f"until {terms.secret_until}")
    table.add_row("vault", terms.origin)
    table.add_row("commitment", authorization.commitment.hex())
    signed = ", ".join(line.name for line in authorization.note.signatures)
    verified = f"{signed}   (not verified here: add --vault)" if roster is None else _verified(authorization, roster)
    table.add_row("signed by", verified)
    if status:
        table.add_row("status", "; ".join(status))
    console().print(table)


def _verified(authorization: Authorization, roster: Roster) -> str:
    requester = roster.requesters.get(authorization.terms.requester.name)
    by_desk = requester is not None and authorization.note.is_signed_by(requester)
    names = [authorization.terms.requester.name] if by_desk else []
    if authorization.terms.origin != roster.origin or not by_desk:
        return "nobody of this vault: the request is for another one"
    return ", ".join([*names, *signers_of(authorization, roster)]) + "   (verified)"


def say_older_rosters(authorization: Authorization, state: State, now: dt.datetime) -> None:
    """Say which other rules are enforced for records that were sealed under other rosters."""
    terms = authorization.terms
    if terms.origin != state.origin or state.rosters.keys() <= {terms.roster}:
        return
    from coffer.procedures.opening.decide import segments_of  # noqa: PLC0415 - few vaults have had another roster

    reached = segments_of(authorization, state, before=state.size, now=now)
    older = {segment.roster.hash: segment.roster for segment, _ in reached if segment.roster.hash != terms.roster}
    for roster in older.values():
        rules = dict.fromkeys(rule_of(subject, authorization, roster) for subject in terms.subjects)
        say(f"some of it was sealed under roster {roster.hash.hex()[:16]}, which asks for: {'; '.join(rules)}")


def say_signers(vault: Vault, authorization: Authorization) -> None:
    """Say who has signed, and which rules still ask for signatures."""
    roster = vault.replay().rosters.get(authorization.terms.roster)
    if roster is None:
        return
    signers = signers_of(authorization, roster)
    say(f"signed by custodians: {', '.join(signers) or 'none yet'}")
    for rule in {
        subject_rule(subject, roster).name: subject_rule(subject, roster) for subject in authorization.terms.subjects
    }.values():
        say(f"rule {rule.name} asks for: {rule.expression}")
