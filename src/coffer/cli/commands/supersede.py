"""``coffer supersede``."""

import sys

import click

from coffer import wire
from coffer.cli.console import console, print_json, say
from coffer.cli.tables import Table
from coffer.cli.vaults import vault_at
from coffer.errors import MalformedInput, Refused
from coffer.ledger.entries import COARSE
from coffer.procedures.supersede import BatchContent, content_of, find_batch
from coffer.procedures.supersede import supersede as supersede_batch


@click.command(epilog="Example: coffer supersede vault 3f0c5a9e   (coffer log lists the batches)")
@click.argument("vault")
@click.argument("batch")
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.option("--json", "as_json", is_flag=True, help="What was superseded, as JSON.")
def supersede(vault: str, batch: str, *, yes: bool, as_json: bool) -> None:
    """Supersede a batch, for example one whose files were ingested twice.

    The log says so, and nothing is destroyed. Answers to later requests mark its records as superseded, its tally
    counts no more, and its files can be ingested again. It cannot be taken back.
    """
    opened = vault_at(vault)
    state = opened.replay()
    found = content_of(find_batch(state, batch), state)
    if found.superseded is not None:
        raise Refused(f"batch: superseded before, by entry {found.superseded}", code="log")
    if not as_json:
        _print(found)
    if not yes:
        if not sys.stdin.isatty():
            raise MalformedInput(
                "supersede: not confirmed", hint="nothing was changed; say --yes where nobody can be asked"
            )
        click.confirm("supersede this batch", abort=True, err=True)
    entry = supersede_batch(opened, found.batch)
    if as_json:
        print_json(_document(found) | {"entry": entry})
    else:
        console().print(f"superseded, logged as entry {entry}")
        say(
            "answers to later requests mark its records as superseded; ingest its files again to have them count, or leave it so"
        )
        say(
            "what is ingested again is released anew in the tally: its noise protects a record as often as it is released"
        )


def _document(found: BatchContent) -> dict[str, object]:
    return {
        "batch": found.batch.hex(),
        "feed": found.feed,
        "ingested": wire.format_time(found.time),
        "entries": list(found.entries),
        "at_least": {name: getattr(found.counts, name) for name in found.counts.__slots__},
        "days": [
            {"day": str(day), "kind": kind, "segments": segments, "padded_rows": rows}
            for (day, kind), (segments, rows) in found.rows.items()
        ],
    }


def _print(found: BatchContent) -> None:
    out, kept = console(), found.counts.kept
    amount = f"at least {kept:,}" if kept else f"fewer than {COARSE:,}"
    out.print(
        f"batch {found.batch.hex()} of feed {found.feed}, ingested {wire.format_time(found.time)}: {amount} records"
    )
    table = Table("day", "kind", "segments", "padded rows", numbers=("segments", "padded rows"))
    for (day, kind), (segments, rows) in found.rows.items():
        table.add_row(str(day), kind, f"{segments:,}", f"{rows:,}")
    if found.rows:
        out.print(table)
