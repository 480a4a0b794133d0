"""``coffer serve-log``."""

import click

from coffer.cli.vaults import vault_at


@click.command("serve-log", epilog="Example: coffer serve-log vault --listen 127.0.0.1:8080")
@click.argument("vault")
@click.option("--listen", default="127.0.0.1:8080", show_default=True, help="Address and port; port 0 for any.")
def serve_log(vault: str, listen: str) -> None:
    """Serve the public log to custodians and auditors.

    Any static web server on the folder log/ does the same.
    """
    from coffer.cli.servers import run_log_server  # noqa: PLC0415 - needs the extra web

    run_log_server(vault_at(vault), listen)
