"""Where an agent listens, and who is at the other end of its socket."""

import os
import socket
import stat
import struct
from pathlib import Path
from typing import Final

from coffer.errors import Unavailable

RUNTIME: Final = "XDG_RUNTIME_DIR"
FOLDER: Final = "coffer"
SOCKET: Final = "agent"
_CREDENTIALS: Final = struct.Struct("=iII")
"""struct ucred of unix(7): process, user, group."""


def agent_folder(runtime: str) -> Path:
    """The folder of the agent's socket, in the folder that the session has for such things.

    Raises:
        Unavailable: there is no such folder, or others can write to it.
    """
    if not runtime or not Path(runtime).is_absolute():
        raise Unavailable(
            f"agent: {RUNTIME} is not set, so that this session has no folder for sockets",
            hint="it is set where you log in by systemd or elogind; without it the passphrase is asked for each time",
        )
    verify_private(Path(runtime))
    return Path(runtime) / FOLDER


def verify_private(folder: Path) -> None:
    """That a folder is this user's, and nobody else's.

    Raises:
        Unavailable: it is not.
    """
    try:
        there = folder.lstat()
    except OSError as error:
        raise Unavailable(f"agent: {folder}: {error.strerror}", hint=f"look at {RUNTIME}") from None
    if not is_private(there, os.getuid()):
        raise Unavailable(
            f"agent: {folder}: not a folder of this user alone", hint=f"look at {RUNTIME}: is it another user's?"
        )


def is_private(there: os.stat_result, user: int) -> bool:
    """Whether that is a folder which only this user can look into."""
    return stat.S_ISDIR(there.st_mode) and there.st_uid == user and not there.st_mode & 0o077


def is_of_user(connection: socket.socket, user: int) -> bool:
    """Whether the process at the other end was this user's when it connected, or when it began to listen.

    The system says so, not the process. Where the system does not tell, nobody is.
    """
    if not hasattr(socket, "SO_PEERCRED"):
        return False
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
    return bool(_CREDENTIALS.unpack(raw)[1] == user)
