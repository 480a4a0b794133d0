"""The screen: lines as ``visible`` writes them, and tables.

What fits is written here. What must be folded to fit is drawn by a library, whose loading and drawing took 40 ms of
every command that shows a table.
"""

import os
import shutil
import sys
from functools import cached_property
from typing import TYPE_CHECKING

from coffer.visible import visible

if TYPE_CHECKING:
    from rich.console import Console

    from coffer.cli.tables import Table


class Screen:
    """Prints on stdout, or on stderr.

    ``width``: columns; None for those of the terminal.
    """

    def __init__(self, *, stderr: bool = False, width: int | None = None) -> None:
        self._is_stderr, self._width = stderr, width
        self._is_terminal = not stderr and sys.stdout.isatty()
        # Colours that somebody forces, or a terminal that says so itself, are the library's business.
        self._is_ours = not stderr and not {"FORCE_COLOR", "TTY_COMPATIBLE"} & os.environ.keys()
        self._has_bold = self._is_terminal and os.environ.get("TERM", "").lower() not in ("dumb", "unknown")

    @property
    def width(self) -> int:
        """Columns that a line may have."""
        if self._width is None and self._is_ours:
            return shutil.get_terminal_size().columns
        return self._library.width if self._width is None else self._width

    def print(self, item: "str | Table", *, soft_wrap: bool = False) -> None:
        """A text on a line of its own, or a table.

        Where the output is no terminal, no line of a table ends in blanks. ``soft_wrap``: a text is not cut where the
        screen ends.
        """
        if isinstance(item, str):
            drawn = visible(item)
            lines = [drawn] if soft_wrap or (len(drawn) <= self.width and drawn.isascii()) else None
        else:
            lines = item.lines(self.width, has_bold=self._has_bold)
        if not self._is_ours or lines is None:
            if isinstance(item, str) or self._library.is_terminal:
                self._library.print(visible(item) if isinstance(item, str) else item, soft_wrap=soft_wrap)
                return
            with self._library.capture() as drawing:
                self._library.print(item)
            lines = drawing.get().removesuffix("\n").split("\n")
        if not (isinstance(item, str) or self._is_terminal):  # in a file, a table's padding is in the way
            lines = [line.rstrip(" ") for line in lines]
        stream = sys.stderr if self._is_stderr else sys.stdout
        try:
            stream.write("".join(f"{line}\n" for line in lines))
            stream.flush()
        except BrokenPipeError:  # whoever read it has ended, and wants no more
            os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
            raise SystemExit(1) from None

    @cached_property
    def _library(self) -> "Console":
        from rich.console import Console  # noqa: PLC0415 - only what must be folded pays for it

        return Console(stderr=self._is_stderr, highlight=False, markup=False, emoji=False, width=self._width)
