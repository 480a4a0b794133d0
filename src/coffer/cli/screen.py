"""The library's console, which prints every line as ``visible`` writes it."""

from typing import Any

from rich.console import Console

from coffer.visible import visible


class Screen(Console):
    """Prints lines as ``visible`` writes them, and tables whose cells are."""

    def print(self, *objects: Any, **options: Any) -> None:  # noqa: ANN401 - as the library
        """As the library's, each text on a line of its own."""
        super().print(*(visible(item) if isinstance(item, str) else item for item in objects), **options)
