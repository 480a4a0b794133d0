"""The one style of tables.

Headings are bold, there are no lines, numbers stand to the right, and nothing is cut short.
"""

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

from coffer.visible import visible

if TYPE_CHECKING:
    import rich.table


class Table:
    """Rows under headings; without headings, rows of a name and its value.

    Each cell is written as ``visible`` writes it: a line end in a cell would look like another row.
    ``numbers``: headings of columns whose cells stand to the right; ``whole``: of those that keep their width on a narrow screen.
    A heading may stand for several columns, or be empty.
    """

    def __init__(self, *heads: str, numbers: Collection[str] = (), whole: Collection[str] = ()) -> None:
        self._heads, self._numbers, self._whole = heads, numbers, whole
        self._rows: list[Sequence[str]] = []

    def add_row(self, *cells: str) -> None:
        """A row, as many cells as the others have."""
        self._rows.append([visible(cell) for cell in cells])

    def lines(self, width: int, *, has_bold: bool) -> list[str] | None:
        """The table's lines, as the library draws them; None if it does not fit or is not all ASCII."""
        shown = [self._heads, *self._rows] if self._heads else self._rows
        if not self._rows or not all(cell.isascii() for row in shown for cell in row):
            return None
        if len({len(row) for row in shown}) > 1 or not shown[0]:
            return None
        least = 1 if len(shown[0]) == 1 else 0  # the library makes no table without a column
        widths = [max(least, *map(len, column)) for column in zip(*shown, strict=True)]
        if sum(widths) + 2 * (len(widths) - 1) > width:
            return None
        heads = self._heads or ("",) * len(widths)
        lines = []
        for number, row in enumerate(shown):
            is_head = bool(self._heads) and number == 0
            cells = []
            for place, (cell, head, size) in enumerate(zip(row, heads, widths, strict=True)):
                padded = cell.rjust(size) if head in self._numbers else cell.ljust(size)
                is_bold = has_bold and (is_head or not (self._heads or place))
                cells.append(f"\x1b[1m{padded}\x1b[0m" if is_bold else padded)
            lines.append("  ".join(cells))
        return lines

    def __rich__(self) -> "rich.table.Table":
        """As the library that prints it takes it, which is loaded only now."""
        from rich.table import Table as Drawn  # noqa: PLC0415 - reading it takes longer than many commands

        drawn = Drawn(box=None, pad_edge=False, header_style="bold", show_header=bool(self._heads))
        width = len(self._heads) or max((len(row) for row in self._rows), default=0)
        for place in range(width):
            head = self._heads[place] if self._heads else ""
            is_whole = head in self._whole
            longest = max((len(row[place]) for row in self._rows), default=0) if is_whole else None
            drawn.add_column(
                head,
                justify="right" if head in self._numbers else "left",
                style=None if self._heads or place else "bold",
                overflow="fold",
                no_wrap=is_whole,
                min_width=longest,
            )
        for row in self._rows:
            drawn.add_row(*row)
        return drawn
