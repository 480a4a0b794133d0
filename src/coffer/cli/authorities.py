"""Lists of authorities in the terminal: what one says of a request, and how a custodian takes one."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from coffer.authority.authorization import Terms
from coffer.authority.hold import HoldTerms
from coffer.authority.known import (
    Authorities,
    Standing,
    latest_verified,
    parse_authorities,
    said_of,
)
from coffer.cli.console import clock, console, print_json, read_file, say
from coffer.cli.passphrases import Passphrases, passphrase_option
from coffer.cli.tables import Table
from coffer.errors import MalformedInput
from coffer.visible import counted

if TYPE_CHECKING:
    from coffer.custodian.folder import CustodianFolder


def authorities_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that takes, drops or shows a custodian's list."""
    options = (
        click.option("--take", metavar="FILE", help="Take this list in place of the one before."),
        click.option("--drop", is_flag=True, help="Have none: then nobody is verified."),
        passphrase_option,
        click.option("--json", "as_json", is_flag=True, help="The list as JSON."),
    )
    for option in reversed(options):
        command = option(command)
    return command


def read_authorities(file: str) -> Authorities:
    """A list in a file; none of its authorities was verified after today.

    Raises:
        MalformedInput: it is no list.
    """
    place = Path(file).name
    known = parse_authorities(read_file(file), place)
    newest = latest_verified(known)
    if newest is not None and newest > clock().date():
        raise MalformedInput(f"{place}: verified_on: {newest} is still to come")
    return known


def change_authorities(
    folder: "CustodianFolder", options: Mapping[str, Any], alone: Callable[[], AbstractContextManager[None]]
) -> None:
    """Take or drop a custodian's list as asked, and show what it has then."""
    if options["take"] and options["drop"]:
        raise MalformedInput("--drop: not beside --take")
    raw = read_file(options["take"]) if options["take"] else b""
    if raw:
        read_authorities(options["take"])
    keys = folder.unlock(Passphrases(options["passphrase_file"]).opener(folder))
    with alone():
        if raw:
            folder.write_authorities(raw, keys)
        elif options["drop"]:
            folder.remove_authorities()
        known = folder.authorities(keys)
    show_list(known, as_json=options["as_json"])
    if raw or options["drop"]:
        say(f"{folder.name} answers emergencies of all others only if every custodian of the rule has signed")


def show_list(known: Authorities | None, *, as_json: bool) -> None:
    """Print a list, or that there is none."""
    if as_json:
        listed = None if known is None else [_document(known, name) for name in known.by_name]
        print_json({"authorities": listed})
        return
    if known is None:
        say("no list of authorities here: nobody is verified")
        return
    table = Table("authority", "kind", "country", "call back", "verified")
    for one in known:
        verified = "no" if one.verified_on is None else f"{one.verified_on} by {one.verified_by}"
        table.add_row(one.name, one.kind, one.country, one.call_back.format(), verified)
    console().print(table)
    say(counted(len(known), "authority"))


def _document(known: Authorities, name: str) -> dict[str, str | None]:
    one = known.by_name[name]
    return {
        "name": one.name,
        "kind": one.kind,
        "country": one.country,
        "channel": one.channel,
        "call_back": one.call_back.format(),
        "verified_by": one.verified_by or None,
        "verified_on": None if one.verified_on is None else one.verified_on.isoformat(),
        "fingerprint": one.fingerprint or None,
    }


def marks_of(terms: Terms | HoldTerms, known: Authorities | None, custodian: str = "") -> Iterator[str]:
    """What to say of the authority of a request by a list. ``custodian``: whose list it is, if one's."""
    said = said_of(terms, known)
    authority = said.authority
    if authority is not None and said.standing is Standing.VERIFIED:
        yield f"on the list here: called back by {authority.verified_by} on {authority.verified_on}"
    elif authority is not None:
        yield f"on the list here, but nobody has called it back: {authority.call_back.format()}"
    elif said.standing is Standing.UNKNOWN:
        yield "not on the list here: call the authority back, by a number that is not from the order"
    else:
        yield "no list of authorities here: call the authority back, by a number that is not from the order"
    if said.other is not None:
        yield f"the list has it as {said.other}, the request as {terms.ordered.issuer}"
    if said.needs_everybody:
        yield (
            f"an emergency: {custodian or 'a custodian that has not called it back'} answers only if every custodian of "
            "the rule has signed"
        )
