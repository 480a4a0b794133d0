"""``coffer witness serve``."""

from pathlib import Path

import click

from coffer.cli.console import clock, say
from coffer.cli.metrics import metrics_option
from coffer.disk import Disk
from coffer.translog.store.witness import WitnessFolder


@click.command(epilog="Example: coffer witness serve w --listen 127.0.0.1:8711")
@click.argument("folder")
@click.option("--listen", default="127.0.0.1:8711", show_default=True, help="Address and port; port 0 for any.")
@metrics_option
def serve(folder: str, listen: str, metrics: str | None) -> None:
    """Answer POST /add-checkpoint (C2SP tlog-witness) until it is told to stop.

    Ctrl-C or SIGTERM stops it. Put a TLS proxy before it.
    """
    from coffer.cli.servers import run_witness_server  # noqa: PLC0415 - needs the extra web

    run_witness_server(WitnessFolder(Path(folder), Disk(), clock), listen, metrics=metrics)
    say("stopped")
