"""``coffer serve``."""

import click

from coffer.cli.console import clock
from coffer.cli.vaults import vault_at
from coffer.errors import MalformedInput


@click.command(epilog='Example: coffer serve vault --window 127.0.0.1:8080 --operator "Telco Example"')
@click.argument("vault")
@click.option(
    "--window", "listen", default="127.0.0.1:8080", show_default=True, help="Address and port; port 0 for any."
)
@click.option(
    "--window-origin",
    "origin",
    metavar="URL",
    help="Where browsers find the window, if a proxy stands before it: https://window.example.",
)
@click.option("--operator", help="Who keeps the vault, as people call it; else the origin of the log.")
def serve(vault: str, listen: str, origin: str | None, operator: str | None) -> None:
    """Serve the public window, and the log to custodians and auditors.

    It reads vault.toml, log/ and tally/ of the vault, and needs no key: a copy of these serves as well.
    """
    from coffer.cli.windows import make_window  # noqa: I001, PLC0415 - needs the extra pages, and says so first
    from coffer.cli.servers import Listener, address_of_socket, bind, run_listeners  # noqa: PLC0415

    opened = vault_at(vault)
    if operator is not None and not (operator.strip() and operator.isprintable() and len(operator) <= 80):
        raise MalformedInput("--operator: expected a name of at most 80 characters")
    with bind(listen, "--window") as bound:
        window, app, crowd = make_window(
            opened,
            origin=origin or address_of_socket(bound),
            operator=operator or opened.pins.origin,
            clock=clock,
        )
        try:
            listener = Listener(app=app, crowd=crowd, listen=listen, option="--window", tls=None, bound=bound)
            run_listeners([listener], on_start=window.start)
        finally:
            window.stop()
