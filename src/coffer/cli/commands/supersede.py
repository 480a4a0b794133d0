"""``coffer supersede``."""

import sys

import click

from coffer import wire
from coffer.cli.console import confirm, console, print_json, say
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
    content = content_of(find_batch(state, batch), state)
    if content.superseded is not None:
        raise Refused(f"batch: superseded before, by entry {content.superseded}", code="log")
    if not as_json:
        _print(content)
    if not yes:
        if not sys.stdin.isatty():
            raise MalformedInput(
                "supersede: not confirmed", hint="nothing was changed; say --yes where nobody can be asked"
            )
        confirm("supersede this batch")
    entry = supersede_batch(opened, content.batch)
    if as_json:
        print_json(_document(content) | {"entry": entry})
    else:
        console().print(f"superseded, logged as entry {entry}")
        say(
            "answers to later requests mark its records as superseded; ingest its files again to have them count, or leave it so"
        )
        say(
            "what is ingested again is released anew in the tally: its noise protects a record as often as it is released"
        )


def _document(content: BatchContent) -> dict[str, object]:
    return {
        "batch": content.batch.hex(),
        "feed": content.feed,
        "ingested": wire.format_time(content.time),
        "entries": list(content.entries),
        "at_least": {name: getattr(content.counts, name) for name in content.counts.__slots__},
        "days": [
            {"day": str(day), "kind": kind, "segments": segments, "padded_rows": rows}
            for (day, kind), (segments, rows) in content.rows.items()
        ],
    }


def _print(content: BatchContent) -> None:
    out, kept = console(), content.counts.kept
    amount = f"at least {kept:,}" if kept else f"fewer than {COARSE:,}"
    out.print(
        f"batch {content.batch.hex()} of feed {content.feed}, ingested {wire.format_time(content.time)}: {amount} records"
    )
    table = Table("day", "kind", "segments", "padded rows", numbers=("segments", "padded rows"))
    for (day, kind), (segments, rows) in content.rows.items():
        table.add_row(str(day), kind, f"{segments:,}", f"{rows:,}")
    if content.rows:
        out.print(table)
