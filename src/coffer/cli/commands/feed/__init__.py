"""``coffer feed``: how files of records are read."""

import click

from coffer.cli.groups import LazyGroup, Listed


@click.group(
    cls=LazyGroup,
    package=__name__,
    listed=(
        Listed("check", "Show how files would be read: counts, kinds, times, rejects, and what numbers look like."),
        Listed(
            "presets",
            "List the tables of products that are read without a mapping of your own, or show how one is read.",
        ),
    ),
    epilog="Example: coffer feed check Master.csv --country DE --zone Europe/Berlin -o feed.toml",
)
def feed() -> None:
    """Find out how files of records would be read, before anything is sealed."""
