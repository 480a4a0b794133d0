"""The transparency report as tables, and as an HTML page that loads nothing and runs no script.

Pure. The figures come from the document that ``--json`` prints, so page, text and JSON cannot differ.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from html import escape
from typing import Any, Final

from coffer.pictures.page import STYLE
from coffer.pictures.sections import Section, digits
from coffer.pictures.table_sections import table_sections
from coffer.pictures.table_words import TABLE_WORDS
from coffer.pictures.transparency_words import NBSP, WORDS

_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_DATES: Final = {"en": "%Y-%m-%d", "fr": "%d/%m/%Y", "de": "%d.%m.%Y"}
NOT_REVEALED: Final = "not revealed yet"


def _openings_by(key: str, log: Mapping[str, Any], language: str, *, note: str) -> Section:
    """The table of openings and records by the value of one revealed line."""
    words = WORDS[language]
    names = {NOT_REVEALED: words["not_revealed"]} | {kind: words[kind] for kind in ("call", "text", "email")}
    return Section(
        caption=words[f"by_{key}"],
        heads=(words[key], words["openings"], words["records_opened"]),
        rows=tuple(
            (
                names.get(item[key], item[key]) if key == "kind" or item[key] == NOT_REVEALED else item[key],
                digits(item["openings"], language),
                digits(item["records"], language),
            )
            for item in log[f"by_{key}"]
        ),
        note=note,
    )


def sections(document: Mapping[str, Any], language: str) -> list[Section]:
    """The tables of a report, or the one yearly table of the document; empty ones are left out."""
    if "table" in document:
        return table_sections(document["table"], language)
    words, log = WORDS[language], document["log"]

    def number(value: int) -> str:
        return digits(value, language)

    facts = [(words[key], number(log[key])) for key in _FACTS]
    if log["seconds_to_answer"]:
        facts += [
            (words[f"seconds_{key}"], f"{number(log['seconds_to_answer'][key])} s") for key in ("median", "longest")
        ]
    if document["overdue"] is not None:
        facts.append((words["overdue"], number(document["overdue"])))
    tally, collected = document["tally"], [(words[key], number(count)) for key, count in log["collected"].items()]
    noise = tally["noise_standard_deviation"]
    margin = number(round(2 * (noise or 0)))
    collected.append((words["tally"], number(tally["records"]) + (f"{NBSP}±{NBSP}{margin}" if noise else "")))
    tables = [
        Section(caption=words["asked"], heads=("", words["number"]), rows=tuple(facts), note=words["asked_note"]),
        _openings_by("authority", log, language, note=words["revealed_note"]),
        _openings_by("rule", log, language, note=words["rule_note"]),
        _openings_by("kind", log, language, note=words["kind_note"]),
        Section(
            caption=words["refusals"],
            heads=(words["reason"], words["number"]),
            rows=tuple((words[f"reason_{reason}"], number(count)) for reason, count in log["refusals"].items()),
        ),
        Section(
            caption=words["emergencies"],
            heads=(words["emergency"], words["number"]),
            rows=tuple(
                (words[f"emergency_{status}"], number(count)) for status, count in log["emergencies"].items() if count
            ),
            note=words["emergency_note"],
        ),
        Section(
            caption=words["faults"],
            heads=(words["party"], words["number"]),
            rows=tuple((party, number(count)) for party, count in log["faults"].items()),
        ),
        Section(
            caption=words["collected"],
            heads=("", words["number"]),
            rows=tuple(collected),
            note=words["noise" if noise else "exact" if tally["records"] else "no_tally"].format(noise=margin),
        ),
        Section(
            caption=words["segments"],
            heads=(words["kind"], words["rule"], words["segments"], words["rows"]),
            rows=tuple(
                (words[item["kind"]], item["rule"], number(item["segments"]), number(item["padded_rows"]))
                for item in log["segments"]
            ),
        ),
    ]
    return [section for section in tables if section.rows]


_FACTS: Final = (
    "authorizations",
    "openings",
    "closed",
    "records_drawn",
    "records_opened",
    "unconfirmed_cells",
    "revocations",
    "reveals",
    "destroyed_keys",
    "superseded_batches",
    "holds",
    "extended_holds",
    "released_holds",
)


def printed(document: Mapping[str, Any], language: str) -> dict[str, Any]:
    """Everything that a printed report shows, as finished text."""
    words = WORDS[language]
    first, last = (dt.date.fromisoformat(document[key]).strftime(_DATES[language]) for key in ("from", "to"))
    table, title, lead = "", words["title"].format(origin=document["origin"]), words["lead"]
    if "table" in document:
        name, own = document["table"]["name"], TABLE_WORDS[language]
        table, title, lead = f" --table {name}", f"{own[name]} ({document['origin']})", own["lead"]
    return {
        "origin": document["origin"],
        "title": title,
        "period": words["period"].format(first=first, last=last),
        "lead": lead,
        "sections": [asdict(section) for section in sections(document, language)],
        "verify_title": words["verify_title"],
        "verify": words["verify"],
        "command": f"coffer-audit transparency VAULT --from {document['from']} --to {document['to']}{table} --json",
    }


def format_transparency_page(document: Mapping[str, Any], language: str) -> bytes:
    """The page in UTF-8."""
    words, shown = WORDS[language], printed(document, language)
    title, period = shown["title"], shown["period"]
    body = [
        f"<header>\n<h1>{escape(title)}</h1>\n<p>{escape(period)}</p>\n<p>{escape(shown['lead'])}</p>\n</header>\n<main>",
        *(_section(section) for section in sections(document, language)),
        f'<section class="text">\n<h2>{escape(words["verify_title"])}</h2>\n<p>{escape(words["verify"])}</p>',
        f"<p>{escape(shown['command'])}</p>\n</section>\n</main>",
    ]
    head = (
        '<meta charset="utf-8">',
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<title>{escape(title)}</title>",
        f"<style>{STYLE}.top td:not(:first-child), .top th:not(:first-child) {{ overflow-wrap: anywhere; }}\n.note {{ margin-top: 8px; }}\n</style>",
    )
    lines = ("<!doctype html>", f'<html lang="{language}">', "<head>", *head, "</head>", "<body>", *body)
    return ("\n".join((*lines, "</body>", "</html>")) + "\n").encode("utf-8")


def _section(section: Section) -> str:
    head = "".join(f'<th scope="col"{_number(i)}>{escape(text)}</th>' for i, text in enumerate(section.heads))
    rows = "\n".join(_row(row) for row in section.rows)
    note = f'\n<p class="note text">{escape(section.note)}</p>' if section.note else ""
    table = f"<table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n{rows}\n</tbody>\n</table>"
    return f'<section>\n<h2>{escape(section.caption)}</h2>\n<div class="top">\n{table}\n</div>{note}\n</section>'


def _row(row: Sequence[str]) -> str:
    cells = "".join(f"<td{_number(i)}>{escape(text)}</td>" for i, text in enumerate(row[1:], 1))
    return f'<tr><th scope="row">{escape(row[0])}</th>{cells}</tr>'


def _number(column: int) -> str:
    return ' class="number"' if column else ""
