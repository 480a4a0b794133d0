"""The terms of a request as people read them, and what stands in its way."""

import datetime as dt
from collections.abc import Iterator, Sequence
from typing import Final

from coffer import wire
from coffer.authority.authorization import Authorization, Named
from coffer.authority.countersign import expected_of, rules_of, signers_of, subject_rule
from coffer.authority.hold import Hold, HoldTerms, Requested
from coffer.authority.known import is_urgent
from coffer.authority.ordered import IssuedIn, Issuer, OrderClass, Ordered
from coffer.cli.console import console, say
from coffer.cli.debts import debt_lines
from coffer.cli.periods import show_days, show_moment, show_period
from coffer.cli.tables import Table
from coffer.identity.identifier import Identifier
from coffer.ledger.roster import Roster
from coffer.ledger.state import State
from coffer.letters import alphabets_of, mixed_words
from coffer.vault.folder import Vault
from coffer.visible import counted

_CLASSES: Final = {
    OrderClass.PRODUCE: "for records",
    OrderClass.EXTEND: "again, as an extension of an earlier order",
    OrderClass.ACCESS: "for the person's own data",
    OrderClass.PRESERVE: "to be kept and not read",
}
_ISSUERS: Final = {
    Issuer.COURT: "a court or judge",
    Issuer.PROSECUTOR: "a prosecutor",
    Issuer.POLICE: "the police",
    Issuer.OTHER: "another authority",
    Issuer.PERSON: "the person concerned",
}
_ISSUED_IN: Final = {
    IssuedIn.HOME: "of this country",
    IssuedIn.UNION: "of another country of the European Union",
    IssuedIn.ELSEWHERE: "of a country outside the European Union",
}


def status_of(authorization: Requested, state: State | None, now: dt.datetime) -> list[str]:
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
        remarks += debt_lines(authorization.commitment, state, now)
    if isinstance(authorization, Hold):
        return [*remarks, *_status_of_hold(authorization, state, now)]
    if now >= authorization.terms.expires:
        remarks.append("expired")
    elif now < authorization.terms.not_before:
        remarks.append("not yet in force")
    return remarks


def _status_of_hold(hold: Hold, state: State | None, now: dt.datetime) -> list[str]:
    logged = None if state is None else state.hold_of(hold.commitment)
    if state is None or logged is None:
        return ["over"] if now >= hold.terms.until else []
    return [f"hold {logged.index}: {state.hold_status(logged, now)}"]


def roster_of(authorization: Requested, state: State | None) -> Roster | None:
    """The roster that the request names, whose rules are enforced.

    For a request of another vault it is the roster in force, so that the table can say so.
    """
    return None if state is None else state.rosters.get(authorization.terms.roster, state.roster)


def rule_of(subject: Identifier, authorization: Requested, roster: Roster) -> str:
    """The rule for this subject: that of its country, or every custodian of it for a hub."""
    rule = subject_rule(subject, roster)
    if authorization.terms.is_hub:
        return f"{rule.name}: all of {', '.join(sorted({*rule.members, *rule.indispensable}))}, since it is a hub"
    return f"{rule.name}: {expected_of(rule.name, roster, authorization.terms)}"


