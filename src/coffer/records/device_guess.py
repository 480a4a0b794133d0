"""Columns of handsets and SIMs, guessed from their names; their values have to fit as well. Pure.

A handset of the wrong party would be a stranger's. So a column is taken only where its name, or a column of directions,
says whose it is; else a note says what to write.
"""

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from coffer.identity.mobile import HANDSET_DIGITS, IMEISV_DIGITS, names_subscription, whole_imei
from coffer.records.guessing import CALLED_NAMES, CALLER_NAMES, ENOUGH, Taken, plain, share_of
from coffer.records.mapping import Column

_OWN: Final = ("", "sv", "number", "no", "nr", "served", "servedsv", "subscriber", "own")
"""What stands beside ``imei`` or ``imsi`` in a name that says no party: that of whom the record is about."""
_SERVED: Final = ("msisdn", "servedmsisdn", "ownnumber", "subscribernumber", "subscriber")
"""Names of the number of whom the record is about."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Device:
    """A column. ``what``: imei or imsi. ``party``: a or b, where its name says so, else empty."""

    what: str
    party: str
    column: str
    values: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class DeviceLines:
    """What a feed says of them: in its table ``[feed]``, and in ``[columns]``."""

    keep: str
    feed: tuple[str, ...]
    columns: tuple[str, ...]


def set_devices_aside(taken: Taken) -> tuple[Device, ...]:
    """The columns of handsets and SIMs, which are no longer left to be taken for numbers."""
    devices = []
    for name, values in list(taken.left.items()):
        for what, fits in (("imei", _is_imei), ("imsi", names_subscription)):
            party = _party(name, what)
            if isinstance(name, str) and party is not None and share_of(values, fits) >= ENOUGH:
                devices.append(Device(what=what, party=party, column=name, values=tuple(values)))
                taken.left.pop(name, None)
    return tuple(devices)


def device_lines(devices: Sequence[Device], taken: Taken, *, a: Column, b: Column, has_own: bool) -> DeviceLines:
    """The lines of the columns whose party is known; notes on the others.

    ``has_own``: a column of directions says that ``a`` is the own number of each row.
    """
    own = "a" if has_own else next((party for party, name in (("a", a), ("b", b)) if plain(name) in _SERVED), "")
    placed: dict[str, Device] = {}
    for device in devices:
        field = f"{device.party or own}_{device.what}"
        if device.party or own:
            placed.setdefault(field, device)
        else:
            taken.notes.append(_whose(device))
    for field, device in placed.items():
        taken.left[device.column] = list(device.values)
        taken.give(field, device.column, "by its name, and its values fit")
    kept = tuple(what for what in ("imei", "imsi") if any(one.what == what for one in placed.values()))
    if kept:
        taken.notes.append(
            f"keep: each record carries {' and '.join(kept)}; leave out what nobody may ask for. With index it is also "
            "found by them"
        )
    return DeviceLines(
        keep=json.dumps(list(kept)),
        feed=tuple(_without_check(placed.values())),
        columns=tuple(f"{field} = {json.dumps(device.column)}" for field, device in placed.items()),
    )


def _whose(device: Device) -> str:
    what = device.what
    return (
        f"{what}: column {device.column} does not say whose it is: under [columns] name it a_{what} if it is the "
        f"caller's, b_{what} if it is the called one's, and write keep = [\"{what}\"]"
    )


def _without_check(devices: Iterable[Device]) -> Iterator[str]:
    values = [value for one in devices if one.what == "imei" for value in one.values]
    if share_of(values, lambda value: len(value) == HANDSET_DIGITS) >= ENOUGH:
        yield "imei_without_check = true"


def _is_imei(text: str) -> bool:
    return HANDSET_DIGITS <= len(text) <= IMEISV_DIGITS and whole_imei(text, len(text)) is not None


def _party(name: Column, what: str) -> str | None:
    """Whose it is by its name: a, b, or empty; None if the name is not one of these."""
    before, called, after = plain(name).partition(what)
    rest = before + after
    if not called:
        return None
    if rest in _OWN:
        return ""
    for party, names in (("a", CALLER_NAMES), ("b", CALLED_NAMES)):
        if rest in names:
            return party
    return None
