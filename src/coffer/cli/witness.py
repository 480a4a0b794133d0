"""``coffer witness init``, ``serve`` and ``gather``."""

from pathlib import Path

import click

from coffer.cli.console import clock, console, say
from coffer.cli.vaults import vault_at
from coffer.disk import Disk
from coffer.errors import NotProven, Unavailable
from coffer.notes.cosign import verify_quorum
from coffer.translog.checkpoint import verify_checkpoint
from coffer.translog.store.witness import WitnessFolder, add_log, make_witness
from coffer.visible import counted


@click.group(epilog="Example: coffer witness init w --name w.example/one --log VKEY, then coffer witness serve w")
def witness() -> None:
    """See that a log shows everyone one history: an outside party that cosigns what continues what it cosigned before."""


@witness.command()
@click.argument("folder")
@click.option("--name", required=True, help="The witness's name, for example w.example/one.")
@click.option(
    "--log",
    "logs",
    multiple=True,
    metavar="VKEY",
    help="The key of a log it cosigns; repeat for each, or add them later.",
)
def init(folder: str, name: str, logs: tuple[str, ...]) -> None:
    """Make a witness. Its key lies in the folder, readable for its owner alone."""
    made = make_witness(Path(folder), Disk(), name, list(logs))
    console().print(f"witness  {made.public.format()}", soft_wrap=True)
    say(
        "give the key to whoever founds the vault (coffer init --witness) or proposes its roster (coffer roster propose --witness)"
    )
    if not logs:
        say("once the vault is there: coffer witness add-log FOLDER VKEY, with the log key that its founder gives you")


@witness.command("add-log", epilog="Example: coffer witness add-log w example.org/vault+1a2b3c4d+AX...")
@click.argument("folder")
@click.argument("vkey")
def add(folder: str, vkey: str) -> None:
    """Cosign one more log. A service that runs must be started again."""
    key = add_log(Path(folder), Disk(), vkey)
    say(f"cosigns {key.name} from the next start of its service")


@witness.command(epilog="Example: coffer witness serve w --listen 127.0.0.1:8711")
@click.argument("folder")
@click.option("--listen", default="127.0.0.1:8711", show_default=True, help="Address and port; port 0 for any.")
def serve(folder: str, listen: str) -> None:
    """Answer POST /add-checkpoint (C2SP tlog-witness) until it is told to stop (Ctrl-C or SIGTERM). Put a TLS proxy before it."""
    from coffer.cli.serving import run_witness_server  # noqa: PLC0415 - needs the extra web

    run_witness_server(WitnessFolder(Path(folder), Disk(), clock), listen)
    say("stopped")


@witness.command()
@click.argument("vault")
def gather(vault: str) -> None:
    """Ask the roster's witnesses to cosign the newest checkpoint. Appending does it by itself; this is for a log that was quiet.

    It ends with 5 if too few cosign, or if witnesses or custodians know a longer log: then the one that lies here is an old copy.
    """
    opened = vault_at(vault)
    with opened.writing() as state:
        opened.gather_cosignatures(state)
        opened.is_confirmed_outside(state)  # cosignatures of before may still satisfy the quorum, on an old copy too
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
        f"{sum(time is not None for time in times.values())} of {counted(len(times), 'witness')} cosigned, {roster.quorum} needed"
    )
