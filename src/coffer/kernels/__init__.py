"""Compiled kernels: the passes over rows and lines that take most of an ingest's time.

``sealing`` holds those of ``coffer.segments.fused``, ``lines`` those of ``coffer.procedures.ingest.fused``. Both are
None where nothing was compiled, or where COFFER_PURE is 1: then the same is done without them, several times slower.
Both ways give the same, which tests compare.

Promises: each index is checked against its array, so that no input reads or writes beside one. Knows nothing of keys,
files or people, and imports nothing of coffer. Trusts: the compiler.
"""

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from coffer.kernels import _lines as lines
    from coffer.kernels import _sealing as sealing
elif os.environ.get("COFFER_PURE") == "1":
    lines = sealing = None
else:
    try:
        from coffer.kernels import _lines as lines
        from coffer.kernels import _sealing as sealing
    except ImportError:  # no compiler was there when this was installed
        lines = sealing = None
