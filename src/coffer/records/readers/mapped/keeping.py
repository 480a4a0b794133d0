"""Where rows go whose columns were read: to the account of their file as they are. Pure."""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt

from coffer.records.readers.account import Page
from coffer.records.readers.mapped.columns import MappedColumns

I64 = npt.NDArray[np.int64]
Give = Callable[[MappedColumns, I64], None]
"""Takes the columns of some rows, and their lines."""


def keep_mapped(page: Page) -> Give:
    """Each row is a record of its own."""

    def give(columns: MappedColumns, numbers: npt.NDArray[np.int64]) -> None:
        draft = columns.draft(numbers)
        for word, count in columns.skipped.items():
            page.skip(word, count)
        page.assumed.update(columns.assumed)
        page.keep(draft, columns.is_ambiguous)

    return give
