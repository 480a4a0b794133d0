"""A custodian's own list of people whose records need every custodian's signature."""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click

from coffer.authority.hold import Requested
from coffer.cli.console import console, print_json, read_file, say
from coffer.cli.passphrases import Passphrases, passphrase_option
from coffer.custodian.folder import CustodianFolder
from coffer.custodian.keys import CustodianKeys
from coffer.custody.protected import CATEGORIES, ProtectedList, parse_category
from coffer.errors import MalformedInput
from coffer.identity.identifier import parse_subject


def list_options(command: Callable[..., None]) -> Callable[..., None]:
    """The options of a command that changes or counts a protected list."""
    options = (
        click.option("--add", "added", multiple=True, metavar="IDENTITY", help="Put on the list; repeat for more."),
        click.option("--category", type=click.Choice(CATEGORIES), help="Of those added."),
        click.option(
            "--from", "source", metavar="FILE", help="Put every line's identity on the list: IDENTITY CATEGORY."
        ),
        click.option(
            "--remove", "removed", multiple=True, metavar="IDENTITY", help="Take off the list; repeat for more."
        ),
        click.option("--count", is_flag=True, help="How many of each category. Nobody can list who they are."),
        click.option(
            "--start-anew", is_flag=True, help="Begin an empty list, where the old one is lost or was changed."
        ),
        passphrase_option,
        click.option("--json", "as_json", is_flag=True, help="The counts as JSON."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@dataclass(frozen=True, slots=True, kw_only=True)
class ListChange:
    """What those options say."""

    joining: Sequence[tuple[bytes, str]]
    leaving: Sequence[bytes]
    is_new: bool
    passphrase_file: str | None
    is_count: bool
    is_json: bool


def parse_change(options: Mapping[str, Any]) -> ListChange:
    """The options of ``list_options``, by their names.

    Raises:
        MalformedInput: before anything is asked or written; no message repeats an identity.
    """
    added, removed, source = options["added"], options["removed"], options["source"]
    if bool(added) != (options["category"] is not None):
        raise MalformedInput("--category: belongs to --add, and --add to it")
    if not (added or source or removed or options["count"] or options["start_anew"]):
        raise MalformedInput("protect: nothing to do", hint="give --add, --from, --remove or --count")
    joining = [(parse_subject(text, f"--add {n}").sid, str(options["category"])) for n, text in enumerate(added, 1)]
    return ListChange(
        joining=joining + (_read(source) if source else []),
        leaving=[parse_subject(text, f"--remove {n}").sid for n, text in enumerate(removed, 1)],
        is_new=options["start_anew"],
        passphrase_file=options["passphrase_file"],
        is_count=options["count"],
        is_json=options["as_json"],
    )


def change_list(folder: CustodianFolder, change: ListChange, alone: Callable[[], AbstractContextManager[None]]) -> None:
    """Change a custodian's list as asked, and show its counts.

    The list is held ``alone`` only once the passphrase was given: people take their time.
    """
    keys = folder.unlock(Passphrases(change.passphrase_file).opener(folder))
    with alone():
        _change(folder, change, keys)


def _change(folder: CustodianFolder, change: ListChange, keys: CustodianKeys) -> None:
    before = ProtectedList(key=keys.protected) if change.is_new else folder.protected(keys)
    after = before.with_members(change.joining).without(change.leaving)
    if change.is_new or after.members != before.members:
        folder.write_protected(after)
    if change.is_json:
        print_json({"custodian": folder.name, "protected": len(after.members), "categories": after.counts()})
        return
    for kind, number in after.counts().items():
        console().print(f"{number:>8,}  {kind}")
    console().print(f"{len(after.members):>8,}  on the list of {folder.name}")
    if not change.is_count:
        say(
            f"{len(after.members) - len(before.members):+,}; a request for one of them needs the signature of every custodian of its rule, "
            f"or {folder.name} refuses"
        )


def say_protected(folder: CustodianFolder, keys: CustodianKeys, authorization: Requested) -> None:
    """Tell the people who approve which subjects are on the custodian's list."""
    protected = folder.protected(keys)
    for number, subject in enumerate(authorization.terms.subjects, 1):
        if protected.has(subject.sid):
            say(
                f"subject {number} is on {folder.name}'s protected list: {folder.name} answers only if every custodian of its rule has signed"
            )


def _read(source: str) -> list[tuple[bytes, str]]:
    place = "standard input" if source == "-" else Path(source).name
    raw = sys.stdin.buffer.read() if source == "-" else read_file(source)
    try:
        return list(_parse(raw.decode("ascii"), place))
    except UnicodeDecodeError:
        raise MalformedInput(f"{place}: not ASCII") from None


def _parse(text: str, place: str) -> Iterator[tuple[bytes, str]]:
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            written, _, category = line.strip().rpartition(" ")
            where = f"{place}: line {number}"
            yield parse_subject(written.strip(), where).sid, parse_category(category, where)
