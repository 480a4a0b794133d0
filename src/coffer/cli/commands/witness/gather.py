"""``coffer witness gather``."""

import click

from coffer.cli.console import clock, console
from coffer.cli.vaults import vault_at
from coffer.errors import NotProven, Unavailable
from coffer.notes.cosign import verify_quorum
from coffer.translog.checkpoint import verify_checkpoint
from coffer.visible import counted


@click.command(epilog="Example: coffer witness gather vault")
@click.argument("vault")
def gather(vault: str) -> None:
    """Ask the roster's witnesses to cosign the newest checkpoint.

    Appending to the log does it by itself; this is for a log that was quiet. It ends with 5 if too few cosign, or if
    witnesses or custodians know a longer log: then the one that lies here is an old copy.
    """
    opened = vault_at(vault)
    with opened.writing() as state:
        opened.writer.gather_cosignatures(state)
        opened.writer.is_confirmed_outside(
            state
        )  # cosignatures of before may still satisfy the quorum, on an old copy too
        note = verify_checkpoint(opened.log.checkpoint(), opened.pins.log_key, "checkpoint").note
        roster = state.roster
        cosigned = {key.name for key in roster.witnesses if key.time_of(note) is not None}
        try:
            verify_quorum(note, roster.witnesses, roster.quorum, newest=state.newest, now=clock())
        except NotProven as error:
            raise Unavailable(
                error.message, hint="see that the witnesses run, and their addresses in policy.toml"
            ) from None
    console().print(
        f"{len(cosigned)} of {counted(len(roster.witness_names), 'witness')} cosigned, {roster.quorum} needed"
    )
