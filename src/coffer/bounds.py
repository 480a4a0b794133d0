"""Numbers that several rooms must agree on, each once."""

from typing import Final

MAX_ROWS: Final = 2**28
"""Rows of one segment, and of a draw: with more, the advantage of telling the PRF from chance would no longer be negligible."""
SECONDS_PER_DAY: Final = 86_400
"""Of a UTC day as files count it: leap seconds are none of their own."""
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
"""This machine under the names that people write: only there is plain http allowed."""
