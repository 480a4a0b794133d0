"""The option by which a refusal says how the desk may come again."""

import click

from coffer.custody.again import Again, parse_typed_again


def _parse(_context: click.Context, _option: click.Parameter, value: str | None) -> Again | None:
    return None if value is None else parse_typed_again(value, "--again")


again_option = click.option(
    "--again",
    callback=_parse,
    metavar="no|narrower|reasons|DAY",
    help="How the desk may come again: not, with less, with better reasons, or from a day on. Only it is told.",
)
