"""What the command prints: results on stdout, errors and hints on stderr."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper
from typing import TYPE_CHECKING

from coffer_audit.errors import Unavailable
from coffer_audit.visible import write_visibly

if TYPE_CHECKING:
    from coffer_audit.errors import AuditError


def print_result(text: str) -> int:
    """Print on stdout and flush it; give the exit code if that fails, else 0."""
    try:
        print(text, end="", flush=True)
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # so that nothing is left to flush at the end
        if isinstance(error, BrokenPipeError):  # the program that read the report has ended
            return Unavailable.exit_code
        return tell(Unavailable(f"output: {error.strerror}"))
    return 0


def make_visible(text: str) -> str:
    """Give our lines with every misleading character of a stranger written out."""
    return "\n".join(map(write_visibly, text.split("\n")))


def tell(error: AuditError) -> int:
    """Print an error with its hints; give its exit code."""
    print(f"coffer-audit: {write_visibly(str(error))}", file=sys.stderr)
    for hint in error.hint.splitlines():
        print(f"coffer-audit: hint: {write_visibly(hint)}", file=sys.stderr)
    return error.exit_code


def prepare_outputs() -> None:
    """Make outputs write out characters that their encoding lacks; send closed ones to nowhere."""
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this output's
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, os.fdopen(number, "w" if number else "r", encoding="utf-8", closefd=False))
        elif number and isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="coffer_audit.visible")
