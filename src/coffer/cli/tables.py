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
