"""``coffer witness``: an outside party that sees to it that a log shows everyone one history."""

import click

from coffer.cli.groups import LazyGroup, Listed


@click.group(
    cls=LazyGroup,
    package=__name__,
    listed=(
        Listed("init", "Make a witness."),
        Listed("add-log", "Cosign one more log."),
        Listed("serve", "Answer POST /add-checkpoint (C2SP tlog-witness) until it is told to stop."),
        Listed("gather", "Ask the roster's witnesses to cosign the newest checkpoint."),
    ),
    epilog="Example: coffer witness init w --name w.example/one --log VKEY, then coffer witness serve w",
)
def witness() -> None:
    """Watch logs from outside, and cosign what continues their one history.

    A witness cosigns a checkpoint only if it continues the one that it cosigned before: so everyone sees one history.
    """
