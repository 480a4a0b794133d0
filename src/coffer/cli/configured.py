"""The settings of this machine: found, read, and made the defaults of commands.

The file is named by ``--config``, else by ``COFFER_CONFIG`` (empty: none), else it is ``/etc/coffer/coffer.toml`` if
that is there. None is looked for in the current folder, into which strangers' files may be delivered.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import click

from coffer.cli.console import read_file, speak

if TYPE_CHECKING:
    from coffer.cli.settings import Resolved, Value

USUAL: Final = Path("/etc/coffer/coffer.toml")
VARIABLE: Final = "COFFER_CONFIG"


@dataclass(frozen=True, slots=True, kw_only=True)
class Configured:
    """The file that was read, None if there is none, and every setting."""

    file: Path | None
    settings: "tuple[Resolved, ...]"


def configure(context: click.Context, file: str | None) -> None:
    """Make what is set the defaults of the command that runs, and speak in the set format.

    Raises:
        MalformedInput: the file or a variable is not as its page says, or the named file is not there.
    """
    speak(is_json=False)
    if file is None and not (_usual_file() or any(map(_may_set, os.environ))):
        return  # most commands on most machines, which then need not read the list of settings
    from coffer.cli.settings import defaults_of  # noqa: PLC0415 - as above

    read = read_settings(file)
    context.default_map = defaults_of(read.settings)
    is_json = any(one.setting.name == "log.format" and one.value == "json" for one in read.settings)
    speak(is_json=is_json, command=context.invoked_subcommand or "")


def read_settings(file: str | None) -> Configured:
    """Every setting as file and environment say. Raises as ``configure``."""
    from coffer.cli.settings import parse_environment, parse_file, resolve  # noqa: PLC0415 - most commands need none

    named = os.environ.get(VARIABLE) if file is None else file
    path = Path(named) if named else _usual_file() if named is None else None
    values: Mapping[str, Value] = {}
    if path is not None:
        folder = path.absolute().parent
        values = parse_file(read_file(str(path)), path.name, absolute=lambda name: str(folder / name))
    return Configured(file=path, settings=resolve(values, parse_environment(os.environ)))


def _may_set(variable: str) -> bool:
    return variable.startswith("COFFER_") and not variable.startswith("COFFER_PASSPHRASE")


def _usual_file() -> Path | None:
    return USUAL if USUAL.is_file() else None
