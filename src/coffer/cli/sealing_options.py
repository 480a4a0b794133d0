"""Options of commands that seal: how many read and seal at once, and how much each of them holds."""

import os

import click

from coffer.procedures.ingest.sealer import HELD_ROWS

workers_option = click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=os.cpu_count() or 1,
    show_default=True,
    help="How many read and seal at once, for large inputs.",
)
hold_rows_option = click.option(
    "--hold-rows",
    "held_rows",
    type=click.IntRange(100_000, 2**26),
    default=HELD_ROWS,
    show_default=True,
    help="Rows, two a record, that each worker holds before it seals them: more take 0.25 kB each, and give fewer, "
    "larger segments, which open faster.",
)
