"""The fields that a row carries beside its core. Values only: whoever writes an answer needs no feed."""

from enum import IntFlag


class Layout(IntFlag):
    """Fields of a row's extra (``docs/formats/segment.md``), in this order."""

    CELL = 1
    IMEI = 2
    IMSI = 4
    SHORT_STRING = 8
    LONG_STRING = 16
    BY_IMEI = 32
    BY_IMSI = 64
    OWN = 96
    """Rows that may be found by a handset or a subscription carry the number of their own party."""
