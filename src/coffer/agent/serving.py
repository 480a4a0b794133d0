"""An agent at work: it answers one process after the other, and ends when it holds nothing any more."""

import os
import socket
import time
from contextlib import suppress
from pathlib import Path
from typing import Final

from coffer.agent.holdings import Holdings
from coffer.agent.memory import SecretMemory
from coffer.agent.peers import is_of_user
from coffer.agent.protocol import (
    DONE,
    FULL,
    HELD,
    MAX_LINE_BYTES,
    NONE,
    REFUSED,
    Get,
    Hold,
    Lock,
    Request,
    Status,
    Told,
    format_status,
    parse_request,
)
from coffer.errors import MalformedInput

_LOOK_S: Final = 5.0
"""So often an agent looks whether its socket is still there: the folder goes when its user logs out."""
_FIRST_S: Final = 30.0
"""For the first key file to arrive. An agent that nobody gives any ends."""
_PATIENCE_S: Final = 2.0
"""For a request to arrive and an answer to be taken, so that a process that stands still holds nobody up for long."""


def clock() -> float:
    """Seconds since the machine began, sleep included: a lid that is closed for the night locks."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class Agent:
    """The agent behind a socket. One thread; nothing it does waits long."""

    def __init__(self, listener: socket.socket, path: Path) -> None:
        self._listener = listener
        self._path = path
        self._own = path.lstat()
        self._memory = SecretMemory()
        self._holdings = Holdings()
        self._began = clock()
        self._has_held = False
        self._is_over = False

    def serve(self) -> None:
        """Answer until nothing is held, somebody says ``lock``, or the socket is gone."""
        try:
            while not self._is_over:
                self._listener.settimeout(self._wait())
                with suppress(TimeoutError):
                    connection, _ = self._listener.accept()
                    with connection:
                        connection.settimeout(_PATIENCE_S)
                        with suppress(OSError, MalformedInput):  # whoever asked ended, or asked for nothing that exists
                            self._answer(connection)
                self._tidy()
        finally:
            self._end()

    def _end(self) -> None:
        """Forget everything, and let nobody connect any more."""
        self._is_over = True
        self._memory.wipe_all()
        if self._is_here():
            self._path.unlink()
        self._listener.close()

    def _wait(self) -> float:
        end = self._holdings.next_end()
        return _LOOK_S if end is None else min(_LOOK_S, max(0.01, end - clock()))

    def _tidy(self) -> None:
        self._forget_ended()
        is_waiting = not self._has_held and clock() < self._began + _FIRST_S
        if (not len(self._holdings) and not is_waiting) or not self._is_here():
            self._is_over = True

    def _forget_ended(self) -> None:
        for slot in self._holdings.forget_ended(clock()):
            self._memory.wipe(slot)

    def _is_here(self) -> bool:
        """Whether the socket at its path is still this one."""
        try:
            there = self._path.lstat()
        except OSError:
            return False
        return (there.st_dev, there.st_ino) == (self._own.st_dev, self._own.st_ino)

    def _answer(self, connection: socket.socket) -> None:
        if not is_of_user(connection, os.getuid()):
            connection.sendall(REFUSED)
            return
        self._forget_ended()  # before anything is given
        match _received(connection):
            case Get() as get:
                slot = self._holdings.use(get.file, clock())
                if slot is None:
                    connection.sendall(NONE)
                else:
                    connection.sendall(HELD)
                    connection.sendall(self._memory.slot(slot))
            case Hold() as hold:
                self._hold(connection, hold)
            case Status():
                lines = tuple(self._holdings.status(clock()))
                connection.sendall(format_status(Told(lines=lines, is_locked=self._memory.is_locked)))
            case Lock():
                self._end()
                connection.sendall(DONE)

    def _hold(self, connection: socket.socket, hold: Hold) -> None:
        """Take a secret straight into the memory that is kept for it."""
        slot = self._holdings.add(hold, clock())
        if slot is None:
            connection.sendall(FULL)
            return
        try:
            _receive_into(connection, self._memory.slot(slot))
        except OSError:
            self._holdings.forget(hold.label)
            self._memory.wipe(slot)
            raise
        self._has_held = True
        connection.sendall(DONE)


def _received(connection: socket.socket) -> Request:
    """A request. What follows its line is left in the socket."""
    line = bytearray()
    while not line.endswith(b"\n"):
        byte = connection.recv(1)  # one at a time, so that no byte of a secret lands here
        if not byte or len(line) >= MAX_LINE_BYTES:
            raise MalformedInput("agent: a request without an end")
        line += byte
    return parse_request(bytes(line))


def _receive_into(connection: socket.socket, target: memoryview) -> None:
    done = 0
    while done < len(target):
        count = connection.recv_into(target[done:])
        if not count:
            raise ConnectionError("ended early")
        done += count


def listen(path: Path) -> socket.socket:
    """A socket at a path where none listens.

    The caller holds the folder's lock, and the folder is private.
    """
    with suppress(FileNotFoundError):
        path.unlink()
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    listener.bind(str(path))
    path.chmod(0o600)
    listener.listen(16)
    return listener
