"""How a command speaks with the agent of its session, and starts one."""

import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from coffer import wire
from coffer.agent.peers import FOLDER, RUNTIME, SOCKET, agent_folder, is_of_user, is_private, verify_private
from coffer.agent.protocol import (
    DONE,
    HELD,
    MAX_HELD,
    SECRET_BYTES,
    Get,
    Hold,
    Lock,
    Request,
    Status,
    Told,
    format_request,
    parse_status,
)
from coffer.errors import MalformedInput, NotProven, Refused, Unavailable
from coffer.notes.keyfile import StretchedKey
from coffer.notes.keys import Secret

_PATIENCE_S: Final = 3.0
"""An agent answers within a millisecond. A command does not wait longer for one that stands still."""
_MAX_ANSWER_BYTES: Final = 2**20
_START_S: Final = 20.0


def held_key(raw: bytes) -> StretchedKey | None:
    """What an agent of this session holds for a key file.

    None if there is no agent, it does not hold this file, or it does not answer as one: then the passphrase is asked for.
    """
    runtime, user = os.environ.get(RUNTIME, ""), os.getuid()
    try:
        if not is_private(Path(runtime).lstat(), user) or not is_private((Path(runtime) / FOLDER).lstat(), user):
            return None
        file = wire.digest(raw)
        answer = _asked(Path(runtime) / FOLDER / SOCKET, Get(file=file))
    except (OSError, MalformedInput, NotProven):
        return None
    if len(answer) != len(HELD) + SECRET_BYTES or not answer.startswith(HELD):
        return None
    return StretchedKey(secret=Secret(answer[len(HELD) :], "stretched key"), file=file)


def verify_session() -> None:
    """That this session has a place for an agent. Whoever asks a person for a passphrase looks first.

    Raises:
        Unavailable: it has none.
    """
    agent_folder(os.environ.get(RUNTIME, ""))


def hold(key: StretchedKey, *, label: str, idle_s: int, life_s: int) -> None:
    """Give an agent a key to hold; one is started if there is none.

    Raises:
        Unavailable: this session has no place for an agent, or it does not answer.
        NotProven: another user listens there.
        Refused: it holds as many as it can.
    """
    path = _made_folder() / SOCKET
    with _alone(path.parent):
        if not _is_listening(path):
            _start(path)
    request = Hold(file=key.file, label=label, idle_s=idle_s, life_s=life_s)
    answer = _answered(path, request, key.secret.unsafe_bytes())
    if answer != DONE:
        raise Refused(
            f"agent: does not take it, expected at most {MAX_HELD} key files", code="form", hint="coffer lock"
        )


def status() -> Told | None:
    """What the agent of this session holds; None if there is none. Raises as ``hold``."""
    path = agent_folder(os.environ.get(RUNTIME, "")) / SOCKET
    try:
        return parse_status(_answered(path, Status())) if _is_listening(path) else None
    except _Ended:
        return None


def lock() -> bool:
    """End the agent of this session; whether there was one. Raises as ``hold``."""
    path = agent_folder(os.environ.get(RUNTIME, "")) / SOCKET
    try:
        if not _is_listening(path):
            return False
        if _answered(path, Lock()) != DONE:
            raise Unavailable("agent: did not lock", hint="end its process: it is called coffer.agent")
    except _Ended:
        return False
    return True


class _Ended(Unavailable):
    """The agent ended just now, as it does when nobody used it."""


def _made_folder() -> Path:
    folder = agent_folder(os.environ.get(RUNTIME, ""))
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
    except OSError as error:
        raise Unavailable(f"agent: {folder.name}: {error.strerror}", hint=f"look at {RUNTIME}") from None
    verify_private(folder)
    return folder


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Start an agent alone: two commands at once would start two, of which one is never reached."""
    from coffer.disk import Disk  # noqa: PLC0415 - only what starts an agent locks

    with Disk().locked(folder / "lock", what="agent", wait_s=_START_S, busy=_STARTING):
        yield


_STARTING: Final = ("another command starts it", "run the command again")


def _is_listening(path: Path) -> bool:
    """Whether anybody does; a socket that a killed agent left behind has nobody."""
    try:
        if not stat.S_ISSOCK(path.lstat().st_mode):
            return False
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
            probe.settimeout(_PATIENCE_S)
            probe.connect(str(path))
    except (FileNotFoundError, ConnectionRefusedError):
        return False
    except OSError as error:
        raise Unavailable(f"agent: {error.strerror or 'does not answer'}", hint="coffer lock") from None
    return True


def _start(path: Path) -> None:
    from coffer.children import command  # noqa: PLC0415 - only what starts one

    process = command(["coffer.agent", str(path)], folder=Path("/"), errors=Path(os.devnull), variables={})
    assert process.stdout is not None, "its output comes through a pipe"
    if process.stdout.readline() != "listening\n":
        raise Unavailable("agent: does not start", hint=f"is the path of {RUNTIME} longer than a socket's may be?")
    process.stdout.close()
    process.returncode = 0  # it goes on after this command, which does not wait for it


def _answered(path: Path, request: Request, secret: bytes = b"") -> bytes:
    try:
        return _asked(path, request, secret)
    except (ConnectionError, FileNotFoundError):
        raise _Ended("agent: ended just now", hint="run the command again") from None
    except OSError as error:
        raise Unavailable(f"agent: {error.strerror or 'does not answer'}", hint="coffer lock, then again") from None


def _asked(path: Path, request: Request, secret: bytes = b"") -> bytes:
    """What the agent answers. Nothing is said to a process of another user.

    Raises:
        OSError: nobody listens, or the answer is late.
        NotProven: another user listens there.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        connection.settimeout(_PATIENCE_S)
        connection.connect(str(path))
        if not is_of_user(connection, os.getuid()):
            raise NotProven("agent: another user listens at its socket", hint=f"look at {RUNTIME}: nothing was sent")
        connection.sendall(format_request(request) + secret)
        connection.shutdown(socket.SHUT_WR)
        answer = bytearray()
        while part := connection.recv(65_536):
            answer += part
            if len(answer) > _MAX_ANSWER_BYTES:
                raise TimeoutError("answers without an end")
        if not answer:
            raise ConnectionResetError("ended")
        return bytes(answer)
