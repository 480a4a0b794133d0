"""The fields that a row carries beside its core. Values only: whoever writes an answer needs no feed."""

from enum import IntFlag


class Layout(IntFlag):
    """Fields of a row's extra (``docs/formats/segment.md``), in this order."""

    CELL = 1
    IMEI = 2
    IMSI = 4
    SHORT_STRING = 8
    LONG_STRING = 16
