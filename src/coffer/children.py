"""Starts child processes, guarded like their parent and without passphrases.

Processes of ours are started only here. Trusts that this process called ``coffer.guarded``: a child inherits its
``sys.path`` and the variables that tell Python where to look for modules.
"""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, Final

from coffer.guarded import guard

_PASSPHRASES: Final = "COFFER_PASSPHRASE"
"""The names of variables with passphrases begin like this."""


Started = subprocess.Popen[str]
"""A command that was started by ``command``."""


def start(target: Callable[..., None], args: tuple[Any, ...], *, name: str) -> BaseProcess:
    """A process that runs ``target`` and ends with this one. Call it within ``environment``."""
    context = multiprocessing.get_context("spawn")  # a forked process may inherit a lock that a thread held
    process = context.Process(target=_run, args=(target, args), daemon=True, name=name)
    process.start()
    return process


def pipe() -> tuple[Connection, Connection]:
    """A pipe from a child: the end that reads, and the one that the child writes to."""
    return multiprocessing.Pipe(duplex=False)


def _run(target: Callable[..., None], args: tuple[Any, ...]) -> None:
    guard()
    target(*args)


def pool(workers: int) -> ProcessPoolExecutor:
    """A pool of processes. They start when tasks are given, so give tasks within ``environment``."""
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"), initializer=guard)


@contextmanager
def environment(**variables: str) -> Iterator[None]:
    """While active, processes that are started get these variables and no passphrase."""
    wanted: dict[str, str | None] = dict(variables)
    wanted |= {name: None for name in os.environ if name.startswith(_PASSPHRASES)}
    before = {name: os.environ.get(name) for name in wanted}
    _set(wanted)
    try:
        yield
    finally:
        _set(before)


def _set(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


def command(arguments: Sequence[str], *, folder: Path, errors: Path, variables: Mapping[str, str]) -> Started:
    """A Python module as a process with a group of its own, which a terminal's Ctrl-C does not reach.

    ``arguments``: the module and its own arguments. Its output comes through a pipe, and what it says on stderr is added
    to the file ``errors``. It gets these variables and no passphrase of this process.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith(_PASSPHRASES)}
    with errors.open("ab") as sink:
        return subprocess.Popen(  # noqa: S603 - this very interpreter, and a module of ours
            [sys.executable, "-P", "-m", *arguments],
            cwd=folder,
            env=kept | dict(variables),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=sink,
            text=True,
            start_new_session=True,
        )


def call(arguments: Sequence[str], *, variables: Mapping[str, str], wait_s: float) -> int:
    """Run somebody else's program, without a shell, and wait; its exit code.

    It gets these variables and no other, nothing on stdin, and what it says is read by nobody.

    Raises:
        OSError: it cannot be started.
        TimeoutError: it ran for longer, and was killed with all that it started.
    """
    process = subprocess.Popen(  # noqa: S603 - no shell, and words that the machine's operator wrote
        list(arguments),
        cwd="/",
        env=dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return process.wait(wait_s)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)  # the group that start_new_session made, of which it is the first
        process.wait()
        raise TimeoutError from None


def end(processes: Sequence[Started], *, wait_s: float, kill_s: float) -> None:
    """Tell these processes to stop, and wait together; whichever does not is killed.

    No other process is touched.
    """
    running = [process for process in processes if process.poll() is None]
    for process in running:
        process.terminate()
    until = time.monotonic() + wait_s
    for process in running:
        try:
            process.wait(max(0.1, until - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(kill_s)
