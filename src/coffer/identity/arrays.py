"""The types of arrays in which columns of identities are processed."""

from typing import Final

import numpy as np
import numpy.typing as npt

U64 = npt.NDArray[np.uint64]
U8 = npt.NDArray[np.uint8]

POWERS_OF_TEN: Final[U64] = 10 ** np.arange(20, dtype=np.uint64)
