"""``coffer request``, ``show``, ``countersign``, ``refuse`` and ``revoke``."""

import datetime as dt
from collections.abc import Sequence
from pathlib import Path

import click

from coffer import wire
from coffer.authority.authorization import Authorization, parse_authorization
from coffer.authority.countersign import signers_of, subject_rule
from coffer.cli.console import Passphrases, Table, clock, console, print_json, read_file, read_notes, say, verify_absent
from coffer.cli.from_etsi import asked_by
from coffer.cli.periods import InOrder, show_days, show_period, time_options, typed_times
from coffer.cli.presence import say_news
from coffer.cli.protecting import say_protected
from coffer.cli.setup import unlock
from coffer.cli.vaults import vault_at
from coffer.custody.presence import news_of
from coffer.disclosure.order_times import has_own_periods, opens_part_of_a_day
from coffer.disk import Disk
from coffer.identity.identifier import Identifier
from coffer.ledger.entries import REFUSE_REASONS
from coffer.ledger.roster import Roster
from coffer.ledger.state import State
from coffer.procedures.opening.decide import segments_of
from coffer.procedures.opening.request import Order, make_request
from coffer.vault.folder import Vault
from coffer.visible import counted

DEFAULT_LIFE_DAYS = 30
DEFAULT_SECRECY_DAYS = 365
_KEY_HELP = "File with the custodian's passphrase; else the environment or a prompt."


@click.command(
    cls=InOrder,
    epilog="""\b
Examples:
coffer request vault --subject tel:+33612345678 --days 2012-12-10 2013-01-08 \\
    --time-zone Europe/Paris --kinds call,text --max-records 500 \\
    --authority 'Court of Appeal' --basis 'Art. 60-1 CPP, case 12/345' \\
    --purpose 'Theft' --person 'A. Example' -o request.note
Times are for the subjects named directly before them. Here each has its own:
coffer request vault --time-zone Europe/Paris \\
    --subject tel:+33612345678 --from 2012-12-10T08:00 --to 2012-12-10T20:00 \\
    --subject tel:+33698765432 --days 2012-12-11 2012-12-11 ...
With --from-etsi request.xml, subjects, times and kinds are taken from there.""",
)
@click.argument("vault")
@click.option(
    "--subject",
    "subjects",
    multiple=True,
    help="tel:+33612345678, mailto:a@example.org, short:FR/36500, sender:CORP, opaque:feed/201 or dialled:FR/0612; repeat for up to 20; "
    "needed without --from-etsi.",
)
@time_options
@click.option("--kinds", help="Some of call,text,email, joined by commas; needed without --from-etsi.")
@click.option(
    "--max-records",
    type=int,
    help="How many records may be opened under it, in all; needed unless an ETSI message says so.",
)
@click.option(
    "--from-etsi",
    metavar="FILE",
    help="An ETSI TS 102 657 request message: it says whom, from when to when, which kinds, perhaps how many; "
    "times, --kinds and --max-records can then only narrow it.",
)
@click.option("--authority", required=True, help="Who ordered it.")
@click.option("--basis", required=True, help="Legal basis and case.")
@click.option("--purpose", required=True, help="What for.")
@click.option("--person", required=True, help="Who used the number in that time, as the order names them.")
@click.option(
    "--hub", is_flag=True, help="The subject is one that very many call; then every custodian of its rule must sign."
)
@click.option("--not-before", help="From when it may be used (YYYY-MM-DDThh:mm:ssZ); now if not given.")
@click.option("--expires", help="Until when; 30 days after not-before if not given, which is the most.")
@click.option(
    "--secret-until",
    help="Day after which it may be revealed (YYYY-MM-DD); a year if not given, and at most ten after it expires.",
)
@click.option(
    "--roster", default="", metavar="HASH", help="Ask the custodians of an older roster, for what was sealed under it."
)
@click.option("-o", "--output", required=True, help="Where to write the note.")
def request(
    vault: str,
    subjects: tuple[str, ...],
    kinds: str | None,
    max_records: int | None,
    from_etsi: str | None,
    authority: str,
    basis: str,
    purpose: str,
    person: str,
    not_before: str | None,
    expires: str | None,
    secret_until: str | None,
    roster: str,
    output: str,
    *,
    hub: bool,
    **typed: object,
) -> None:
    """Turn an order into a request that custodians can read and countersign."""
    now = clock().replace(microsecond=0)
    start = wire.parse_time(not_before, "--not-before") if not_before else now
    times = typed_times({"subjects": subjects} | typed)
    asked = asked_by(from_etsi, subjects=subjects, times=times, kinds=kinds, max_records=max_records, basis=basis)
    path = verify_absent(output)
    opened = vault_at(vault)
    order = Order(
        subjects=asked.subjects,
        periods=asked.periods,
        kinds=asked.kinds,
        max_records=asked.max_records,
        authority=authority,
        basis=asked.basis,
        purpose=purpose,
        person=person,
        is_hub=hub,
        not_before=start,
        expires=wire.parse_time(expires, "--expires") if expires else start + dt.timedelta(days=DEFAULT_LIFE_DAYS),
        secret_until=wire.parse_day(secret_until, "--secret-until")
        if secret_until
        else (start + dt.timedelta(days=DEFAULT_SECRECY_DAYS)).date(),
    )
    authorization = make_request(opened, order, roster=roster)
    Disk().write(path, authorization.note.raw, private=True)
    say(f"written to {path.name}; it names a person: keep it as you would keep the order")
    _say_who(opened, authorization)
    _say_days(opened, authorization, now)


