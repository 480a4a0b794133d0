"""``coffer custodian people``."""

import datetime as dt
import os

import click

from coffer import wire
from coffer.cli.console import clock, console, say
from coffer.cli.machine import at_work
from coffer.cli.passphrases import passphrase_option
from coffer.cli.tables import Table
from coffer.custodian.machine.clerks import Clerks
from coffer.custodian.people import MAX_REQUIRED, Away, People, Person
from coffer.errors import MalformedInput
from coffer.passkeys.ceremonies import format_base64url
from coffer.passkeys.challenges import Challenges
from coffer.visible import counted

_NEEDS = {
    "list": (),
    "site": ("origin",),
    "invite": ("name", "person"),
    "revoke": ("person", "passkey"),
    "remove": ("person",),
    "away": ("person", "since", "until", "stand_in"),
    "require": ("number",),
}
"""The options of each action."""


@click.command(
    epilog="""\b
Examples:
coffer custodian people judge/ site --origin https://judge.example:8444
coffer custodian people judge/ invite --name "A. Judge"
coffer custodian people judge/ require --number 2
coffer custodian people judge/ revoke --person 2 --passkey 3kX9"""
)
@click.argument("folder", metavar="DIR")
@click.argument("action", type=click.Choice(list(_NEEDS)), default="list")
@click.option("--origin", help="site: where the people's pages are, such as https://judge.example:8444.")
@click.option("--name", help="invite: a new person's name; only this custodian sees it.")
@click.option("--person", type=click.IntRange(1), help="A person's number in the list; invite: one who lost a passkey.")
@click.option("--passkey", metavar="DIGITS", help="revoke: the first letters of the passkey in the list.")
@click.option("--number", type=click.IntRange(0, MAX_REQUIRED), help="require: how many must agree; 0: the terminal.")
@click.option("--from", "since", metavar="DAY", help="away: the first day (UTC); without days: the person is back.")
@click.option("--until", metavar="DAY", help="away: the day (UTC) on which the person is back.")
@click.option("--stand-in", type=click.IntRange(1), help="away: who is told of requests meanwhile.")
@passphrase_option
def people(folder: str, action: str, passphrase_file: str | None, **options: str | int | None) -> None:
    """Keep who decides for this custodian by passkey, and how many of them must agree.

    ACTION is list, site, invite, revoke, remove, away or require. An invitation is shown once: give its code to the
    person by a way on which you know each other. It serves for 72 hours.
    """
    for name, value in options.items():
        if value is not None and name not in _NEEDS[action]:
            raise MalformedInput(f"--{_spelled(name)}: not an option of {action}")
    machine, service = at_work(folder, passphrase_file)
    clerks, now = Clerks(machine, service, Challenges(os.urandom), os.urandom), clock()
    match action:
        case "site":
            clerks.set_site(_text(options, "origin"), now)
            say(f"next: coffer custodian people {folder} invite --name NAME")
        case "invite":
            _invite(clerks, options, now)
        case "revoke":
            person = clerks.people().person(_number(options, "person"))
            credential = _chosen_passkey(person, _text(options, "passkey"))
            clerks.revoke(person.ordinal, credential, now)
            say(f"revoked; what it helped to approve stays approved: {_SEE}")
        case "remove":
            clerks.remove(_number(options, "person"), now)
            say(f"removed; what this person helped to approve stays approved: {_SEE}")
        case "away":
            clerks.set_away(_number(options, "person"), _away(options), now)
        case "require":
            clerks.require(_number(options, "number"), now)
    _show(clerks.people(), now)


_SEE = "look at it with coffer custodian approvals, and refuse what you doubt"


def _invite(clerks: Clerks, options: dict[str, str | int | None], now: dt.datetime) -> None:
    if (options["name"] is None) == (options["person"] is None):
        raise MalformedInput("--name, --person: expected one of them")
    if options["person"] is not None:
        code = clerks.invite_again(_number(options, "person"), now)
    else:
        _, code = clerks.invite(_text(options, "name"), now)
    site = clerks.people().site
    assert site is not None, "nobody is invited without one"
    console().print(f"code  {code}")
    # behind the # a browser sends nothing, so the code reaches no log on its way
    console().print(f"link  {site.origin}/enroll#{code}", soft_wrap=True)
    say("shown this once; it serves for 72 hours, for one passkey")


def _away(options: dict[str, str | int | None]) -> Away | None:
    since, until = options["since"], options["until"]
    if since is None and until is None and options["stand_in"] is None:
        return None
    if since is None or until is None:
        raise MalformedInput("--from, --until: expected both, or none for a person who is back")
    first, end = wire.parse_day(str(since), "--from"), wire.parse_day(str(until), "--until")
    return Away(since=_midnight(first), until=_midnight(end), stand_in=int(options["stand_in"] or 0))


def _midnight(day: dt.date) -> dt.datetime:
    return dt.datetime.combine(day, dt.time(), dt.UTC)


def _chosen_passkey(person: Person, digits: str) -> bytes:
    matching = [one.id for one in person.passkeys if format_base64url(one.id).startswith(digits)]
    if len(matching) != 1:
        raise MalformedInput(f"--passkey: {len(matching)} of this person begin so, expected one")
    return matching[0]


def _spelled(name: str) -> str:
    return "from" if name == "since" else name.replace("_", "-")


def _text(options: dict[str, str | int | None], name: str) -> str:
    value = options[name]
    if value is None:
        raise MalformedInput(f"--{_spelled(name)}: missing")
    return str(value)


def _number(options: dict[str, str | int | None], name: str) -> int:
    return int(_text(options, name))


def _show(everybody: People, now: dt.datetime) -> None:
    out = console()
    out.print(f"site      {everybody.site.origin if everybody.site else 'none yet'}", soft_wrap=True)
    required = everybody.required
    out.print(f"required  {counted(required, 'person') if required else 'none: approved at the terminal'}")
    if not everybody.persons:
        say("nobody decides by passkey yet")
        return
    table = Table("person", "name", "passkeys")
    for person in everybody.persons.values():
        keys = [
            f"{format_base64url(one.id)[:8]} {one.label}{' (copied between devices)' * one.is_backed_up}"
            for one in person.passkeys
        ]
        if person.invitation is not None:
            state = "over" if now >= person.invitation.until else f"until {wire.format_time(person.invitation.until)}"
            keys.append(f"invited, {state}")
        if person.away is not None and now < person.away.until:
            by = f", person {person.away.stand_in} stands in" if person.away.stand_in else ""
            keys.append(f"away {person.away.since:%Y-%m-%d} to {person.away.until:%Y-%m-%d}{by}")
        table.add_row(str(person.ordinal), person.name, "; ".join(keys) or "none")
    out.print(table)
