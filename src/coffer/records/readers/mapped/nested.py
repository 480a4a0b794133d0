"""Values within structs and lists of Arrow columns, by the path that a feed names. Pure."""

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from coffer.errors import MalformedInput

EVERY = -1
"""The step ``[*]`` of a path (``mapping.parse_path``)."""
Steps = tuple[str | int, ...]


def kind_at(kind: pa.DataType, steps: Steps, place: str) -> pa.DataType:
    """The type of the single values at the end of a path, which begins within a column of this type.

    Raises:
        MalformedInput: the type has no such path.
    """
    for step in steps:
        is_list = pa.types.is_list(kind) or pa.types.is_large_list(kind)
        if isinstance(step, str) and pa.types.is_struct(kind) and kind.get_field_index(step) >= 0:
            kind = kind.field(step).type
        elif isinstance(step, int) and is_list:
            kind = kind.value_type
        else:
            raise MalformedInput(f"{place}: no such path in a column of type {kind}")
    return kind


def values_at(column: pa.Array, steps: Steps) -> pa.Array:
    """The values at the end of a path, null where there is none; lists of them if it has ``[*]``."""
    for at, step in enumerate(steps):
        if isinstance(step, str):
            column = pc.struct_field(column, step)
            continue
        lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy().astype(np.int64)
        begins = np.cumsum(lengths) - lengths
        values = column.flatten()
        if step == EVERY:
            offsets = pa.array(np.append(begins, lengths.sum()), pa.int32())
            return pa.ListArray.from_arrays(offsets, values_at(values, steps[at + 1 :]))
        column = values.take(_places(begins, lengths, step))
    return column


def _places(begins: npt.NDArray[np.int64], lengths: npt.NDArray[np.int64], step: int) -> pa.Array:
    is_there = lengths > step
    return pa.array(np.where(is_there, begins + step, 0), mask=~is_there)