@click.command(epilog="Example: coffer show request.note")
@click.argument("notes", metavar="NOTE...", nargs=-1, required=True)
@click.option(
    "--vault", help="Also verify the signatures against this vault's roster, and say what its log says of the request."
)
@click.option("--json", "as_json", is_flag=True, help="The terms as JSON.")
def show(notes: tuple[str, ...], vault: str | None, *, as_json: bool) -> None:
    """Show a request as people read it. What is shown is exactly what is enforced. Of copies that were signed apart, give all."""
    authorization, now = parse_authorization(*read_notes(notes)), clock()
    state = vault_at(vault).replay() if vault else None
    if as_json:
        lines = [line.split(": ", 1) for line in authorization.note.text.decode("ascii").splitlines()[1:]]
        document: dict[str, object] = {
            "commitment": authorization.commitment.hex(),
            "signed_by": [s.name for s in authorization.note.signatures],
        }
        for key, value in lines:
            if key in ("subject", "period"):
                continue
            if key == "rules":
                document["subjects"] = _subjects_document(authorization)
                document["days_opened"] = [str(day) for day in authorization.terms.all_days]
            if key != "salt":
                document[key] = value
        document["status"] = status_of(authorization, state, now)
        print_json(document)
        return
    show_terms(authorization, _roster_of(authorization, state), status_of(authorization, state, now))
    if state is not None:
        _say_older_rosters(authorization, state, now)


@click.command(epilog="Example: coffer countersign vault request.note --as judge")
@click.argument("vault")
@click.argument("note")
@click.option("--as", "name", required=True, metavar="CUSTODIAN", help="Which custodian approves.")
@click.option("--yes", is_flag=True, help="Do not ask; for scripts. Whoever runs it has read the request.")
@click.option("--passphrase-file", help=_KEY_HELP)
def countersign(vault: str, note: str, name: str, passphrase_file: str | None, *, yes: bool) -> None:
    """Approve a request: it is shown, put into the custodian's own approvals file, and signed."""
    opened = vault_at(vault)
    raw, place = read_file(note), Path(note).name
    authorization = parse_authorization(raw, place)
    folder, passphrases = opened.custodian(name), Passphrases(passphrase_file)
    keys = folder.unlock(passphrases.get(name))
    state = opened.replay()
    news = news_of(state, name, folder.acknowledged(keys))
    say_news(news, name, f"coffer roster acknowledge {vault} --as {name}")
    if not yes:
        show_terms(authorization, _roster_of(authorization, state), status_of(authorization, state, clock()))
    say_protected(folder, keys, authorization)
    if not yes:
        click.confirm(f"approve this as {name}?", abort=True, err=True)
    with opened.alone():
        service = unlock(opened, passphrases, [name])[0]
        signed = service.countersign(raw, place)
    if signed.raw == raw:
        say(f"{name} had countersigned it before")
    else:
        Disk().write(Path(note), signed.raw, private=True)
        say(f"countersigned by {name}")
    _say_who(opened, parse_authorization(signed.raw, place))


@click.command(epilog="Example: coffer refuse vault request.note --as dpo --reason scope")
@click.argument("vault")
@click.argument("note")
@click.option("--as", "name", required=True, metavar="CUSTODIAN", help="Which custodian refuses.")
@click.option(
    "--reason",
    required=True,
    type=click.Choice(REFUSE_REASONS),
    help="Too wide, out of time, wrong form, or no good reason given.",
)
@click.option("--passphrase-file", help=_KEY_HELP)
def refuse(vault: str, note: str, name: str, reason: str, passphrase_file: str | None) -> None:
    """Refuse a request, in the public log (which shows the reason, not the person)."""
    opened, passphrases = vault_at(vault), Passphrases(passphrase_file)
    opened.custodian(name)
    passphrases.get(name)  # a prompt must not hold the vault up
    with opened.writing() as state:
        service = unlock(opened, passphrases, [name])[0]
        index = opened.append([service.refusal_entry(read_file(note), reason, Path(note).name)], state)[0]
    say(f"refused by {name}, logged as entry {index}")


