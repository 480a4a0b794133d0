"""``coffer witness gather``."""

import click

from coffer.cli.console import clock, console
from coffer.cli.vaults import vault_at
from coffer.errors import NotProven, Unavailable
from coffer.notes.cosign import verify_quorum
from coffer.translog.checkpoint import verify_checkpoint


@click.command(epilog="Example: coffer witness gather vault")
@click.argument("vault")
def gather(vault: str) -> None:
    """Ask the roster's witnesses to cosign the newest checkpoint.

    Appending to the log does it by itself; this is for a log that was quiet.
    """
    opened = vault_at(vault)
    with opened.writing() as state:
        opened.gather_cosignatures(state)
        note = verify_checkpoint(opened.log.checkpoint(), opened.pins.log_key, "checkpoint").note
        roster = state.roster
        times = {key.name: key.time_of(note) for key in roster.witnesses}
        try:
            verify_quorum(note, roster.witnesses, roster.quorum, newest=state.newest, now=clock())
        except NotProven as error:
            raise Unavailable(
                error.message, hint="see that the witnesses run, and their addresses in policy.toml"
            ) from None
    console().print(
        f"{sum(time is not None for time in times.values())} of {len(times)} witnesses cosigned, {roster.quorum} are needed"
    )
