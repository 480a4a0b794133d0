"""Signed texts as files: copies that were signed apart are one."""

from collections.abc import Sequence
from pathlib import Path

from coffer.cli.console import read_file
from coffer.notes.note import join_notes, parse_note


def read_notes(names: Sequence[str]) -> tuple[bytes, str]:
    """Copies of one signed text, each perhaps signed by others, as one note; and what to call it."""
    place = Path(names[0]).name
    if len(names) == 1:
        return read_file(names[0]), place
    return join_notes(
        [parse_note(read_file(name), Path(name).name, has_letters=True) for name in names], place
    ).raw, place
