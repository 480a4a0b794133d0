"""IMSI and IMEI: which subscription and which handset digits name.

An IMSI names a subscription, an IMEI a handset. One handset has one identity: the 14 digits of TAC and serial number.
The check digit follows from them, and a software version (SVN) is not part of the handset.

Source: ``docs/formats/identity.md``; 3GPP TS 23.003, sections 2.2, 6.2 and annex B; ITU-T E.212.
"""

import csv
import re
from functools import cache
from pathlib import Path
from typing import Final

from coffer.identity.numbering import VERSION, verify_version

HANDSET_DIGITS: Final = 14
"""TAC (8) and serial number (6)."""
IMEI_DIGITS: Final = 15
IMEISV_DIGITS: Final = 16
_FOLDER: Final = Path(__file__).with_name("data")
_IMEI: Final = re.compile(r"[0-9]{14,16}")
_NOBODYS: Final = re.compile(r"0[02-9]|1|01234567|([0-9])\1{7}|[0-9]{8}0{6}")
"""How 14 digits begin that are no handset's (``docs/formats/identity.md``, "What names no handset")."""
_IMSI: Final = re.compile(r"(?:[2-7][0-9]{2}|901)(?![0-9]*0{9}$)[0-9]{11,12}")
"""MCC and 11 or 12 digits.

901 is shared by networks of no country. Other MCCs outside 200 to 799 are of test and private networks, whose numbers
name nobody in the world; nine zeros at the end are no subscriber.
"""


def luhn_digit(digits: str) -> str:
    """The check digit of an IMEI's 14 digits (TS 23.003, annex B.2)."""
    doubled = [int(digit) * (1 + place % 2) for place, digit in enumerate(digits)]
    return str(-sum(value // 10 + value % 10 for value in doubled) % 10)


def names_handset(digits: str) -> bool:
    """Whether 14 digits can be those of one handset: no test value, no mask, no zero lost."""
    return _NOBODYS.match(digits) is None


def whole_imei(digits: str, length: int = IMEI_DIGITS) -> str | None:
    """An IMEI in its one spelling: 15 digits, the last of which checks the others.

    ``length``: how many digits its source says that it has: 15; 14, without check digit; 16, with a software version
    instead of it. It is never taken from the digits: only 15 check themselves, so an IMEI with a digit too few or too
    many would be a stranger's handset. None if there is another number of digits, if they name no handset, or if the
    check digit is wrong.
    """
    body = digits[:HANDSET_DIGITS]
    if len(digits) != length or _IMEI.fullmatch(digits) is None or not names_handset(body):
        return None
    whole = body + luhn_digit(body)
    return whole if length != IMEI_DIGITS or digits == whole else None


def names_subscription(digits: str) -> bool:
    """Whether an IMSI names a subscription: 14 or 15 digits, with an MCC of a country or 901."""
    return _IMSI.fullmatch(digits) is not None


@cache
def _countries(version: str) -> dict[str, str]:
    verify_version(version)
    with (_FOLDER / f"mcc-{version}.csv").open(encoding="ascii", newline="") as file:
        return {row["mcc"]: row["country"] for row in csv.DictReader(file)}


def country_of_imsi(digits: str, version: str = VERSION) -> str | None:
    """The country to which ITU-T E.212 assigns the MCC; None if it has several, or none.

    Raises:
        Unavailable: the tables of that version are not here.
    """
    return _countries(version).get(digits[:3])


def mccs(version: str) -> dict[int, str]:
    """By MCC, its country."""
    return {int(mcc): country for mcc, country in _countries(version).items()}
