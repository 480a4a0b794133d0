"""How long a command waits for custodians on other machines, and the option that says so."""

import click

DEFAULT_DEADLINE_S = 30.0
"""What an opening waits for its custodians in all: they answer in well under a second, and one that is down must not hold it up."""

deadline_option = click.option(
    "--deadline",
    "deadline_s",
    type=click.FloatRange(0.1, 3600),
    default=DEFAULT_DEADLINE_S,
    show_default=True,
    help="Seconds to wait for custodians on other machines, in all.",
)
