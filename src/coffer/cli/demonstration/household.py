"""The processes of the demonstration: started, watched and ended, and no process of anybody else."""

import queue
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from coffer import children
from coffer.errors import Unavailable

_COFFER: Final = "coffer.cli.leashed"
_START_S: Final = 120.0
"""For a server to say its address. On a busy machine a passphrase alone takes seconds."""
_STOP_S: Final = 15.0
_KILL_S: Final = 5.0
_LOOK_S: Final = 0.5
_LIVED_S: Final = 10.0
"""A server that ended after less is not started again: what ended it would end it again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class _Server:
    """``started``: on the monotonic clock."""

    process: children.Started
    arguments: tuple[str, ...]
    started: float


class Household:
    """The children of one demonstration.

    ``folder``: where commands run; what they say on stderr goes to its ``said``.
    """

    def __init__(self, folder: Path, variables: Mapping[str, str]) -> None:
        self._folder = folder
        self._variables = dict(variables)
        self._servers: dict[str, _Server] = {}

    def run(self, arguments: Sequence[str], *, expected: Sequence[int] = (0,)) -> str:
        """Run a command to its end; what it printed.

        Raises:
            Unavailable: it ended with another code than expected. The message has its last line.
        """
        errors = self._folder / "said"
        before = errors.stat().st_size if errors.exists() else 0
        process = children.command([_COFFER, *arguments], folder=self._folder, errors=errors, variables=self._variables)
        try:
            printed, _ = process.communicate()
        except BaseException:
            children.end([process], wait_s=_STOP_S, kill_s=_KILL_S)
            raise
        if process.returncode not in expected:
            said = errors.read_bytes()[before:].decode("utf-8", "replace").strip().splitlines()
            words = [line for line in said if line.startswith("coffer: ") and not line.startswith("coffer: hint:")]
            last = words[-1] if words else "coffer: it said nothing"
            what = " ".join(arguments[:2])
            raise Unavailable(f"demonstration: coffer {what}: {last.removeprefix('coffer: ')}", hint="look into said")
        return printed

    def serve(self, servers: Mapping[str, Sequence[str]]) -> None:
        """Start servers at once, each by its arguments, and wait until each says its address.

        Call it in the main thread: a server ends with the thread that started it.

        Raises:
            Unavailable: one ended instead, or says nothing.
        """
        said = {name: self._start(name, arguments) for name, arguments in servers.items()}
        for name, lines in said.items():
            try:
                first = lines.get(timeout=_START_S)
            except queue.Empty:
                first = ""
            if not first:
                raise Unavailable(f"demonstration: {name} did not start", hint=f"look into {name}.log")

    def _start(self, name: str, arguments: Sequence[str]) -> "queue.Queue[str]":
        process = children.command(
            [_COFFER, *arguments],
            folder=self._folder,
            errors=self._folder / f"{name}.log",
            variables=self._variables,
        )
        self._servers[name] = _Server(process=process, arguments=tuple(arguments), started=time.monotonic())
        lines: queue.Queue[str] = queue.Queue()
        threading.Thread(target=_drain, args=(process, lines), daemon=True).start()
        return lines

    def pids(self) -> dict[str, int]:
        """The running servers by name."""
        return {name: one.process.pid for name, one in self._servers.items() if one.process.poll() is None}

    def watch(
        self,
        stop: threading.Event,
        each: Callable[[], None] = lambda: None,
        say: Callable[[str], None] = lambda _: None,
    ) -> None:
        """Wait until ``stop`` is set, call ``each`` now and then, and start again a server that ended.

        As a service manager does on the parties' own machines. ``say``: is told of it.

        Raises:
            Unavailable: a server ended soon after its start, or does not start again.
        """
        while not stop.wait(_LOOK_S):
            for name, server in list(self._servers.items()):
                if server.process.poll() is None:
                    continue
                if time.monotonic() - server.started < _LIVED_S:
                    raise Unavailable(f"demonstration: {name} ended by itself", hint=f"look into {name}.log")
                say(f"{name} ended by itself (look into {name}.log), and is started again")
                self.serve({name: server.arguments})
            each()

    def end(self) -> None:
        """Tell every server to stop, and wait; one that does not is ended."""
        children.end([one.process for one in self._servers.values()], wait_s=_STOP_S, kill_s=_KILL_S)
        self._servers.clear()


def _drain(process: children.Started, lines: "queue.Queue[str]") -> None:
    """Read what a server prints, so that it never waits for a reader; an empty line says that it ended."""
    assert process.stdout is not None, "it was started with a pipe"
    with process.stdout as printed:
        for line in printed:
            lines.put(line)
    lines.put("")
