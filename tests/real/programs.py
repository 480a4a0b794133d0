"""Starting real programs for a test: on 127.0.0.1 only, for a bounded time, and ended by their own process id."""

import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

PATIENCE_S = 30


def free_port(kind: int = socket.SOCK_DGRAM) -> int:
    """A port that nobody has now; another could take it before the program does, which then fails loudly."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(command: Sequence[str], output: Path) -> Iterator[subprocess.Popen]:
    """A program with its children in a group of its own, which is ended when the block is left; what it says goes to ``output``."""
    with output.open("wb") as out:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT, start_new_session=True
        )
        try:
            yield process
        finally:
            for sign in (signal.SIGTERM, signal.SIGKILL):
                try:
                    os.killpg(process.pid, sign)
                    process.wait(10)
                except ProcessLookupError:
                    break
                except subprocess.TimeoutExpired:
                    continue
            process.wait(10)


def until(is_so, what: str) -> None:
    """Wait until ``is_so()``, at most ``PATIENCE_S``."""
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end, f"{what}: not within {PATIENCE_S} s"
        time.sleep(0.1)
