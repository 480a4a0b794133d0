"""What answer.json claims, in its form only (docs/formats/answer.md). Pure.

The steps of the audit hold these claims against the evidence.
"""

from __future__ import annotations

from dataclasses import dataclass

from coffer_audit.answer.exchange import CODES
from coffer_audit.errors import MalformedInput

ANSWER_KEYS = {
    "format": str,
    "origin": str,
    "authorization": str,
    "intent": int,
    "draw": (int, type(None)),
    "close": int,
    "records": int,
    "repeated_records": int,
    "superseded_records": int,
    "outside_period": int,
    "days_opened": list,
    "answers": int,
    "custodians": dict,
    "cells": list,
}


CELL_KEYS = {
    "segment": str,
    "day": str,
    "kind": str,
    "feed": str,
    "rule": str,
    "part": int,
    "subject": int,
    "status": str,
    "records": int,
    "outside_period": int,
    "superseded": bool,
    "by": list,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Cell:
    """One cell of answer.json."""

    segment: str
    day: str
    kind: str
    feed: str
    rule: str
    part: int
    subject: int
    status: str
    records: int
    outside_period: int
    superseded: bool
    by: list[str]


def verify_types(value: object, keys: dict[str, type], place: str) -> dict[str, object]:
    """Give a JSON object that has exactly these keys with values of these types."""
    if (
        not isinstance(value, dict)
        or set(value) != set(keys)
        or not all(
            isinstance(value[key], kind) and (kind is bool or not isinstance(value[key], bool))
            for key, kind in keys.items()
        )
    ):
        raise MalformedInput(f"{place}: found other keys or types, expected an answer's")
    return value


STATUSES = ("complete", "no records", "unconfirmed")
CONDUCT = (
    "answered",
    "no answer",
    "not asked",
    *(f"refused: {code}" for code in (*CODES.values(), "constant")),
    "fault",
)