@click.command(epilog="Example: coffer revoke vault request.note --as judge")
@click.argument("vault")
@click.argument("note")
@click.option("--as", "name", required=True, metavar="CUSTODIAN", help="Which custodian revokes; any one is enough.")
@click.option("--passphrase-file", help=_KEY_HELP)
def revoke(vault: str, note: str, name: str, passphrase_file: str | None) -> None:
    """End an authorization: from here on nobody answers to it."""
    opened, passphrases = vault_at(vault), Passphrases(passphrase_file)
    opened.custodian(name)
    passphrases.get(name)  # a prompt must not hold the vault up
    with opened.writing() as state:
        service = unlock(opened, passphrases, [name])[0]
        index = opened.append([service.revocation_entry(read_file(note), Path(note).name)], state)[0]
        opened.desk.remove_ended_seal_keys(state, clock())
    say(f"revoked by {name}, logged as entry {index}")


def _subjects_document(authorization: Authorization) -> list[dict[str, object]]:
    terms = authorization.terms
    return [
        {
            "subject": subject.format(),
            "periods": [period.format().split(" ") for period in terms.periods[number - 1]],
            "days_opened": [str(day) for day in terms.days_of(number)],
        }
        for number, subject in enumerate(terms.subjects, 1)
    ]


def status_of(authorization: Authorization, state: State | None, now: dt.datetime) -> list[str]:
    """What keeps an authorization from being used, by this clock and, where there is one, by the log; nothing if nothing does."""
    terms, found = authorization.terms, []
    if state is not None:
        if terms.origin != state.origin or terms.roster not in state.rosters:
            found.append("of another vault")
        if authorization.commitment in state.revoked:
            found.append("revoked")
        found += [
            f"refused by {entry.custodian} ({entry.reason})"
            for _, entry in state.refusals
            if entry.authorization == authorization.commitment
        ]
    if now >= terms.expires:
        found.append("expired")
    elif now < terms.not_before:
        found.append("not yet in force")
    return found


def _roster_of(authorization: Authorization, state: State | None) -> Roster | None:
    """The roster that the request names, whose rules are enforced; for one of another vault that in force, to say so."""
    return None if state is None else state.rosters.get(authorization.terms.roster, state.roster)


def _rule_of(subject: Identifier, authorization: Authorization, roster: Roster) -> str:
    """What is asked for this subject: the rule of its country, or every one of its custodians for a hub."""
    rule = subject_rule(subject, roster)
    if authorization.terms.is_hub:
        return f"{rule.name}: all of {', '.join(sorted({*rule.members, *rule.indispensable}))}, since it is a hub"
    return f"{rule.name}: {rule.expression}"


def show_terms(authorization: Authorization, roster: Roster | None, status: Sequence[str] = ()) -> None:
    """Every line that is enforced, as a table on stdout. ``roster``: the one that the request names; ``status``: from ``status_of``."""
    terms = authorization.terms
    table = Table(box=None, show_header=False, pad_edge=False)
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for key in ("authority", "basis", "purpose", "person"):
        table.add_row(key, getattr(terms, key))
    for number, subject in enumerate(terms.subjects, 1):
        rule = f"   (rule {_rule_of(subject, authorization, roster)})" if roster else ""
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


def _say_days(vault: Vault, authorization: Authorization, now: dt.datetime) -> None:
    """What it cannot reach, while the desk can still ask for something else."""
    terms, state = authorization.terms, vault.replay()
    reached = segments_of(authorization, state, before=state.size, now=now)
    if opens_part_of_a_day(terms) or has_own_periods(terms):
        for number, periods in enumerate(terms.periods, 1):
            say(f"subject {number}: {'; '.join(show_period(period) for period in periods)}")
        say(f"opens whole UTC days, {show_days(terms.all_days)}; records outside these times are dropped")
    asked, held = len(terms.all_days), len({s.line.day for s, _ in reached})
    if held < asked:
        say(f"with records now: {held} of {counted(asked, 'UTC day')}. Of the others nothing is kept, or not yet")
    _say_older_rosters(authorization, state, now)
    if authorization.is_secret(now) is False:
        say(f"secret until {terms.secret_until}: its secrecy is over already")


def _say_older_rosters(authorization: Authorization, state: State, now: dt.datetime) -> None:
    """Which other rules are enforced for what was sealed under other rosters."""
    terms = authorization.terms
    if terms.origin != state.origin:
        return
    reached = segments_of(authorization, state, before=state.size, now=now)
    older = {segment.roster.hash: segment.roster for segment, _ in reached if segment.roster.hash != terms.roster}
    for roster in older.values():
        rules = dict.fromkeys(_rule_of(subject, authorization, roster) for subject in terms.subjects)
        say(f"some of it was sealed under roster {roster.hash.hex()[:16]}, which asks for: {'; '.join(rules)}")


def _say_who(vault: Vault, authorization: Authorization) -> None:
    """Who has signed, and what is still asked."""
    roster = vault.replay().rosters.get(authorization.terms.roster)
    if roster is None:
        return
    signers = signers_of(authorization, roster)
    say(f"signed by custodians: {', '.join(signers) or 'none yet'}")
    for rule in {
        subject_rule(subject, roster).name: subject_rule(subject, roster) for subject in authorization.terms.subjects
    }.values():
        say(f"rule {rule.name} asks for: {rule.expression}")
