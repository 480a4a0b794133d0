"""``coffer protect``."""

import sys
from collections.abc import Iterator
from pathlib import Path

import click

from coffer.cli.console import Passphrases, console, print_json, read_file, say, vault_at
from coffer.custody.protected import CATEGORIES, ProtectedList, parse_category
from coffer.errors import MalformedInput
from coffer.identity.identifier import parse_subject


@click.command(
    epilog="""\b
Examples:
coffer protect vault --as judge --add tel:+33612345678 --category journalist
coffer protect vault --as judge --from list.txt      (a line: tel:+33612345678 journalist; - reads standard input)
coffer protect vault --as judge --count"""
)
@click.argument("vault")
@click.option("--as", "name", required=True, metavar="CUSTODIAN", help="Whose list; no custodian sees another's.")
@click.option("--add", "added", multiple=True, metavar="IDENTITY", help="Put on the list; repeat for more.")
@click.option("--category", type=click.Choice(CATEGORIES), help="Of those added.")
@click.option("--from", "source", metavar="FILE", help="Put every line's identity on the list: IDENTITY CATEGORY.")
@click.option("--remove", "removed", multiple=True, metavar="IDENTITY", help="Take off the list; repeat for more.")
@click.option("--count", is_flag=True, help="How many of each category. Nobody can list who they are.")
@click.option("--start-anew", is_flag=True, help="Begin an empty list, where the old one is lost or was changed.")
@click.option("--passphrase-file", help="File with the custodian's passphrase; else the environment or a prompt.")
@click.option("--json", "as_json", is_flag=True, help="The counts as JSON.")
def protect(
    vault: str,
    name: str,
    added: tuple[str, ...],
    category: str | None,
    source: str | None,
    removed: tuple[str, ...],
    passphrase_file: str | None,
    *,
    count: bool,
    start_anew: bool,
    as_json: bool,
) -> None:
    """Keep a custodian's own list of people whose records need every custodian's signature.

    It holds keyed hashes only: who is on it can be asked one by one, by whoever has the passphrase, and not listed.
    """
    if bool(added) != (category is not None):
        raise MalformedInput("--category: belongs to --add, and --add to it")
    if not (added or source or removed or count or start_anew):
        raise MalformedInput("protect: nothing to do", hint="give --add, --from, --remove or --count")
    joining = [(parse_subject(text, f"--add {n}").sid, str(category)) for n, text in enumerate(added, 1)]
    joining += _read(source) if source else []
    leaving = [parse_subject(text, f"--remove {n}").sid for n, text in enumerate(removed, 1)]
    opened = vault_at(vault)
    folder = opened.custodian(name)
    with opened.alone():
        keys = folder.unlock(Passphrases(passphrase_file).get(name))
        before = ProtectedList(key=keys.protected) if start_anew else folder.protected(keys)
        after = before.with_members(joining).without(leaving)
        if start_anew or after.members != before.members:
            folder.write_protected(after)
    if as_json:
        print_json({"custodian": name, "protected": len(after.members), "categories": after.counts()})
        return
    for kind, number in after.counts().items():
        console().print(f"{number:>8,}  {kind}")
    console().print(f"{len(after.members):>8,}  on the list of {name}")
    if not count:
        change = len(after.members) - len(before.members)
        say(
            f"{change:+,}; a request for one of them needs the signature of every custodian of its rule, or {name} refuses"
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
