"""A yearly table in the words of a language. Pure; it shows the document that ``--json`` prints."""

from collections.abc import Mapping
from itertools import groupby
from typing import Any, Final

from coffer.pictures.sections import Section, digits
from coffer.pictures.table_words import TABLE_WORDS
from coffer.pictures.transparency_words import NBSP, WORDS

_CANNOT: Final = "cannot"
_HOURS: Final = ("average.least-hours", "average.most-hours")
"""The rows of which the numbers are hours."""


def table_sections(table: Mapping[str, Any], language: str) -> list[Section]:
    """A section for each group of rows; what the log cannot tell is the last."""
    words = TABLE_WORDS[language]
    split = [(*row["row"].split(".", 1), row["cells"]) for row in table["rows"]]
    shown = []
    for group, rows in groupby(split, key=lambda row: row[0]):
        if group == _CANNOT:
            told = tuple((words[f"{group}.{name}"], words["not_told"]) for _, name, _ in rows)
            shown.append(Section(caption=words[group], heads=("", words["log"]), rows=told, note=words["cannot_note"]))
            continue
        lines = [
            (
                _label(group, name, language),
                *(_cell(one, language, is_hours=f"{group}.{name}" in _HOURS) for one in cells),
            )
            for _, name, cells in rows
        ]
        heads = ("", *(words[column] for column in table["columns"]))
        shown.append(Section(caption=words[group], heads=heads, rows=tuple(lines), note=_note(group, lines, language)))
    return shown


def _label(group: str, name: str, language: str) -> str:
    words = TABLE_WORDS[language]
    report = {"reason": f"reason_{name}", "ratification": f"emergency_{name}"}.get(group)
    if report is not None:
        return WORDS[language][report]
    return words["untold"] if name == "untold" else words[f"{group}.{name}"]


def _cell(value: int | str | None, language: str, *, is_hours: bool) -> str:
    words = TABLE_WORDS[language]
    if value is None:
        return words["not_told"]
    if isinstance(value, int):
        return f"{digits(value, language)}{NBSP}h" if is_hours else digits(value, language)
    return words["of_few" if value.startswith("of ") else "few"]


def _note(group: str, lines: list[tuple[str, ...]], language: str) -> str:
    words = TABLE_WORDS[language]
    notes = [words[f"{group}_note"]] if f"{group}_note" in words else []
    if any(label == words["untold"] and set(cells) - {"0"} for label, *cells in lines):
        notes.append(words["untold_note"])
    return " ".join(notes)
