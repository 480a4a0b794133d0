"""Columns of IMSIs and IMEIs, without a Python call per value.

An IMEI is *marked*: the number of its digits behind a 1, so that a leading zero stays. 0 is none.

Source: ``docs/formats/identity.md``, as ``mobile`` says it of one value.
"""

import numpy as np

from coffer.identity.arrays import U64
from coffer.identity.mobile import HANDSET_DIGITS
from coffer.identity.scanning import Bools


def unmarked(imei: U64) -> U64:
    """The digits of marked IMEIs as numbers, which keep no leading zero."""
    return imei - np.where(imei > 0, _mark(imei), np.uint64(0))


def _mark(imei: U64) -> U64:
    """What the 1 before the digits stands for: 10^14, 10^15 or 10^16."""
    power = np.full(len(imei), 10**14, np.uint64)
    for more in (10**15, 10**16):
        power[imei >= more] = more
    return power


def handsets(imei: U64) -> U64:
    """The 14 digits that name the handset of each marked IMEI, as a number; 0 where it names none.

    Networks send 0 in the place of the check digit (TS 23.003, section 6.2.1), so 15 digits may end with it.
    """
    mark = _mark(imei)
    digits = imei - mark
    beyond = mark // np.uint64(10**14)  # 1, 10 or 100: what stands behind the 14 digits is below it
    body, rest = digits // beyond, digits % beyond
    is_good = (imei > 0) & ((beyond != 10) | (rest == 0) | (rest == _luhn_digits(body)))
    tac = body // np.uint64(10**6)
    issuer = tac // np.uint64(10**6)
    is_nobodys = (issuer == 0) | ((issuer >= 2) & (issuer <= 19)) | (body % np.uint64(10**6) == 0)
    is_nobodys |= (tac == 1_234_567) | (tac % np.uint64(11_111_111) == 0)  # 8 digits that are all the same
    return np.where(is_good & ~is_nobodys, body, np.uint64(0))


def is_without_check(imei: U64) -> Bools:
    """Which marked IMEIs have 14 digits, among which nothing could be seen to be wrong."""
    is_short: Bools = (imei > 0) & (_mark(imei) == 10**14)
    return is_short


def _luhn_digits(body: U64) -> U64:
    total, rest = np.zeros(len(body), np.uint64), body
    for place in range(HANDSET_DIGITS):
        digit = rest % np.uint64(10)
        rest = rest // np.uint64(10)
        if place % 2 == 0:
            digit = digit * np.uint64(2)
            digit = digit - np.where(digit > 9, np.uint64(9), np.uint64(0))
        total += digit
    return (np.uint64(10) - total % np.uint64(10)) % np.uint64(10)


def subscriptions(imsi: U64) -> U64:
    """The IMSIs that name a subscription, as numbers; 0 elsewhere."""
    mcc = mcc_of(imsi)
    is_good = (imsi >= 10**13) & (imsi < 10**15) & (((mcc >= 200) & (mcc < 800)) | (mcc == 901))
    return np.where(is_good & (imsi % np.uint64(10**9) > 0), imsi, np.uint64(0))


def mcc_of(imsi: U64) -> U64:
    """The first three digits of IMSIs of 14 or 15 digits."""
    return np.where(imsi >= 10**14, imsi // np.uint64(10**12), imsi // np.uint64(10**11))
