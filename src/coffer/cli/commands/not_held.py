"""``coffer not-held``."""

import click

from coffer import wire
from coffer.authority.authorization import parse_free_text
from coffer.cli.console import clock, console, print_json, print_text, say, verify_absent
from coffer.cli.letterheads import chosen_letterhead, read_letterhead
from coffer.cli.vaults import vault_at
from coffer.disclosure.not_held import format_not_held
from coffer.disclosure.pdf_texts import LANGUAGES
from coffer.disk import Disk
from coffer.errors import MalformedInput
from coffer.identity.not_held import REASONS, NotHeld


@click.command(
    "not-held",
    epilog="""\b
Examples:
coffer not-held
coffer not-held subscriber ip-address --vault vault --language fr \\
    --authority "Court of Example" --basis "Act 1; 3/2016" \\
    --received 2016-09-05 -o reply.txt""",
)
@click.argument("asked", metavar="[WHAT]...", nargs=-1, type=click.Choice([kind.value for kind in NotHeld]))
@click.option("--vault", help="The vault whose letterhead.toml heads the reply.")
@click.option("--letterhead", metavar="FILE", help="Another letterhead.")
@click.option("--authority", default="", help="Who asks; else a place to fill in.")
@click.option("--basis", default="", help="Legal basis and case; else a place to fill in.")
@click.option("--received", help="Day on which the order came (YYYY-MM-DD).")
@click.option("--language", default="en", show_default=True, type=click.Choice(LANGUAGES), help="Of the reply.")
@click.option("-o", "--output", metavar="FILE", help="Where to write the reply; else it is shown.")
@click.option("--json", "as_json", is_flag=True, help="What is not held and why, as JSON.")
def not_held(
    asked: tuple[str, ...],
    vault: str | None,
    letterhead: str | None,
    authority: str,
    basis: str,
    received: str | None,
    language: str,
    output: str | None,
    *,
    as_json: bool,
) -> None:
    """Say what Coffer does not hold, and draft the reply that says so to an authority.

    Without WHAT it lists what orders ask for and no record holds. With it, it drafts a reply, to be completed and sent
    by a person. A European order has a form of its own: coffer reply.
    """
    if not asked:
        given = {"-o": output, "--authority": authority, "--basis": basis, "--received": received}
        if typed := [name for name, value in given.items() if value]:
            raise MalformedInput(f"{typed[0]}: nothing is named", hint=f"name some of {', '.join(NotHeld)}")
        _list(as_json=as_json)
        return
    path = None if output is None else verify_absent(output)
    opened = vault_at(vault) if vault else None
    text = format_not_held(
        {NotHeld(word) for word in asked},
        language=language,
        today=clock().date(),
        letterhead=chosen_letterhead(read_letterhead(letterhead), opened),
        authority=authority and parse_free_text(authority, "--authority"),
        basis=basis and parse_free_text(basis, "--basis"),
        received=None if received is None else wire.parse_day(received, "--received"),
    )
    if as_json:
        print_json({"format": "coffer.not-held/v1", "not_held": sorted(asked), "reply": text})
    elif path is None:
        print_text(text)
    if path is not None:
        Disk().write(path, text.encode("utf-8"), private=True)
        say(f"{path.name}: a draft: read it, complete what stands in brackets, and send it")


def _list(*, as_json: bool) -> None:
    if as_json:
        print_json({"format": "coffer.not-held/v1", "reasons": {str(kind): why for kind, why in REASONS.items()}})
        return
    for kind, why in REASONS.items():
        console().print(f"{kind:<12}{why}", soft_wrap=True)
