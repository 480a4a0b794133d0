"""FreeSWITCH's JSON records that are one line of plain text each, read faster. Pure.

Whatever is not plainly understood is left to the strict parser of ``freeswitch``, which finds the same in plain ones.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import chain, repeat
from operator import attrgetter
from typing import Final

import msgspec

from coffer.records.readers.calls.freeswitch_calls import PROFILE, VARIABLES, Values, newest_first

_Variables: Final = msgspec.defstruct("_Variables", [(name, str, "") for name in VARIABLES], gc=False)
_Profile: Final = msgspec.defstruct("_Profile", [(name, str, "") for name in PROFILE], gc=False)
_of_variables: Final[Callable[[object], Values]] = attrgetter(*VARIABLES)
_of_profile: Final[Callable[[object], Values]] = attrgetter(*PROFILE)
_TO: Final = PROFILE.index("destination_number")
_NOTHING: Final = ("",) * len(PROFILE)
_NO_VARIABLES: Final = ("",) * len(VARIABLES)
_MAX_LINES: Final = 256
"""Lines that are parsed at once: about one megabyte, which stays in the cache."""


class _Flow(msgspec.Struct, gc=False):
    """Of an entry in ``callflow`` what is wanted."""

    profile_index: str = ""
    caller_profile: _Profile | None = None  # type: ignore[valid-type]


class _Document(msgspec.Struct, gc=False):
    """Of a record what is wanted; text alone, so that whatever else stands there is left to ``json``."""

    variables: _Variables | None = None  # type: ignore[valid-type]
    callflow: list[_Flow] | _Flow = []


_PLAIN: Final = msgspec.json.Decoder(_Document)
"""Checks a whole record as strictly as ``json``, and makes values only of what is wanted: five times as fast."""


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Plain:
    """Records one after the other: where each begins, and its values.

    What follows them begins at ``end``.
    """

    places: list[int]
    values: list[Values]
    end: int


def plain_records(buffer: bytes, at: int, limit: int) -> Plain:
    """The next records that are one line each and whose wanted values are ASCII text.

    ``json`` reads the same in them. The first record that it may read in another way ends the run. ``limit``: bytes of
    a record. More and more lines are parsed at once as long as all of them are plain, so that one that is not costs no
    more than the lines before it.
    """
    places: list[int] = []
    values: list[Values] = []
    view, count = memoryview(buffer), 1
    while ends := _lines(buffer, at, count, limit):
        found = _together(buffer, view, at, ends)
        count = min(2 * count, _MAX_LINES) if found else 1
        found = found or _one_by_one(view, at, ends)
        values += found
        places += [at, *ends[:-1]][: len(found)]
        if len(found) < len(ends):
            return Plain(places=places, values=values, end=ends[len(found) - 1] if found else at)
        at = ends[-1]
    return Plain(places=places, values=values, end=at)


def _lines(buffer: bytes, at: int, count: int, limit: int) -> list[int]:
    """Where each of the next lines ends, up to ``count`` of them.

    They begin an object and keep to the ``limit``.
    """
    ends: list[int] = []
    while len(ends) < count and buffer.startswith(b"{", at) and (end := buffer.find(b"\n", at, at + limit)) >= 0:
        at = end + 1
        ends.append(at)
    return ends


def _together(buffer: bytes, view: memoryview, at: int, ends: list[int]) -> list[Values]:
    """The wanted values of each line; nothing if one of them is not plain.

    Each line ends as an object does. Then a line end within a value is an error: only between two values does a brace
    follow a brace. So as many values as lines are one a line.
    """
    if not all(map(buffer.endswith, repeat((b"}\n", b"}\r\n")), repeat(at), ends)):
        return []
    try:
        found = [_values_within(document) for document in _PLAIN.decode_lines(view[at : ends[-1]])]
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return []
    return found if len(found) == len(ends) and "".join(chain.from_iterable(found)).isascii() else []


def _one_by_one(view: memoryview, at: int, ends: list[int]) -> list[Values]:
    """The wanted values of the lines before the first that is not plain."""
    found: list[Values] = []
    for start, end in zip([at, *ends], ends, strict=False):
        try:
            wanted = _values_within(_PLAIN.decode(view[start : end - 1]))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            break
        if not "".join(wanted).isascii():
            break
        found.append(wanted)
    return found


def _values_within(document: _Document) -> Values:
    """As ``values_of``."""
    variables = _NO_VARIABLES if document.variables is None else _of_variables(document.variables)
    flows = document.callflow if isinstance(document.callflow, list) else [document.callflow]
    profiles: Sequence[Values] = [
        _NOTHING if flow.caller_profile is None else _of_profile(flow.caller_profile) for flow in flows
    ]
    if len(profiles) > 1:
        profiles = newest_first(list(zip((flow.profile_index for flow in flows), profiles, strict=True)))
    first, newest = (profiles[-1], profiles[0]) if profiles else (_NOTHING, _NOTHING)
    return (*variables, *first, newest[_TO])
