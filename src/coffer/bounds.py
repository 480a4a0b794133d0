"""Bounds and names that several packages must agree on, each stated once."""

import datetime as dt
from typing import Final

MAX_ROWS: Final = 2**28
"""Rows of one segment, and of a draw.

With more, the advantage of telling the PRF from chance would no longer be negligible.
"""
SECONDS_PER_DAY: Final = 86_400
"""Seconds of a UTC day as files count them: a leap second has no number of its own."""
FUTURE: Final = dt.timedelta(days=1)
"""Clocks of switches may be ahead, or in another zone than the feed says. More than a day ahead is certainly wrong."""
LOOPBACK: Final = ("127.0.0.1", "localhost", "::1")
"""The names that people write for their own machine. Plain http is allowed only to these."""
