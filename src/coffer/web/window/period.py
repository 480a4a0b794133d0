"""The period of a transparency report, as its form asks for it. Pure."""

import datetime as dt
from collections.abc import Mapping

from coffer import wire
from coffer.errors import MalformedInput
from coffer.web.window.reading import Known


def parse_period(query: Mapping[str, str], known: Known) -> tuple[dt.date, dt.date]:
    """The first and the last day (UTC).

    They are those of the fields ``from`` and ``to``, else all days that the log has.

    Raises:
        MalformedInput: a field is no day, or the last is before the first.
    """
    first, last = query.get("from", ""), query.get("to", "")
    begins = wire.parse_day(first, "from") if first else (known.times[0] or known.state.newest).date()
    ends = wire.parse_day(last, "to") if last else known.state.newest.date()
    if begins > ends:
        raise MalformedInput("from: later than to")
    return begins, ends
