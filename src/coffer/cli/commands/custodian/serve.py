"""``coffer custodian serve``."""

import os
import time
from contextlib import ExitStack

import click

from coffer.cli.console import clock, say
from coffer.cli.machine import at_work_retiring
from coffer.cli.metrics import metrics_option
from coffer.cli.notifying import notifier_of
from coffer.cli.passphrases import passphrase_option
from coffer.custodian.machine.attendant import Attendant
from coffer.custodian.machine.errands import Errands
from coffer.custody.waiting import MAX_AHEAD_DAYS
from coffer.errors import MalformedInput


@click.command(epilog="Example: coffer custodian serve judge/ --epoch-ahead 40")
@click.argument("folder", metavar="DIR")
@click.option("--listen", help="Address and port, instead of those in custodian.toml; port 0 for any.")
@click.option("--plain", is_flag=True, help="Plain http, for 127.0.0.1 behind a proxy of your own.")
@click.option(
    "--epoch-ahead",
    type=click.IntRange(0, MAX_AHEAD_DAYS),
    default=40,
    show_default=True,
    help="Days for which keys are made ahead.",
)
@click.option("--page", help="Address and port of the page for its people, such as 127.0.0.1:9444; none without it.")
@click.option(
    "--page-origin", help="What its people type, such as https://judge.example:9444; a host name, no address."
)
@metrics_option
@passphrase_option
def serve(
    folder: str,
    listen: str | None,
    epoch_ahead: int,
    page: str | None,
    page_origin: str | None,
    metrics: str | None,
    passphrase_file: str | None,
    *,
    plain: bool,
) -> None:
    """Answer requests over TLS until it is told to stop.

    With --page it also shows its people their page. Ctrl-C or SIGTERM stops it. Its address is the first line on
    stdout, that of the page the second, that of the figures (--metrics) the last.
    """
    from coffer.cli.servers import run_custodian_server  # noqa: PLC0415 - needs the extra web

    machine, passphrase, service = at_work_retiring(folder, passphrase_file)
    attendant = Attendant(
        machine,
        service,
        passphrase=passphrase,
        clock=clock,
        entropy=os.urandom,
        epoch_ahead=epoch_ahead,
    )

    errands = Errands(machine, service, attendant, clock=clock, timer=time.monotonic, entropy=os.urandom)
    held = ExitStack()

    def start() -> None:
        held.enter_context(machine.serving())
        for line in machine.remove_leftovers():
            say(line)
        where = machine.pinned.log_at
        attendant.attend(
            lambda error: say(f"not all is well; tried again every minute (its log: {where}): {error}"),
            inform=lambda news: say(f"not acknowledged: {news}"),
        )

    shown = None
    if page or machine.config.page:
        from coffer.cli.custodian_page import page_listener  # noqa: PLC0415 - needs the extra pages

        where = page or machine.config.page
        shown = page_listener(machine, service, attendant, listen=where, origin=page_origin, is_plain=plain)
    elif page_origin:
        raise MalformedInput("--page-origin: no page listens", hint="add --page 127.0.0.1:9444")
    certificate, key = machine.path / machine.config.certificate, machine.path / machine.config.certificate_key
    notifier = notifier_of(machine, service)
    if notifier is not None:
        held.callback(notifier.stop)
        notifier.attend()
    with held:
        run_custodian_server(
            service,
            errands,
            listen or machine.config.listen,
            certificate=None if plain else certificate,
            key=None if plain else key,
            on_start=start,
            page=shown,
            page_listen=page or machine.config.page,
            metrics=metrics,
        )
        attendant.stop()
    say("stopped")
