"""The parties of a record, by the letters that columns and feeds name them with."""

from typing import Final

PARTIES: Final = ("a", "b", "f")
"""A-number, B-number, and the number a call was forwarded to."""
