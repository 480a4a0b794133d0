"""An answer's folder, as commands read it, and what the vault's log said when it was opened."""

from pathlib import Path

from coffer.cli.console import read_file
from coffer.disclosure.package import MAX_FILES, MAX_PACKAGE_BYTES
from coffer.disclosure.verified import ANSWER_PATH, Disclosure
from coffer.errors import MalformedInput, Unavailable
from coffer.ledger.state import State
from coffer.vault.folder import Vault


def states_of(vault: Vault, disclosure: Disclosure) -> tuple[State, State]:
    """What the vault's log said at the intent and at the close."""
    states = []
    for size in (disclosure.intent.index, disclosure.close.index + 1):
        state = State.empty(origin=vault.pins.origin, genesis=vault.pins.genesis)
        for start in range(0, size, 256):
            state.apply_all(vault.log.entries(start, min(start + 256, size)))
        states.append(state)
    return states[0], states[1]


def read_answer(folder: Path) -> dict[str, bytes]:
    """Every file that belongs to an answer; others in its folder are passed over."""
    if not folder.is_dir():
        raise MalformedInput(f"{folder.name}: no such folder", hint="give the folder that coffer open wrote")
    try:
        paths = {path.relative_to(folder).as_posix(): path for path in sorted(folder.rglob("*"))}
        wanted = {name: path for name, path in paths.items() if ANSWER_PATH.fullmatch(name) and path.is_file()}
        size = sum(path.stat().st_size for path in wanted.values())
    except OSError as error:
        raise Unavailable(f"{folder.name}: {error.strerror}") from error
    if len(wanted) > MAX_FILES or size > MAX_PACKAGE_BYTES:
        raise MalformedInput(f"{folder.name}: {len(wanted)} files of {size} bytes, more than an answer has")
    return {name: read_file(str(path)) for name, path in wanted.items()}
