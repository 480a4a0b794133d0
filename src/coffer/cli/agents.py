"""What an agent of the session holds, for the commands that would ask for a passphrase."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from coffer.cli.console import operator_passphrase

if TYPE_CHECKING:
    from coffer.notes.keyfile import Opener, StretchedKey


def held_for(key_file: Path) -> "StretchedKey | None":
    """What an agent of this session holds for a key file; None if there is none or it holds nothing."""
    runtime = os.environ.get("XDG_RUNTIME_DIR", "")
    if not runtime or not Path(runtime, "coffer", "agent").exists():
        return None
    from coffer.agent.client import held_key  # noqa: PLC0415 - only where an agent is

    try:
        raw = key_file.read_bytes()
    except OSError:  # whoever opens it will say so
        return None
    return held_key(raw)


def operator_opener(vault: Path) -> "Opener | None":
    """What opens the operator's keys, where they are sealed: the variable, or what an agent holds."""
    return operator_passphrase() or held_for(vault / "operator" / "keys")
