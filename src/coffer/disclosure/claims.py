"""The form of ``answer.json``: its keys and their types. Pure. Source: ``docs/formats/answer.md``."""

from collections.abc import Mapping
from typing import Final

from coffer.errors import MalformedInput

ANSWER_KEYS: Final = {
    "format": str,
    "origin": str,
    "authorization": str,
    "intent": int,
    "draw": int | None,
    "close": int,
    "records": int,
    "repeated_records": int,
    "superseded_records": int,
    "superseded_batches": list,
    "outside_period": int,
    "days_opened": list,
    "answers": int,
    "custodians": dict,
    "cells": list,
}
CELL_KEYS: Final = {
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


def typed(value: object, keys: Mapping[str, object], place: str) -> dict[str, object]:
    """An object that has exactly these keys, with values of these types; raises ``MalformedInput``."""
    fits = isinstance(value, dict) and set(value) == set(keys)
    if isinstance(value, dict) and fits:
        for key, kind in keys.items():
            is_bool = isinstance(value[key], bool)
            fits &= isinstance(value[key], kind) and is_bool == (kind is bool)  # type: ignore[arg-type]
    if not isinstance(value, dict) or not fits:
        raise MalformedInput(f"{place}: other keys or types, expected those that coffer open writes")
    return value


def index_of(answer: Mapping[str, object], key: str) -> int:
    """A log index that ``answer.json`` names; its type was verified."""
    value = answer[key]
    assert isinstance(value, int), "the types were checked"
    return value
