"""Signed texts as files.

One that a mail program changed is put back, and copies that were signed apart are one.
"""

from collections.abc import Sequence
from pathlib import Path

from coffer.authority.amended import amended_bytes
from coffer.authority.hold import Hold, Requested, parse_hold
from coffer.cli.console import read_file, say
from coffer.disk import Disk
from coffer.errors import Refused
from coffer.notes.mailed import unmailed
from coffer.notes.note import join_notes, parse_note
from coffer.vault.folder import Vault


def read_note(name: str) -> bytes:
    """A signed text, with the line ends that it was signed with.

    Says so if a mail program had changed them.
    """
    raw = read_file(name)
    note = unmailed(raw)
    if note != raw:
        say(f"{Path(name).name}: its line ends were changed on the way, and are put back; the signatures decide")
    return note


def read_notes(names: Sequence[str]) -> tuple[bytes, str]:
    """Copies of one signed text, each perhaps signed by others, as one note; and what to call it."""
    place = Path(names[0]).name
    if len(names) == 1:
        return read_note(names[0]), place
    notes = [parse_note(read_note(name), Path(name).name, has_letters=True) for name in names]
    return join_notes(notes, place).raw, place


def hold_of(vault: Vault, raw: bytes, place: str) -> Hold:
    """The hold in a note, of this vault.

    Raises:
        MalformedInput: it is none.
        Refused: it was written for another vault.
    """
    hold = parse_hold(raw, place)
    if hold.terms.origin != vault.pins.origin:
        raise Refused(f"{place}: written for another vault", code="scope", hint=f"this vault is {vault.pins.origin}")
    return hold


def write_notes(path: Path, made: Sequence[Requested], name: str) -> list[str]:
    """Write the notes that one order needs: one file, or a folder of numbered ones; their names."""
    if len(made) == 1:
        Disk().write(path, made[0].note.raw, private=True)
        return [path.name]
    notes = {f"{name}-{number:02d}.note": one.note.raw for number, one in enumerate(made, 1)}
    Disk().write_folder(path, notes)
    return [f"{path.name}/{file}" for file in notes]


def read_amended(names: Sequence[str]) -> bytes:
    """Copies of a request as one, with the amendment among them behind it."""
    return amended_bytes([(read_note(name), Path(name).name) for name in names])
