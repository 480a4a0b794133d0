"""``coffer demo``."""

import datetime as dt
import shutil
import signal
import socket
import threading
from contextlib import ExitStack
from pathlib import Path
from typing import Final

import click

from coffer.cli.console import clock, print_text, say, tell
from coffer.cli.demonstration.founding import INVITATIONS, Founding, Keeping, serve_custodians, serve_vault
from coffer.cli.demonstration.household import Household
from coffer.cli.demonstration.plan import (
    DEMONSTRATION,
    FIRST_PORT,
    MARK,
    PORTS,
    Plan,
    month_before,
    parse_plan,
    ports_from,
)
from coffer.cli.demonstration.tour import told
from coffer.disk import Disk
from coffer.errors import MalformedInput, Unavailable

_BEGUN: Final = ".demonstration"
"""Is there from the first file on, so that a founding that was cut short can be removed too."""


@click.command(
    epilog="""\b
Examples:
coffer demo --serve
coffer demo --serve --reset"""
)
@click.argument("folder", default="coffer-demo")
@click.option("--serve", is_flag=True, help="Serve all parties until Ctrl-C; without it, only found them.")
@click.option("--reset", is_flag=True, help="Remove the demonstration in this folder first, and make it anew.")
@click.option(
    "--port",
    type=click.IntRange(0, 65_535 - PORTS),
    default=FIRST_PORT,
    show_default=True,
    help="The window's; the others follow. 0 for any that are free.",
)
@click.option("--records", type=click.IntRange(2_000, 5_000_000), default=200_000, show_default=True)
def demo(folder: str, port: int, records: int, *, serve: bool, reset: bool) -> None:
    """Show everything with invented people: window, desk, operator's page and four custodians.

    It founds a vault, seals an invented month that ended yesterday, and prints an invitation for each person
    and a first case of five minutes. Everything listens on this machine only.
    """
    path, disk = Path(folder), Disk()
    if path.exists() and not path.is_dir():
        raise MalformedInput(f"{folder}: is a file, expected a folder")
    if path.is_dir() and any(path.iterdir()) and not (path / _BEGUN).is_file():
        raise MalformedInput(f"{folder}: holds something else than a demonstration", hint="name another folder")
    path.mkdir(parents=True, exist_ok=True)
    path = path.resolve()
    disk.write(path / _BEGUN, b"Everything in this folder is invented.\n")
    with ExitStack() as held:
        busy = ("is running already", "end it with Ctrl-C where it runs, or name another folder")
        held.enter_context(disk.locked(path / _BEGUN, what="demonstration", busy=busy))
        if reset or not (path / MARK).is_file():
            _clear(path)
        household = Household(path, {DEMONSTRATION: "1"})
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            before = signal.signal(number, lambda *_: _interrupt(stop))
            held.callback(signal.signal, number, before)
        held.callback(household.end)
        try:
            plan = _plan(path, disk, port, records, clock().date())
            if (path / MARK).is_file():
                if serve:
                    serve_vault(household, plan)
                    serve_custodians(household, plan)
            else:
                _verify_free(plan)
                Founding(path, plan, household, tell).found()
            print_text(told(plan, disk.read(path / INVITATIONS).decode("utf-8"), path))
            if serve:
                say("Ctrl-C ends it, with every process that it started")
                household.watch(stop, Keeping(path, household, tell).look, tell)
        except _Stopped:
            pass
    say("stopped" if serve else f"founded; next: coffer demo {folder} --serve")


class _Stopped(BaseException):
    """A signal to stop came while something was being founded."""


def _interrupt(stop: threading.Event) -> None:
    if stop.is_set():
        return  # it is stopping: a second Ctrl-C would leave processes behind
    stop.set()
    raise _Stopped


def _plan(path: Path, disk: Disk, port: int, records: int, today: dt.date) -> Plan:
    """The plan of the folder, or a new one."""
    if (path / MARK).is_file():
        return parse_plan(disk.read(path / MARK), MARK)
    ports = ports_from(port) if port else _free_ports()
    return Plan(ports=ports, first=month_before(today), records=records)


def _free_ports() -> tuple[int, ...]:
    """Ports that nobody listens on now; found together, so that none comes twice."""
    with ExitStack() as held:
        bound = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(PORTS)]
        return tuple(one.getsockname()[1] for one in bound)


def _verify_free(plan: Plan) -> None:
    for port in plan.ports:
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError as error:
            raise Unavailable(
                f"port {port}: {error.strerror}", hint="choose others with --port, or --port 0"
            ) from error


def _clear(path: Path) -> None:
    """Remove what a demonstration made, and nothing but the contents of its own folder."""
    for item in path.iterdir():
        if item.name == _BEGUN:
            continue
        if item.is_dir() and not item.is_symlink():
            shutil.rmtree(item)
        else:
            item.unlink()
