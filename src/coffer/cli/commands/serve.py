"""``coffer serve``."""

from contextlib import ExitStack

import click

from coffer.cli.console import clock
from coffer.cli.metrics import metrics_option
from coffer.cli.passphrases import passphrases_option
from coffer.cli.patience import DEFAULT_DEADLINE_S
from coffer.cli.vaults import vault_at
from coffer.errors import MalformedInput


@click.command(
    epilog="""\b
Examples:
coffer serve vault --window 127.0.0.1:8080 --operator "Telco Example"
coffer serve vault --desk 127.0.0.1:8081 --desk-origin https://desk.example"""
)
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
@click.option("--desk", help="Address and port of the desk and the operator's page; none without it.")
@click.option("--desk-origin", metavar="URL", help="What its people type: https://desk.example, a host name.")
@click.option("--desk-certificate", metavar="FILE", help="PEM; without it a TLS proxy stands before the desk.")
@click.option("--desk-key", metavar="FILE", help="PEM, of the certificate.")
@click.option("--database", metavar="URL", help="postgresql+psycopg://..., for a team; else a file in the vault.")
@click.option(
    "--home", default="", metavar="COUNTRY", help="The country of numbers that are typed without +, such as FR."
)
@click.option(
    "--deadline",
    "deadline_s",
    type=click.FloatRange(0.1, 3600),
    default=DEFAULT_DEADLINE_S,
    show_default=True,
    help="Seconds that an opening at the desk waits for custodians on other machines.",
)
@metrics_option
@passphrases_option
def serve(
    vault: str,
    listen: str,
    origin: str | None,
    operator: str | None,
    desk: str | None,
    home: str,
    deadline_s: float,
    metrics: str | None,
    passphrase_file: str | None,
    **of_desk: str | None,
) -> None:
    """Serve the public window, and the log to custodians and auditors; with --desk the desk as well.

    The window reads vault.toml, log/ and tally/ of the vault, and needs no key: a copy of these serves as well.
    The desk acts with the operator's keys. Its people come by invitation (coffer desk invite) and are told
    of news as notify.toml of the vault says. The operator's page is at /operator of the desk. Ctrl-C or
    SIGTERM stops it.
    """
    from coffer.cli.windows import make_window  # noqa: I001, PLC0415 - needs the extra pages, and says so first
    from coffer.cli.servers import Listener, address_of_socket, bind, run_listeners  # noqa: PLC0415

    opened = vault_at(vault)
    if operator is not None and not (operator.strip() and operator.isprintable() and len(operator) <= 80):
        raise MalformedInput("--operator: expected a name of at most 80 characters")
    given = [name for name, value in of_desk.items() if value is not None]
    if desk is None and given:
        raise MalformedInput(f"--{given[0].replace('_', '-')}: no desk listens", hint="add --desk 127.0.0.1:8081")
    called = operator or opened.pins.origin
    with ExitStack() as held:
        bound = held.enter_context(bind(listen, "--window"))
        window, app, crowd = make_window(
            opened, origin=origin or address_of_socket(bound), operator=called, clock=clock, home=home
        )
        listeners = [(Listener(app=app, crowd=crowd, what="window"), bound)]
        starts, figures = [window.start], [window.figures]
        held.callback(window.stop)
        if desk is not None:
            from coffer.cli.desks import DeskAtWork, DeskOptions, local_custodians  # noqa: PLC0415

            options = DeskOptions(
                listen=desk,
                origin=of_desk["desk_origin"],
                operator=called,
                database=of_desk["database"],
                home=home,
                deadline_s=deadline_s,
                certificate=of_desk["desk_certificate"],
                key=of_desk["desk_key"],
            )
            warm = vault_at(vault)
            at_work = DeskAtWork(warm, options, local_custodians(warm, passphrase_file))
            held.callback(at_work.stop)
            listeners.append((at_work.listener, held.enter_context(bind(desk, "--desk"))))
            starts.append(at_work.start)
            figures.append(at_work.figures)
        run_listeners(
            listeners,
            on_start=lambda: [start() for start in starts],
            metrics=metrics,
            figures=lambda: [figure for give in figures for figure in give()],
        )