def show_terms(
    authorization: Requested, roster: Roster | None, status: Sequence[str] = (), marks: Sequence[str] = ()
) -> None:
    """Print every line that is enforced, as a table on stdout.

    ``roster``: the one that the request names. ``status``: from ``status_of``. ``marks``: what the reader's own list
    says of the authority.
    """
    terms = authorization.terms
    table = Table()
    table.add_row("authority", terms.authority)
    for mark in marks:
        table.add_row("  known", mark)
    for key in ("basis", "purpose"):
        table.add_row(key, getattr(terms, key))
    for key, said in ordered_rows(terms.ordered):
        table.add_row(key, said)
    for number, subject in enumerate(terms.subjects, 1):
        rule = f"   (rule {rule_of(subject, authorization, roster)})" if roster else ""
        table.add_row("subject", subject.format() + rule)
        table.add_row("  person", terms.persons[number - 1])
        for period in terms.periods[number - 1]:
            table.add_row("  when", show_period(period))
        if not all(period.is_whole_days for period in terms.periods[number - 1]):
            days = show_days(terms.days_of(number))
            table.add_row(
                "  keeps" if isinstance(terms, HoldTerms) else "  opens",
                f"UTC days {days}; records that start outside these times are dropped",
            )
    table.add_row("rules", ", ".join(terms.rules))
    table.add_row("kinds", ", ".join(terms.kinds))
    for key, said in _limit_rows(authorization):
        table.add_row(key, said)
    table.add_row("secret", f"until {terms.secret_until}")
    table.add_row("vault", terms.origin)
    table.add_row("commitment", authorization.commitment.hex())
    signed = ", ".join(line.name for line in authorization.note.signatures)
    verified = f"{signed}   (not verified here: add --vault)" if roster is None else _verified(authorization, roster)
    table.add_row("signed by", verified)
    for remark in letters_remarks(terms):
        table.add_row("letters", remark)
    if status:
        table.add_row("status", "; ".join(status))
    console().print(table)


def _limit_rows(requested: Requested) -> Iterator[tuple[str, str]]:
    """How much and until when."""
    hub = ", a hub" if requested.terms.is_hub else ""
    if isinstance(requested, Hold):
        yield "keeps", f"unread, until {wire.format_time(requested.terms.until)}{hub}"
        if requested.terms.extends is not None:
            yield "extends", requested.terms.extends.hex()
        return
    terms = requested.terms
    if terms.amends is not None:
        yield "amends", f"{terms.amends.hex()}: raises its limit, and changes nothing else"
    yield "at most", f"{counted(terms.max_records, 'record')}{hub}"
    yield "in force", f"{wire.format_time(terms.not_before)} to {wire.format_time(terms.expires)}"


def ordered_rows(ordered: Ordered) -> Iterator[tuple[str, str]]:
    """How the order came, line by line."""
    yield "asks", f"{_CLASSES[ordered.order_class]}, {ordered.urgency}"
    if not ordered.is_access:
        yield "issued by", f"{_ISSUERS[ordered.issuer]} {_ISSUED_IN[ordered.issued_in]}"
    due = "" if ordered.due is None else f", due {show_moment(ordered.due)}"
    yield "received", f"{show_moment(ordered.received)}{due}"
    for file in ordered.files:
        yield "order", f"SHA-256 {file.sha256.hex()}, {counted(file.size, 'byte')}"


def letters_remarks(terms: Named) -> list[str]:
    """What a reader must know about free text: words that mix alphabets, and alphabets but Latin."""
    free = (*((key, getattr(terms, key)) for key in ("authority", "basis", "purpose")),)
    remarks = []
    for key, text in (*free, *(("person", person) for person in dict.fromkeys(terms.persons))):
        for word, mixed in mixed_words(text):
            remarks.append(f"{key}: the word {word} mixes {' and '.join(mixed)} letters, which can look alike")
        others = [name for name in alphabets_of(text) if name != "Latin"]
        if others:
            remarks.append(f"{key}: in {' and '.join(others)} letters")
    return remarks


def _verified(authorization: Requested, roster: Roster) -> str:
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


def say_signers(vault: Vault, authorization: Requested) -> None:
    """Say who has signed, and which rules still ask for signatures."""
    roster = vault.replay().rosters.get(authorization.terms.roster)
    if roster is None:
        return
    signers = signers_of(authorization, roster)
    say(f"signed by custodians: {', '.join(signers) or 'none yet'}")
    is_emergency = isinstance(authorization, Authorization) and is_urgent(authorization.terms)
    for name in rules_of(authorization.terms.subjects, roster):
        say(f"rule {name} asks for: {expected_of(name, roster, authorization.terms)}")
        if is_emergency:
            say(
                f"rule {name}, custodians that have not called the authority back ask for: {every_member(name, roster)}"
            )


def every_member(rule: str, roster: Roster) -> str:
    """All custodians that a rule names, in the roster's order."""
    named = {*roster.rules[rule].members, *roster.rules[rule].indispensable}
    return ", ".join(name for name in roster.names if name in named)
